//! A week of a small shop: what every format is shown with.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::history::{
    Agreement, DropKind, Edge, EdgeKey, EdgeTotals, History, Interval, Loss, MissingNode,
    NodeHistory, Observed, Party, PodGroup, PolicyRevision, Port, Present, RememberedPolicy,
    SeenAt,
};
use netpol_policy::manifest;
use netpol_policy::model::{Cidr, Labels, NamedPort, Node, Object, Protocol, Workload};
use netpol_policy::verdict::Decision;

use crate::run::directory;

const DAY: u64 = 24 * 3600;

/// So long after the week began.
pub(crate) fn at(seconds: u64) -> SystemTime {
    // 2026-03-02T00:00:00Z
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_409_600 + seconds)
}

pub(crate) fn history() -> History {
    let groups = [
        ("shop", "Deployment", "web"),
        ("shop", "StatefulSet", "db"),
        ("shop", "Deployment", "api"),
        ("batch", "CronJob", "report"),
    ];
    let [web, db, api, report] = groups.map(|(namespace, kind, name)| group(namespace, kind, name));
    let pods = |group: &Arc<PodGroup>| Party::Pods(group.clone());
    let tcp = Port::One;
    let mut history = History {
        nodes: vec![NodeHistory {
            name: "n1".into(),
            store: "s1".into(),
            read_at: at(7 * DAY),
            intervals: vec![
                interval(0, 3 * DAY, 0),
                interval(3 * DAY + 6 * 3600, 7 * DAY, 12),
            ],
            dialect: "specification".into(),
        }],
        missing: vec![MissingNode {
            name: "n3".into(),
            reason: "its agent does not answer".into(),
        }],
        cluster: [1, 2, 3].map(node).into(),
        policies: in_force(),
        population: [&web, &db, &api, &report].map(present).into(),
        ..History::default()
    };
    let mut blocked = edge(pods(&report), pods(&api), tcp(8080), 7);
    blocked.key.observed = Observed::Dropped;
    blocked.key.computed = Decision::Denied;
    blocked.key.drop = Some(DropKind {
        reason: "NETFILTER_DROP".into(),
        class: "firewall".into(),
    });
    history.edges = vec![
        edge(pods(&web), pods(&db), tcp(5432), 1200),
        edge(pods(&web), pods(&api), tcp(8080), 300),
        edge(pods(&api), pods(&db), tcp(22), 1),
        blocked,
        edge(outside("203.0.113.7/32"), pods(&web), tcp(8080), 80),
        edge(outside("198.51.100.9/32"), pods(&web), tcp(8080), 4),
        edge(outside("198.51.100.64/28"), pods(&web), tcp(8080), 2),
        edge(Party::Many, pods(&web), Port::Many, 900),
        edge(pods(&web), outside("192.0.2.53/32"), tcp(53), 40),
    ];
    history.edges[2].key.observed = Observed::Unanswered;
    history
}

/// The policies of `in-force.yaml`.
fn in_force() -> Vec<PolicyRevision> {
    let read = manifest::parse(&fs::read_to_string(directory().join("in-force.yaml")).unwrap());
    assert_eq!(read.errors, []);
    let objects = read.objects.into_iter();
    let revisions = objects.map(|object| match object {
        Object::NetworkPolicy(policy) => PolicyRevision {
            policy: RememberedPolicy::Network(policy),
            since: at(0),
            until: None,
        },
        other => panic!("{}", other.kind()),
    });
    revisions.collect()
}

fn interval(from: u64, until: u64, lost: u64) -> Interval {
    let loss = Loss {
        stage: "kernel".into(),
        reason: "ring_full".into(),
        count: lost,
    };
    Interval {
        from: at(from),
        until: at(until),
        losses: (lost > 0).then_some(loss).into_iter().collect(),
    }
}

pub(crate) fn group(namespace: &str, kind: &str, name: &str) -> Arc<PodGroup> {
    Arc::new(PodGroup {
        namespace: namespace.into(),
        namespace_labels: Labels::from_iter([("kubernetes.io/metadata.name", namespace)]),
        workload: Workload {
            kind: kind.into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: vec![NamedPort {
            name: "http".into(),
            protocol: Protocol::Tcp,
            port: 8080,
        }],
        host_network: false,
    })
}

fn present(group: &Arc<PodGroup>) -> Present {
    Present {
        group: group.clone(),
        pods: [("n1".into(), 2)].into(),
        first_seen: at(0),
        last_seen: at(7 * DAY),
    }
}

fn node(number: u8) -> Node {
    Node {
        name: format!("n{number}").into(),
        labels: Labels::default(),
        addresses: vec![[10, 0, 0, number].into()],
        kubelet_port: None,
        pod_cidrs: vec![cidr(&format!("10.244.{number}.0/24"))],
    }
}

fn cidr(text: &str) -> Cidr {
    Cidr::parse_lenient(text).unwrap().0
}

pub(crate) fn outside(text: &str) -> Party {
    Party::Outside(cidr(text))
}

/// Forwarded connections over TCP.
pub(crate) fn edge(source: Party, destination: Party, port: Port, connections: u64) -> Edge {
    Edge {
        key: EdgeKey {
            node: "n1".into(),
            seen_at: SeenAt::Destination,
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
            connections,
            resumed: 0,
            packets: connections * 10,
            bytes: connections * 1500,
            first_seen: at(60),
            last_seen: at(6 * DAY + connections),
            after_change: 0,
            longest_after_change: None,
        },
    }
}
