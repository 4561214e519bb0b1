//! A history that holds everything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::history::{
    Agreement, DropKind, Edge, EdgeKey, EdgeTotals, History, Interval, Loss, MissingNode,
    NodeHistory, Observed, Part, Party, PodGroup, PolicyName, PolicyRevision, Port, Present,
    RememberedPolicy, RuleKey, RuleUse, SeenAt, UseTotals,
};
use netpol_policy::manifest;
use netpol_policy::model::{Cidr, Labels, NamedPort, Object, Protocol, Workload};
use netpol_policy::verdict::{Decision, Direction, PolicyKind};

const MANIFESTS: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod, uid: 1-2-3, generation: 4}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: guard}
spec:
  priority: 10
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{networks: [169.254.169.254/32]}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  ingress: [{action: Allow, from: [{namespaces: {}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: names}
spec:
  tier: Baseline
  priority: 7
  subject: {namespaces: {}}
  egress: [{action: Accept, to: [{domainNames: ['*.example.com']}]}]
---
apiVersion: v1
kind: Node
metadata: {name: node-a, labels: {zone: x}}
spec: {podCIDRs: [10.1.0.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: prod}
spec: {clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], selector: {app: db}, ports: [{port: 5432}]}
";

/// Policies, Nodes and Services, one of each kind.
pub(crate) fn objects() -> Vec<Object> {
    let read = manifest::parse(MANIFESTS);
    assert!(read.errors.is_empty(), "{:?}", read.errors);
    read.objects
}

pub(crate) fn at(second: u64) -> SystemTime {
    // 2026-11-14, and a nanosecond so that none gets lost.
    SystemTime::UNIX_EPOCH + Duration::new(1_794_650_000 + second, 1)
}

pub(crate) fn group(name: &str) -> Arc<PodGroup> {
    Arc::new(PodGroup {
        namespace: "prod".into(),
        namespace_labels: Labels::from_iter([("kubernetes.io/metadata.name", "prod")]),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: vec![NamedPort {
            name: "sql".into(),
            protocol: Protocol::Tcp,
            port: 5432,
        }],
        host_network: name == "proxy",
    })
}

pub(crate) fn edge(node: &str, source: Party, destination: Party) -> Edge {
    Edge {
        key: EdgeKey {
            node: node.into(),
            seen_at: SeenAt::Both,
            source,
            destination,
            service: Some(("prod".into(), "db".into())),
            protocol: Protocol::Tcp,
            port: Port::One(5432),
            observed: Observed::Forwarded,
            drop: None,
            computed: Decision::Allowed,
            agreement: Agreement::Agree,
            policies: vec![name(PolicyKind::NetworkPolicy, "prod", "db")],
        },
        totals: EdgeTotals {
            connections: 12,
            resumed: 1,
            packets: 140,
            bytes: 51_000,
            first_seen: at(10),
            last_seen: at(3_600),
            after_change: 1,
            longest_after_change: Some(Duration::from_millis(1_500)),
        },
    }
}

fn name(kind: PolicyKind, namespace: &str, name: &str) -> PolicyName {
    PolicyName {
        kind,
        namespace: namespace.into(),
        name: name.into(),
    }
}

/// One line of each record at least, and each kind of party.
pub(crate) fn example() -> History {
    let mut history = History {
        nodes: vec![NodeHistory {
            name: "node-a".into(),
            store: "5f0c1e9a7b3d2468".into(),
            read_at: at(4_000),
            intervals: vec![Interval {
                from: at(0),
                until: at(4_000),
                losses: vec![Loss {
                    stage: "kernel".into(),
                    reason: "ring_full".into(),
                    count: 3,
                }],
            }],
            dialect: "specification".into(),
        }],
        missing: vec![MissingNode {
            name: "node-b".to_owned(),
            reason: "its agent remembers nothing".to_owned(),
        }],
        ..History::default()
    };
    let web = || Party::Pods(group("web"));
    let mut dropped = edge("node-a", block("198.51.100.0/24"), web());
    dropped.key.seen_at = SeenAt::Destination;
    dropped.key.service = None;
    dropped.key.port = Port::Many;
    dropped.key.observed = Observed::Dropped;
    dropped.key.drop = Some(DropKind {
        reason: "NETFILTER_DROP".into(),
        class: "firewall".into(),
    });
    dropped.key.computed = Decision::Denied;
    let mut ping = edge("node-a", Party::Pods(group("proxy")), Party::Many);
    ping.key.protocol = Protocol::Other(1);
    ping.key.port = Port::None;
    let node = Party::Node {
        name: "node-a".into(),
    };
    let service = Party::Service {
        namespace: "prod".into(),
        name: "db".into(),
    };
    let unknown = Party::Unknown(Cidr::parse_lenient("10.1.0.9/32").unwrap().0);
    history.edges = vec![
        edge("node-a", web(), Party::Pods(group("db"))),
        dropped,
        ping,
        edge("node-a", node, web()),
        edge("node-a", web(), service),
        edge("node-a", web(), unknown),
    ];
    let entry = Part::Entry {
        rule: 0,
        peer: Some(0),
        port: Some(0),
    };
    history.uses = [entry, Part::Isolation]
        .map(|part| RuleUse {
            key: RuleKey {
                node: "node-a".into(),
                policy: name(PolicyKind::NetworkPolicy, "prod", "db"),
                fingerprint: 0x00ab_cdef_0123_4567,
                direction: Direction::Ingress,
                part,
            },
            totals: UseTotals {
                hits: 12,
                sole: 12,
                resumed: 1,
                forwarded: 13,
                bytes: 51_000,
                first_seen: at(10),
                last_seen: at(3_600),
            },
        })
        .into();
    history.population = vec![Present {
        group: group("web"),
        pods: BTreeMap::from([("node-a".into(), 2), ("".into(), 1)]),
        first_seen: at(5),
        last_seen: at(4_000),
    }];
    add_objects(&mut history);
    history
}

pub(crate) fn add_objects(history: &mut History) {
    let mut since = 0;
    let mut revision = |policy| {
        since += 1;
        PolicyRevision {
            policy,
            since: at(since),
            until: (since == 2).then(|| at(100)),
        }
    };
    for object in objects() {
        match object {
            Object::NetworkPolicy(policy) => {
                let policy = RememberedPolicy::Network(policy);
                history.policies.push(revision(policy));
            }
            Object::TieredPolicy(policy) => {
                let policy = RememberedPolicy::Tiered(policy);
                history.policies.push(revision(policy));
            }
            Object::Node(node) => history.cluster.push(node),
            Object::Service(service) => history.services.push(service),
            other => panic!("{other:?}"),
        }
    }
}

fn block(text: &str) -> Party {
    Party::Outside(Cidr::parse_lenient(text).unwrap().0)
}
