//! March of a small shop: what every format is shown with.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_history::Writer;
use netpol_policy::history::{
    Agreement, Edge, EdgeKey, EdgeTotals, History, Interval, Loss, MissingNode, NodeHistory,
    Observed, Part, Party, PodGroup, PolicyRevision, Port, Present, RememberedPolicy, RuleKey,
    RuleUse, SeenAt, UseTotals, fingerprint,
};
use netpol_policy::manifest;
use netpol_policy::model::{Cidr, Labels, NamedPort, Node, Object, Protocol, Workload};
use netpol_policy::verdict::{Decision, Direction};

use crate::run::directory;

const DAYS: u64 = 30;

/// So many days after the month began.
fn at(days: u64) -> SystemTime {
    // 2026-03-01T00:00:00Z
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_323_200 + days * 24 * 3600)
}

/// The month as a file.
pub(crate) fn file() -> String {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes, at(DAYS), "test").unwrap();
    // Each node knows who exists and what is in force.
    let (mut first, mut second) = (history(), history());
    first.nodes.truncate(1);
    second.nodes.remove(0);
    (second.edges, second.uses) = (Vec::new(), Vec::new());
    for part in [first, second] {
        writer.history(&part).unwrap();
    }
    writer.end().unwrap();
    String::from_utf8(bytes).unwrap()
}

fn history() -> History {
    let web = group("shop", "Deployment", "web");
    let db = group("shop", "StatefulSet", "db");
    let api = group("shop", "Deployment", "api");
    let report = group("batch", "CronJob", "report");
    let policies: Vec<PolicyRevision> = in_force("policies.yaml", 0)
        .into_iter()
        .chain(in_force("api.yaml", 28))
        .collect();
    let http = entry(0, Some(0), Some(0));
    let uses = [
        ("closed", Part::Isolation, 7, 7),
        ("db", http, 1200, 1200),
        ("db", entry(1, Some(0), Some(0)), 4, 4),
        ("web", http, 88, 80),
        ("web", entry(1, Some(0), Some(0)), 8, 0),
    ];
    let uses = uses.map(|(name, part, hits, sole)| used(&policies, name, part, hits, sole));
    let pods = |group: &Arc<PodGroup>| Party::Pods(group.clone());
    let outside = |text: &str| Party::Outside(Cidr::parse_lenient(text).unwrap().0);
    History {
        nodes: vec![watched("n1", 12), watched("n2", 0)],
        missing: vec![MissingNode {
            name: "n3".into(),
            reason: "its agent does not answer".into(),
        }],
        cluster: [1, 2, 3].map(node).into(),
        population: vec![
            present(&web, &[("n1", 2), ("n2", 1)]),
            present(&db, &[("n1", 1)]),
            present(&api, &[("n2", 2)]),
            present(&report, &[]),
        ],
        edges: vec![
            edge(pods(&web), pods(&db), 5432, 1200),
            edge(pods(&report), pods(&db), 5432, 4),
            edge(outside("203.0.113.7/32"), pods(&web), 8080, 80),
            edge(outside("203.0.113.200/32"), pods(&web), 8080, 8),
            edge(pods(&web), pods(&db), 9187, 3),
        ],
        uses: uses.into(),
        policies,
        ..History::default()
    }
}

fn in_force(name: &str, since: u64) -> Vec<PolicyRevision> {
    let read = manifest::parse(&fs::read_to_string(directory().join(name)).unwrap());
    assert_eq!(read.errors, []);
    let objects = read.objects.into_iter();
    let revisions = objects.map(|object| match object {
        Object::NetworkPolicy(policy) => PolicyRevision {
            policy: RememberedPolicy::Network(policy),
            since: at(since),
            until: None,
        },
        other => panic!("{}", other.kind()),
    });
    revisions.collect()
}

fn entry(rule: u32, peer: Option<u32>, port: Option<u32>) -> Part {
    Part::Entry { rule, peer, port }
}

fn used(policies: &[PolicyRevision], name: &str, part: Part, hits: u64, sole: u64) -> RuleUse {
    let mut policies = policies.iter().map(|revision| &revision.policy);
    let policy = policies
        .find(|policy| &*policy.name().name == name)
        .unwrap();
    RuleUse {
        key: RuleKey {
            node: "n1".into(),
            policy: policy.name(),
            fingerprint: fingerprint(policy),
            direction: Direction::Ingress,
            part,
        },
        totals: UseTotals {
            hits,
            sole,
            resumed: 0,
            forwarded: if part == Part::Isolation { 0 } else { hits },
            bytes: hits * 1500,
            first_seen: at(1),
            last_seen: at(29),
        },
    }
}

fn watched(name: &str, lost: u64) -> NodeHistory {
    let loss = Loss {
        stage: "kernel".into(),
        reason: "ring_full".into(),
        count: lost,
    };
    NodeHistory {
        name: name.into(),
        store: format!("store-{name}").into(),
        read_at: at(DAYS),
        intervals: vec![Interval {
            from: at(0),
            until: at(DAYS),
            losses: (lost > 0).then_some(loss).into_iter().collect(),
        }],
        dialect: "specification".into(),
    }
}

fn group(namespace: &str, kind: &str, name: &str) -> Arc<PodGroup> {
    let http = NamedPort {
        name: "http".into(),
        protocol: Protocol::Tcp,
        port: 8080,
    };
    Arc::new(PodGroup {
        namespace: namespace.into(),
        namespace_labels: Labels::from_iter([("kubernetes.io/metadata.name", namespace)]),
        workload: Workload {
            kind: kind.into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: vec![http],
        host_network: false,
    })
}

fn present(group: &Arc<PodGroup>, nodes: &[(&str, u32)]) -> Present {
    let nodes = nodes.iter().map(|(name, count)| ((*name).into(), *count));
    Present {
        group: group.clone(),
        pods: nodes.collect(),
        first_seen: at(0),
        last_seen: at(DAYS),
    }
}

fn node(number: u8) -> Node {
    let range = format!("10.244.{number}.0/24");
    Node {
        name: format!("n{number}").into(),
        labels: Labels::default(),
        addresses: vec![[10, 0, 0, number].into()],
        kubelet_port: None,
        pod_cidrs: vec![Cidr::parse_lenient(&range).unwrap().0],
    }
}

fn edge(source: Party, destination: Party, port: u16, connections: u64) -> Edge {
    Edge {
        key: EdgeKey {
            node: "n1".into(),
            seen_at: SeenAt::Destination,
            source,
            destination,
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
            connections,
            resumed: 0,
            packets: connections * 10,
            bytes: connections * 1500,
            first_seen: at(1),
            last_seen: at(29),
            after_change: 0,
            longest_after_change: None,
        },
    }
}
