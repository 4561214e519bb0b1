//! Histories and policies, briefly written.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::history::{
    Agreement, Edge, EdgeKey, EdgeTotals, History, Observed, Party, PodGroup, Port, Present,
    RememberedPolicy, SeenAt,
};
use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::manifest;
use crate::model::{Cidr, Labels, NamedPort, Object, Protocol, Workload};
use crate::verdict::Decision;

/// Policies of manifests.
pub(super) fn policies(yaml: &str) -> Vec<RememberedPolicy> {
    let objects = objects(yaml).into_iter();
    let policies = objects.filter_map(|object| match object {
        Object::NetworkPolicy(policy) => Some(RememberedPolicy::Network(policy)),
        Object::TieredPolicy(policy) => Some(RememberedPolicy::Tiered(policy)),
        _ => None,
    });
    policies.collect()
}

pub(super) fn objects(yaml: &str) -> Vec<Object> {
    let read = manifest::parse(yaml);
    assert_eq!(read.errors, []);
    read.objects
}

/// A cluster of two nodes, and a Service.
pub(super) fn cluster() -> History {
    let mut history = History::default();
    for object in objects(
        r"
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {zone: a}}
spec: {podCIDRs: [10.244.1.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {zone: b}}
spec: {podCIDRs: [10.244.2.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.2}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: prod}
spec: {clusterIP: 10.96.0.7, selector: {app: db}, ports: [{port: 5432}]}
",
    ) {
        match object {
            Object::Node(node) => history.cluster.push(node),
            Object::Service(service) => history.services.push(service),
            other => panic!("{}", other.kind()),
        }
    }
    history
}

/// `prod/web`: pods of the Deployment `web` with the label `app=web`.
pub(super) fn group(name: &str) -> PodGroup {
    let (namespace, name) = name.split_once('/').unwrap();
    PodGroup {
        namespace: namespace.into(),
        namespace_labels: Labels::from_iter([(NAMESPACE_NAME_LABEL, namespace)]),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: vec![NamedPort {
            name: "main".into(),
            protocol: Protocol::Tcp,
            port: 8080,
        }],
        host_network: false,
    }
}

pub(super) fn pods(name: &str) -> Party {
    Party::Pods(Arc::new(group(name)))
}

pub(super) fn cidr(text: &str) -> Cidr {
    Cidr::parse_lenient(text).unwrap().0
}

pub(super) fn outside(text: &str) -> Party {
    Party::Outside(cidr(text))
}

pub(super) fn node(name: &str) -> Party {
    Party::Node { name: name.into() }
}

/// Present on node `n1`.
pub(super) fn present(group: PodGroup) -> Present {
    Present {
        group: Arc::new(group),
        pods: [("n1".into(), 1)].into(),
        first_seen: at(0),
        last_seen: at(60),
    }
}

/// Seconds after a moment.
pub(super) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

/// Ten forwarded TCP connections, seen at the source on node `n1`.
pub(super) fn edge(source: Party, destination: Party, port: Port) -> Edge {
    Edge {
        key: EdgeKey {
            node: "n1".into(),
            seen_at: SeenAt::Source,
            source,
            destination,
            service: None,
            protocol: Protocol::Tcp,
            port,
            observed: Observed::Forwarded,
            drop: None,
            computed: Decision::Allowed,
            agreement: Agreement::Agree,
            policies: Vec::new(),
        },
        totals: EdgeTotals {
            connections: 10,
            resumed: 1,
            packets: 100,
            bytes: 5_000,
            first_seen: at(0),
            last_seen: at(60),
            after_change: 0,
            longest_after_change: None,
        },
    }
}
