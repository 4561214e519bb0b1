use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::history::traffic::traffic;
use crate::history::{Agreement, DropKind, History, Party, PodGroup, Traffic};
use crate::model::{Labels, Workload};
use crate::verdict::PolicyKind;

fn at(second: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(second)
}

fn group(name: &str) -> Arc<PodGroup> {
    Arc::new(PodGroup {
        namespace: "prod".into(),
        namespace_labels: Labels::default(),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: Vec::new(),
        host_network: false,
    })
}

fn key(node: &str, seen_at: SeenAt, port: u16) -> EdgeKey {
    EdgeKey {
        node: node.into(),
        seen_at,
        source: Party::Pods(group("web")),
        destination: Party::Pods(group("db")),
        service: None,
        protocol: Protocol::Tcp,
        port: Port::One(port),
        observed: Observed::Forwarded,
        drop: None,
        computed: Decision::Allowed,
        agreement: Agreement::Agree,
        policies: Vec::new(),
    }
}

fn edge(node: &str, seen_at: SeenAt, port: u16, connections: u64, seen: (u64, u64)) -> Edge {
    Edge {
        key: key(node, seen_at, port),
        totals: EdgeTotals {
            connections,
            resumed: 0,
            packets: connections * 10,
            bytes: connections * 1000,
            first_seen: at(seen.0),
            last_seen: at(seen.1),
            after_change: 0,
            longest_after_change: None,
        },
    }
}

#[test]
fn of_the_two_ends_of_a_connection_the_larger_sum_counts() {
    let history = History {
        edges: vec![
            edge("a", SeenAt::Source, 80, 10, (20, 30)),
            edge("b", SeenAt::Source, 80, 4, (21, 31)),
            edge("c", SeenAt::Destination, 80, 12, (5, 90)),
            edge("a", SeenAt::Both, 80, 3, (25, 26)),
            edge("c", SeenAt::Destination, 81, 1, (1, 2)),
        ],
        ..History::default()
    };
    let traffic = traffic(&history);
    assert_eq!(traffic.len(), 2);
    let (first, second) = (&traffic[0], &traffic[1]);
    assert_eq!(first.totals.connections, 3 + 14);
    assert_eq!(first.totals.bytes, 17_000);
    assert_eq!(first.totals.first_seen, at(5));
    assert_eq!(first.totals.last_seen, at(90));
    let nodes: Vec<&str> = first.nodes.iter().map(|node| &**node).collect();
    assert_eq!(nodes, ["a", "b", "c"]);
    assert_eq!(second.totals.connections, 1);
}

#[test]
fn what_differs_in_anything_else_is_other_traffic() {
    let mut dropped = edge("a", SeenAt::Destination, 80, 1, (1, 2));
    dropped.key.observed = Observed::Dropped;
    dropped.key.drop = Some(DropKind {
        reason: "NETFILTER_DROP".into(),
        class: "firewall".into(),
    });
    let mut denied = edge("a", SeenAt::Source, 80, 1, (1, 2));
    denied.key.computed = Decision::Denied;
    let mut other_policy = edge("a", SeenAt::Source, 80, 1, (1, 2));
    other_policy.key.policies = vec![PolicyName {
        kind: PolicyKind::NetworkPolicy,
        namespace: "prod".into(),
        name: "db".into(),
    }];
    let history = History {
        edges: vec![
            edge("a", SeenAt::Source, 80, 1, (1, 2)),
            dropped,
            denied,
            other_policy,
        ],
        ..History::default()
    };
    assert_eq!(traffic(&history).len(), 4);
}

/// As seen from the source: `prod/db` was dialled.
fn dialled(mut edge: Edge) -> Edge {
    edge.key.service = Some(("prod".into(), "db".into()));
    edge
}

fn seen(mut edge: Edge, observed: Observed, reason: Option<&str>) -> Edge {
    edge.key.observed = observed;
    edge.key.agreement = Agreement::Undetermined;
    edge.key.drop = reason.map(|reason| DropKind {
        reason: reason.into(),
        class: "firewall".into(),
    });
    edge
}

/// Name of the Service, what was seen, how many connections, and the nodes.
fn told(edges: Vec<Edge>) -> Vec<(Option<String>, Observed, u64, Vec<String>)> {
    let history = History {
        edges,
        ..History::default()
    };
    let tell = |one: Traffic| {
        let nodes = one.nodes.iter().map(ToString::to_string);
        (
            one.service.map(|(_, name)| name.to_string()),
            one.observed,
            one.totals.connections,
            nodes.collect(),
        )
    };
    traffic(&history).into_iter().map(tell).collect()
}

fn nodes(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_connection_through_a_service_counts_once() {
    let db = || Some("db".to_owned());
    let source = dialled(edge("a", SeenAt::Source, 80, 10, (1, 50)));
    let destination = |count| edge("b", SeenAt::Destination, 80, count, (2, 49));
    let both = nodes(&["a", "b"]);
    let through = vec![(db(), Observed::Forwarded, 10, both.clone())];
    for count in [9, 10] {
        assert_eq!(told(vec![source.clone(), destination(count)]), through);
    }
    // Some of them dialled the pod itself, on a node of which nothing is known.
    let direct = (None, Observed::Forwarded, 5, nodes(&["b"]));
    let expected = vec![(db(), Observed::Forwarded, 10, both.clone()), direct];
    assert_eq!(told(vec![source.clone(), destination(15)]), expected);
    // Or on one that is known.
    let known = edge("a", SeenAt::Source, 80, 5, (1, 50));
    let told = told(vec![destination(15), source, known]);
    let counts: Vec<u64> = told.iter().map(|one| one.2).collect();
    assert_eq!(counts.iter().sum::<u64>(), 15, "{told:?}");
}

#[test]
fn a_connection_that_is_stopped_at_the_other_end_counts_once() {
    let sent = edge("a", SeenAt::Source, 80, 10, (1, 50));
    let arrived = edge("b", SeenAt::Destination, 80, 10, (2, 50));
    let unanswered = seen(sent.clone(), Observed::Unanswered, None);
    let dropped = seen(arrived.clone(), Observed::Dropped, Some("NETFILTER_DROP"));
    let expected = [(None, Observed::Dropped, 10, nodes(&["a", "b"]))];
    assert_eq!(told(vec![unanswered.clone(), dropped.clone()]), expected);
    assert_eq!(told(vec![dialled(unanswered), dropped.clone()]), expected);
    // Refused in the destination's name: by whom, the source's node cannot know.
    let refused = seen(sent, Observed::Rejected, Some(""));
    assert_eq!(told(vec![refused, dropped]), expected);
    // More were sent than arrived.
    let lost = seen(
        edge("a", SeenAt::Source, 80, 12, (1, 90)),
        Observed::Unanswered,
        None,
    );
    let told = told(vec![lost, arrived]);
    assert_eq!(
        told,
        [
            (None, Observed::Unanswered, 2, nodes(&["a"])),
            (None, Observed::Forwarded, 10, nodes(&["a", "b"]))
        ]
    );
}

#[test]
fn what_both_ends_know_alike_is_not_taken_for_something_else() {
    // All that was forwarded is known to both, so what was not answered is other connections.
    let edges = vec![
        edge("a", SeenAt::Source, 80, 10, (1, 50)),
        edge("b", SeenAt::Destination, 80, 10, (1, 50)),
        seen(
            edge("a", SeenAt::Source, 80, 3, (1, 50)),
            Observed::Unanswered,
            None,
        ),
    ];
    let counts: Vec<u64> = told(edges).iter().map(|one| one.2).collect();
    assert_eq!(counts, [10, 3]);
    // On one node both ends are seen at once.
    let edges = vec![
        dialled(edge("a", SeenAt::Both, 80, 10, (1, 50))),
        edge("a", SeenAt::Both, 80, 10, (1, 50)),
    ];
    assert_eq!(told(edges).len(), 2);
    // To another port, or with another verdict, is other traffic.
    let mut denied = edge("b", SeenAt::Destination, 80, 10, (1, 50));
    denied.key.computed = Decision::Denied;
    let edges = vec![
        dialled(edge("a", SeenAt::Source, 80, 10, (1, 50))),
        edge("b", SeenAt::Destination, 81, 10, (1, 50)),
        denied,
    ];
    assert_eq!(told(edges).len(), 3);
}

/// A connection that was open already when one of the agents started.
#[test]
fn seen_from_the_middle_at_one_end_it_is_the_same_connection() {
    let mut late = edge("b", SeenAt::Destination, 80, 0, (30, 50));
    late.totals.resumed = 4;
    let dialled = dialled(edge("a", SeenAt::Source, 80, 4, (1, 50)));
    let expected = [(
        Some("db".to_owned()),
        Observed::Forwarded,
        4,
        nodes(&["a", "b"]),
    )];
    assert_eq!(told(vec![dialled, late]), expected);
}
