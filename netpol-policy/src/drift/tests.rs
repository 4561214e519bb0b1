use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::history::edge::{DropKind, PolicyName, Port};
use crate::history::policy::RememberedPolicy;
use crate::history::{
    Edge, EdgeKey, EdgeTotals, Interval, Loss, NodeHistory, Observed, PodGroup, PolicyRevision,
    SeenAt,
};
use crate::model::{Labels, NetworkPolicy, Protocol, Selector, Workload};
use crate::verdict::{PolicyKind, PolicyRef};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn pods(namespace: &str, name: &str) -> Party {
    Party::Pods(Arc::new(PodGroup {
        namespace: namespace.into(),
        namespace_labels: Labels::default(),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: Vec::new(),
        host_network: false,
    }))
}

fn on_host_network(party: Party) -> Party {
    match party {
        Party::Pods(group) => Party::Pods(Arc::new(PodGroup {
            host_network: true,
            ..(*group).clone()
        })),
        other => other,
    }
}

fn policy(name: &str) -> PolicyName {
    PolicyName {
        kind: PolicyKind::NetworkPolicy,
        namespace: "prod".into(),
        name: name.into(),
    }
}

/// Isolates every pod of `prod` in these directions, from the beginning of time.
fn isolating(name: &str, ingress: bool, egress: bool) -> PolicyRevision {
    PolicyRevision {
        policy: RememberedPolicy::Network(NetworkPolicy {
            reference: PolicyRef {
                kind: PolicyKind::NetworkPolicy,
                namespace: "prod".into(),
                name: name.into(),
                uid: "".into(),
                generation: 1,
            },
            subjects: Selector::default(),
            ingress: ingress.then(Vec::new),
            egress: egress.then(Vec::new),
        }),
        since: at(0),
        until: None,
    }
}

/// Connections from `ci/build` to `prod/web` that `prod/closed` denies and that went through, seen on `node` at both ends.
fn leak(node: &str, connections: u64) -> Edge {
    Edge {
        key: EdgeKey {
            node: node.into(),
            seen_at: SeenAt::Both,
            source: pods("ci", "build"),
            destination: pods("prod", "web"),
            service: None,
            protocol: Protocol::Tcp,
            port: Port::One(80),
            observed: Observed::Forwarded,
            drop: None,
            computed: Decision::Denied,
            agreement: Agreement::DeniedButForwarded,
            policies: vec![policy("closed")],
        },
        totals: EdgeTotals {
            connections,
            resumed: 0,
            packets: 10,
            bytes: 1000,
            first_seen: at(100),
            last_seen: at(200),
            after_change: 0,
            longest_after_change: None,
        },
    }
}

fn stopped(mut edge: Edge) -> Edge {
    edge.key.observed = Observed::Dropped;
    edge.key.drop = Some(DropKind {
        reason: "NETFILTER_DROP".into(),
        class: "firewall".into(),
    });
    edge.key.agreement = Agreement::Agree;
    edge
}

fn dropped(edge: Edge) -> Edge {
    let mut edge = stopped(edge);
    edge.key.computed = Decision::Allowed;
    edge.key.agreement = Agreement::AllowedButDropped;
    edge
}

fn history(edges: Vec<Edge>) -> History {
    let nodes = ["n1", "n2"].map(|name| NodeHistory {
        name: name.into(),
        store: name.into(),
        read_at: at(1000),
        intervals: Vec::new(),
        dialect: "specification".into(),
    });
    History {
        nodes: nodes.to_vec(),
        edges,
        policies: vec![isolating("closed", true, false)],
        ..History::default()
    }
}

fn kinds(edges: Vec<Edge>) -> Vec<Kind> {
    let drift = drift(&history(edges), &Options::default());
    drift.findings.iter().map(|finding| finding.kind).collect()
}

#[test]
fn every_kind_has_its_explanation() {
    let plain = leak("n1", 3);
    let mut host = leak("n1", 3);
    host.key.source = on_host_network(host.key.source);
    let mut node = leak("n1", 3);
    node.key.source = Party::Node { name: "n1".into() };
    let mut late = leak("n1", 3);
    late.totals.after_change = 3;
    late.totals.longest_after_change = Some(Duration::from_millis(1200));
    let mut open = leak("n1", 0);
    open.totals.resumed = 2;
    let mut dropped_late = dropped(leak("n1", 1));
    dropped_late.totals.after_change = 1;
    let mut dropped_open = dropped(leak("n1", 0));
    dropped_open.totals.resumed = 1;
    for (edge, kind, is_beyond_lag) in [
        (plain, Kind::NotEnforced, true),
        (host, Kind::HostNetwork, true),
        (node, Kind::HostNetwork, true),
        (late, Kind::LateEnforcement, false),
        (open, Kind::AlreadyOpen, false),
        (dropped(leak("n1", 2)), Kind::Dropped, true),
        (dropped_open, Kind::Dropped, true),
        (dropped_late, Kind::LateAdmission, false),
    ] {
        assert_eq!(kinds(vec![edge.clone()]), [kind]);
        let drift = drift(&history(vec![edge]), &Options::default());
        assert_eq!(drift.is_beyond_lag(), is_beyond_lag, "{kind:?}");
    }
    assert_eq!(kinds(vec![stopped(leak("n1", 9))]), []);
}

#[test]
fn one_connection_beyond_the_grace_window_is_no_lag() {
    let mut edge = leak("n1", 4);
    edge.totals.after_change = 3;
    edge.totals.longest_after_change = Some(Duration::from_secs(2));
    let drift = drift(&history(vec![edge]), &Options::default());
    assert_eq!(drift.findings[0].kind, Kind::NotEnforced);
    let [record] = &drift.policies[..] else {
        panic!("{:?}", drift.policies)
    };
    assert_eq!((record.let_through, record.after_change), (1, 3));
    assert_eq!(record.longest_after_change, Some(Duration::from_secs(2)));
    assert!(record.is_never_enforced());
}

#[test]
fn the_same_connections_seen_from_both_ends_on_two_nodes_count_once() {
    let mut from = leak("n1", 5);
    from.key.seen_at = SeenAt::Source;
    let mut to = leak("n2", 4);
    to.key.seen_at = SeenAt::Destination;
    let drift = drift(&history(vec![from, to]), &Options::default());
    let [finding] = &drift.findings[..] else {
        panic!("{:?}", drift.findings)
    };
    assert_eq!(finding.traffic.totals.connections, 5);
    assert_eq!(drift.coverage.compared, 5);
    // Only the destination's node had to keep them out.
    let let_through: Vec<u64> = drift.nodes.values().map(|node| node.let_through).collect();
    assert_eq!(let_through, [0, 4]);
}

#[test]
fn a_node_enforces_nothing_only_where_several_went_through_and_none_was_stopped() {
    let to = |name: &str, connections| {
        let mut edge = leak("n1", connections);
        edge.key.destination = pods("prod", name);
        edge
    };
    let enforcement = |edges| {
        let drift = drift(&history(edges), &Options::default());
        drift.nodes["n1"].enforcement()
    };
    let open = drift(
        &history(vec![to("web", 3), to("db", 2)]),
        &Options::default(),
    );
    let record = &open.nodes["n1"];
    assert_eq!(record.enforcement(), Enforcement::Nothing);
    assert_eq!(record.let_through_within, Some((at(100), at(200))));
    assert_eq!(record.exposed.len(), 2);
    // One workload, under one policy: perhaps a peculiarity of it.
    assert_eq!(enforcement(vec![to("web", 50)]), Enforcement::TooFew);
    assert_eq!(
        enforcement(vec![to("web", 2), to("db", 2)]),
        Enforcement::TooFew
    );
    assert_eq!(
        enforcement(vec![to("web", 30), to("db", 20), stopped(to("db", 1))]),
        Enforcement::InPart
    );
    assert_eq!(enforcement(vec![stopped(to("db", 1))]), Enforcement::Seen);
    assert_eq!(enforcement(Vec::new()), Enforcement::NothingSeen);
    // Stopped on its way, before the destination's interface.
    let mut on_its_way = stopped(to("db", 1));
    on_its_way.key.seen_at = SeenAt::Source;
    assert_eq!(enforcement(vec![on_its_way.clone()]), Enforcement::Seen);
    // Refused in the destination's name, perhaps by the destination's node.
    on_its_way.key.drop = None;
    assert_eq!(enforcement(vec![on_its_way]), Enforcement::NothingSeen);
    // As many of which nobody knows: something that is not seen may stop them.
    let mut unclear = to("web", 5);
    unclear.key.observed = Observed::Unanswered;
    unclear.key.agreement = Agreement::Undetermined;
    assert_eq!(
        enforcement(vec![to("web", 3), to("db", 2), unclear]),
        Enforcement::TooFew
    );
    // Lag and the host network prove nothing about a node.
    let mut late = to("cache", 9);
    late.totals.after_change = 9;
    let mut host = to("queue", 9);
    host.key.source = on_host_network(host.key.source);
    assert_eq!(enforcement(vec![late, host]), Enforcement::NothingSeen);
}

#[test]
fn a_node_is_not_measured_by_what_the_other_ends_node_has_to_stop() {
    // `prod/closed` isolates the source for egress and the destination for ingress: which of the two denied is not known.
    let mut edge = leak("n1", 50);
    edge.key.source = pods("prod", "build");
    edge.key.seen_at = SeenAt::Source;
    let mut history = history(vec![edge.clone()]);
    history.policies = vec![isolating("closed", true, true)];
    let of = |history: &History| drift(history, &Options::default()).nodes["n1"].let_through;
    assert_eq!(of(&history), 0);
    history.policies = vec![isolating("closed", false, true)];
    assert_eq!(of(&history), 50);
    // Noted somewhat after the agent knew it.
    history.policies[0].since = at(201);
    assert_eq!(of(&history), 50);
    history.policies[0].since = at(0);
    // A form of the policy that was not in force then says nothing.
    history.policies[0].until = Some(at(50));
    assert_eq!(of(&history), 0);
    history.policies.clear();
    assert_eq!(of(&history), 0);
}

#[test]
fn only_what_is_asked_for_is_looked_at() {
    let edges = vec![leak("n1", 3), dropped(leak("n1", 2))];
    let asked = |since: Option<u64>, namespaces: &[&str]| {
        let options = Options {
            since: since.map(at),
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        };
        drift(&history(edges.clone()), &options)
    };
    assert_eq!(asked(Some(201), &[]).findings, []);
    assert!(!asked(Some(100), &[]).coverage.began_before);
    let since = asked(Some(150), &[]);
    assert_eq!(since.findings.len(), 2);
    assert!(since.coverage.began_before);
    assert_eq!(asked(None, &["ci"]).findings.len(), 2);
    assert_eq!(asked(None, &["dev"]).coverage, Coverage::default());
}

#[test]
fn what_cannot_be_compared_is_counted_by_what_is_missing() {
    let mut unanswered = leak("n1", 2);
    unanswered.key.observed = Observed::Unanswered;
    unanswered.key.agreement = Agreement::Undetermined;
    let mut undecided = leak("n1", 3);
    undecided.key.computed = Decision::Unknown;
    undecided.key.agreement = Agreement::Undetermined;
    let mut by_a_router = stopped(leak("n1", 4));
    by_a_router.key.drop = Some(DropKind {
        reason: "NOT_SPECIFIED".into(),
        class: "routing".into(),
    });
    by_a_router.key.agreement = Agreement::Undetermined;
    let mut with_a_caveat = leak("n1", 5);
    with_a_caveat.key.agreement = Agreement::Undetermined;
    let mut cut_off = dropped(leak("n1", 6));
    cut_off.key.agreement = Agreement::Undetermined;
    let edges = vec![unanswered, undecided, by_a_router, with_a_caveat, cut_off];
    let drift = drift(&history(edges), &Options::default());
    assert_eq!(
        (
            drift.coverage.compared,
            drift.coverage.outcome_unknown,
            drift.coverage.verdict_unknown,
            drift.coverage.doubtful
        ),
        (0, 6, 3, 11)
    );
    assert_eq!(drift.findings, []);
    assert_eq!(drift.policies, []);
}

#[test]
fn counts_of_a_hostile_file_end_at_the_most_there_is() {
    let most = |port| {
        let mut edge = leak("n1", u64::MAX);
        edge.totals.resumed = u64::MAX;
        edge.totals.after_change = 1;
        edge.key.port = Port::One(port);
        edge
    };
    let drift = drift(&history(vec![most(1), most(2)]), &Options::default());
    assert_eq!(drift.coverage.compared, u64::MAX);
    assert_eq!(drift.nodes["n1"].let_through, u64::MAX);
    assert_eq!(drift.policies[0].let_through, u64::MAX);
}

#[test]
fn evidence_is_what_was_watched_and_what_was_lost() {
    let interval = |from, until, lost| Interval {
        from: at(from),
        until: at(until),
        losses: vec![Loss {
            stage: "kernel".into(),
            reason: "ring_full".into(),
            count: lost,
        }],
    };
    let mut history = history(Vec::new());
    history.nodes[0].intervals = vec![interval(0, 100, 1), interval(200, 400, 2)];
    history.nodes[1].intervals = vec![interval(300, 400, 4)];
    let of = |since: Option<u64>| {
        let options = Options {
            since: since.map(at),
            ..Options::default()
        };
        drift(&history, &options).evidence
    };
    let all = of(None);
    assert_eq!(all.window, Some((at(0), at(400))));
    assert_eq!(all.lost(), 7);
    // 300 and 100 of 400 seconds each.
    assert_eq!(all.percent(), 50);
    let late = of(Some(300));
    assert_eq!(late.window, Some((at(300), at(400))));
    assert_eq!((late.lost(), late.percent()), (6, 100));
    let never = of(Some(500));
    assert_eq!((never.window, never.lost(), never.percent()), (None, 0, 0));
}
