//! A cluster of any size: 50 pods a namespace, a policy for ten pods, both IP versions, all kinds of rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netpol_policy::connection::{Connection, End};
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest;
use netpol_policy::model::{Object, Protocol};
use serde_json::{Value, json};

const PODS_A_NAMESPACE: u32 = 50;
const PODS_A_POLICY: u32 = 10;
/// Pods of one namespace with the same labels come from so many workloads.
const APPS: u32 = 10;
const TIERED: u32 = 8;

/// Manifests, and what they make.
pub(crate) struct World {
    pub(crate) pods: u32,
    pub(crate) manifests: Vec<Value>,
    pub(crate) objects: Vec<Object>,
}

impl World {
    pub(crate) fn new(pods: u32) -> Self {
        let namespaces = (0..namespaces(pods)).map(|n| {
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace(n),
                   "labels": {"team": format!("team-{}", n % 7), "stage": format!("stage-{}", n % 3)}}})
        });
        let manifests: Vec<Value> = namespaces
            .chain((0..pods).map(pod))
            .chain((0..pods / PODS_A_POLICY).map(|n| policy(n, pods)))
            .chain((0..TIERED).map(tiered))
            .collect();
        let read = manifest::parse(&Value::from(manifests.as_slice()).to_string());
        assert_eq!(read.errors, []);
        Self {
            pods,
            objects: read.objects,
            manifests,
        }
    }

    pub(crate) fn inventory(&self) -> Inventory {
        Inventory::new(self.objects.iter().cloned())
    }

    /// Connections between pods all over the cluster, and from outside, no two alike.
    pub(crate) fn connections(&self, inventory: &Inventory, count: u32) -> Vec<Connection> {
        let end = |n: u32| inventory.end_at(ipv4(n % self.pods));
        let connection = |n: u32| {
            let from = if n.is_multiple_of(10) {
                End::Address(Ipv4Addr::new(203, 0, (n >> 8) as u8, n as u8).into())
            } else {
                end(n.wrapping_mul(7_919))
            };
            let to = end(n.wrapping_mul(104_729).wrapping_add(1));
            Connection::new(from, to, Protocol::Tcp, Some(port(n)))
        };
        (0..count).map(connection).collect()
    }

    /// The same questions, as the naive evaluator takes them.
    pub(crate) fn questions(&self, connections: &[Connection]) -> Vec<(String, String, u16)> {
        let name = |end: &End| match end {
            End::Address(address) => address.to_string(),
            end => end.to_string(),
        };
        let ask = |one: &Connection| {
            let port = one.destination_port.unwrap_or_default();
            (name(&one.source), name(&one.destination), port)
        };
        connections.iter().map(ask).collect()
    }

    /// Some pod of it with other labels.
    pub(crate) fn changed_pod(&self, round: u32) -> Object {
        let mut value = pod(round % self.pods);
        value["metadata"]["labels"]["app"] = format!("app-{}", (round / 7) % (APPS * 2)).into();
        object(value)
    }

    /// Some policy of it that selects others than before.
    pub(crate) fn changed_policy(&self, round: u32) -> Object {
        let mut value = policy(round % (self.pods / PODS_A_POLICY), self.pods);
        value["spec"]["podSelector"]["matchLabels"]["app"] = format!("app-{}", round % APPS).into();
        object(value)
    }
}

fn object(value: Value) -> Object {
    let mut read = manifest::parse(&value.to_string());
    assert_eq!(read.errors, []);
    read.objects.remove(0)
}

fn namespaces(pods: u32) -> u32 {
    pods.div_ceil(PODS_A_NAMESPACE)
}

fn namespace(n: u32) -> String {
    format!("space-{n}")
}

fn ipv4(n: u32) -> IpAddr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + n).into()
}

fn ipv6(n: u32) -> IpAddr {
    Ipv6Addr::from(u128::from(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)) + u128::from(n)).into()
}

fn port(n: u32) -> u16 {
    8_000 + (n % 6) as u16
}

fn pod(n: u32) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("pod-{n}"), "namespace": namespace(n / PODS_A_NAMESPACE),
                     "uid": format!("00000000-0000-4000-8000-{n:012}"),
                     "labels": {"app": format!("app-{}", n % APPS), "tier": format!("tier-{}", n % 3)}},
        "spec": {"nodeName": format!("node-{}", n % 100),
                 "containers": [{"name": "main", "ports": [{"name": "http", "containerPort": 8000}]}]},
        "status": {"podIPs": [{"ip": ipv4(n)}, {"ip": ipv6(n)}]},
    })
}

/// Every third compares addresses.
fn policy(n: u32, pods: u32) -> Value {
    let own = n % namespaces(pods);
    let mut from = vec![
        json!({"podSelector": {"matchLabels": {"app": format!("app-{}", (n + 1) % APPS)}}}),
        json!({"namespaceSelector": {"matchLabels": {"team": format!("team-{}", n % 7)}},
               "podSelector": {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["tier-1"]}]}}),
    ];
    if n.is_multiple_of(3) {
        let block = format!("203.{}.0.0/16", n % 200);
        from.push(
            json!({"ipBlock": {"cidr": block, "except": [format!("203.{}.4.0/24", n % 200)]}}),
        );
    }
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"name": format!("policy-{n}"), "namespace": namespace(own)},
        "spec": {
            "podSelector": {"matchLabels": {"app": format!("app-{}", (n / 3) % APPS)}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": from, "ports": [{"port": "http"}, {"port": 8001, "endPort": 8003}]}],
            "egress": [
                {"to": [{"namespaceSelector": {"matchLabels": {"stage": format!("stage-{}", n % 3)}}}]},
                {"ports": [{"protocol": "UDP", "port": 53}]},
            ],
        },
    })
}

fn tiered(n: u32) -> Value {
    let tier = if n.is_multiple_of(2) {
        "Admin"
    } else {
        "Baseline"
    };
    json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
        "metadata": {"name": format!("tiered-{n}")},
        "spec": {
            "tier": tier, "priority": n * 10,
            "subject": {"namespaces": {"matchLabels": {"team": format!("team-{}", n % 7)}}},
            "ingress": [{
                "action": if n % 4 < 2 { "Deny" } else { "Pass" },
                "from": [{"pods": {"namespaceSelector": {"matchLabels": {"stage": "stage-2"}},
                                   "podSelector": {"matchLabels": {"app": format!("app-{n}")}}}}],
                "protocols": [{"tcp": {"destinationPort": {"number": 8004}}}],
            }],
        },
    })
}
