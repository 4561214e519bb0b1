//! Histories, briefly written.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::history::{
    Agreement, Edge, EdgeKey, EdgeTotals, History, Interval, NodeHistory, Observed, Party,
    PodGroup, PolicyRevision, Port, Present, RememberedPolicy, SeenAt,
};
use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::manifest;
use crate::model::{Cidr, Labels, Object, Protocol, Workload};
use crate::verdict::Decision;

/// Two nodes, the cluster's DNS and two Services of `shop`.
const CLUSTER: &str = r"
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.244.1.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
spec: {podCIDRs: [10.244.2.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, selector: {k8s-app: kube-dns}, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, clusterIP: 10.96.0.20, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere, namespace: shop}
spec: {clusterIP: 10.96.0.30, ports: [{port: 443}]}
";

/// Seconds after a moment.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

/// Thirty days on both nodes, without a loss and without traffic.
pub(crate) fn history() -> History {
    let mut history = History::default();
    for object in objects(CLUSTER) {
        match object {
            Object::Node(node) => history.cluster.push(node),
            Object::Service(service) => history.services.push(service),
            other => panic!("{}", other.kind()),
        }
    }
    for name in ["n1", "n2"] {
        history.nodes.push(NodeHistory {
            name: name.into(),
            store: name.into(),
            read_at: at(30 * 86_400),
            intervals: vec![Interval {
                from: at(0),
                until: at(30 * 86_400),
                losses: Vec::new(),
            }],
            dialect: "specification".into(),
        });
    }
    history
}

pub(crate) fn objects(yaml: &str) -> Vec<Object> {
    let read = manifest::parse(yaml);
    assert_eq!(read.errors, []);
    read.objects
}

/// Puts policies in force.
pub(crate) fn enforce(history: &mut History, yaml: &str) {
    for object in objects(yaml) {
        let policy = match object {
            Object::NetworkPolicy(policy) => RememberedPolicy::Network(policy),
            Object::TieredPolicy(policy) => RememberedPolicy::Tiered(policy),
            other => panic!("{}", other.kind()),
        };
        history.policies.push(PolicyRevision {
            policy,
            since: at(0),
            until: None,
        });
    }
}

/// Pods of the Deployment `shop/web`, with labels such as `app=web,tier=front`.
pub(crate) fn group(name: &str, labels: &str) -> PodGroup {
    let (namespace, workload) = name.split_once('/').unwrap();
    let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
    PodGroup {
        namespace: namespace.into(),
        namespace_labels: Labels::from_iter([(NAMESPACE_NAME_LABEL, namespace)]),
        workload: Workload {
            kind: "Deployment".into(),
            name: workload.into(),
        },
        labels: pairs.collect(),
        ports: Vec::new(),
        host_network: false,
    }
}

/// Has pods of a group on node `n1`.
pub(crate) fn run(history: &mut History, group: PodGroup) -> Party {
    let group = Arc::new(group);
    history.population.push(Present {
        group: group.clone(),
        pods: [("n1".into(), 1)].into(),
        first_seen: at(0),
        last_seen: at(30 * 86_400),
    });
    Party::Pods(group)
}

pub(crate) fn outside(text: &str) -> Party {
    Party::Outside(Cidr::parse_lenient(text).unwrap().0)
}

pub(crate) fn node(name: &str) -> Party {
    Party::Node { name: name.into() }
}

/// Ten connections to a TCP port that got through, seen at the source on node `n1`.
pub(crate) fn edge(source: &Party, destination: &Party, port: u16) -> Edge {
    Edge {
        key: EdgeKey {
            node: "n1".into(),
            seen_at: SeenAt::Source,
            source: source.clone(),
            destination: destination.clone(),
            service: None,
            protocol: Protocol::Tcp,
            port: Port::One(port),
            observed: Observed::Forwarded,
            drop: None,
            computed: Decision::Allowed,
            agreement: Agreement::Agree,
            policies: Vec::new(),
        },
        totals: EdgeTotals {
            connections: 10,
            resumed: 0,
            packets: 100,
            bytes: 5_000,
            first_seen: at(0),
            last_seen: at(60),
            after_change: 0,
            longest_after_change: None,
        },
    }
}
