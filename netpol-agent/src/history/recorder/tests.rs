//! Revisions in, history out.

use std::time::{Duration, UNIX_EPOCH};

use netpol_policy::history::edge::{Observed, Port, SeenAt};
use netpol_policy::history::rule::Part;
use netpol_policy::history::{Edge, History, Party, RuleUse};
use netpol_policy::manifest;
use netpol_policy::model::Pod;
use netpol_policy::verdict::{
    DecidedBy, Decision, Denial, DenyReason, DirectionVerdict, PolicyRef, RuleRef, Tier,
    TierOutcome, TierStep, Verdict,
};

use super::*;
use crate::flow::{Computed, Counters, DropClass, Identity, Vantage};
use crate::inventory::{Change, Report};
use crate::testing::{allowed, drop_of, flow, pod, pod_of};

const POLICIES: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: {podSelector: {}, ingress: [{}]}
";

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

struct Stage {
    recorder: Recorder,
    snapshot: Snapshot,
    status: Arc<Status>,
}

impl Stage {
    fn new() -> Self {
        Self::remembering(1024)
    }

    fn remembering(connections: usize) -> Self {
        let status = Arc::<Status>::default();
        let losses = Losses {
            metrics: Metrics::default(),
            status: status.clone(),
        };
        let doubts = Doubts::new(Duration::from_secs(10), UNIX_EPOCH);
        let memory = Memory::new("node-a".into(), "specification".into(), 1000);
        let read = manifest::parse(POLICIES);
        assert_eq!(read.errors, []);
        let changes = read.objects.into_iter().map(Change::Apply).collect();
        Self {
            recorder: Recorder::new(memory, connections, doubts, losses),
            snapshot: Snapshot::default().next(changes, Report::default(), at(1)),
            status,
        }
    }

    fn take(&mut self, flow: &Flow) {
        self.recorder.take(flow, &self.snapshot, at(1));
    }

    fn history(&self) -> History {
        self.recorder.memory.history(at(1000))
    }

    fn edge(&self) -> Edge {
        let mut edges = self.history().edges;
        assert_eq!(edges.len(), 1, "{edges:#?}");
        edges.remove(0)
    }

    /// Hits, those alone and connections that got through, by policy and part.
    fn uses(&self) -> Vec<(String, Part, u64, u64, u64)> {
        let told = |RuleUse { key, totals }: RuleUse| {
            let (hits, sole) = (totals.hits, totals.sole);
            (
                key.policy.name.to_string(),
                key.part,
                hits,
                sole,
                totals.forwarded,
            )
        };
        let mut uses: Vec<_> = self.history().uses.into_iter().map(told).collect();
        uses.sort();
        uses
    }
}

/// From a pod of this node to one of another.
fn connection(id: u64) -> Flow {
    let mut flow = flow(id);
    flow.source.identity = pod_of("shop", "web-1", ("Deployment", "web"));
    flow.destination.identity = pod_of("shop", "db-0", ("StatefulSet", "db"));
    flow.vantages = vec![vantage(Direction::Egress)];
    flow.forward = counters(3);
    flow.reply = counters(2);
    flow.first_seen = at(10);
    flow.last_seen = at(20);
    flow
}

fn vantage(direction: Direction) -> Vantage {
    Vantage {
        interface: "veth".into(),
        ifindex: 1,
        direction,
        forward: Counters::default(),
        reply: Counters::default(),
    }
}

fn counters(packets: u64) -> Counters {
    Counters {
        packets,
        bytes: packets * 100,
        tcp_flags: 0,
    }
}

fn policy(name: &str) -> PolicyRef {
    PolicyRef {
        kind: netpol_policy::verdict::PolicyKind::NetworkPolicy,
        namespace: "shop".into(),
        name: name.into(),
        uid: "".into(),
        generation: 0,
    }
}

fn rule(name: &str) -> RuleRef {
    RuleRef {
        policy: policy(name),
        direction: Direction::Ingress,
        rule: 0,
        peer: None,
        port: (name == "web").then_some(0),
    }
}

const ENTRY: Part = Part::Entry {
    rule: 0,
    peer: None,
    port: Some(0),
};

fn with_ingress(mut flow: Flow, ingress: DirectionVerdict) -> Flow {
    let verdict = Verdict {
        ingress,
        ..allowed()
    };
    flow.computed = Arc::new(Computed {
        verdict: Arc::new(verdict),
        ..(*flow.computed).clone()
    });
    flow
}

fn allowed_by(names: &[&str]) -> DirectionVerdict {
    DirectionVerdict {
        decided_by: DecidedBy::Policy,
        allowed_by: names.iter().map(|name| rule(name)).collect(),
        ..allowed().ingress
    }
}

fn denied_by(denials: Vec<(DenyReason, Vec<RuleRef>)>) -> DirectionVerdict {
    let denials = denials.into_iter().map(|(reason, rules)| Denial {
        policy: policy("web"),
        reason,
        rules,
        nearest: None,
    });
    DirectionVerdict {
        decision: Decision::Denied,
        decided_by: DecidedBy::Policy,
        denied_by: denials.collect(),
        ..allowed().ingress
    }
}

/// The same, seen at the destination.
fn at_destination(mut flow: Flow) -> Flow {
    flow.vantages = vec![vantage(Direction::Ingress)];
    flow
}

fn blocked(mut flow: Flow) -> Flow {
    flow.observed.verdict = ObservedVerdict::Dropped;
    flow.observed.drop = Some(drop_of(DropClass::Firewall));
    flow
}

#[test]
fn an_edge_says_who_and_how_much_whichever_replica_it_was() {
    let mut stage = Stage::new();
    stage.take(&connection(1));
    let mut other = connection(2);
    other.source.identity = pod_of("shop", "web-2", ("Deployment", "web"));
    other.last_seen = at(30);
    stage.take(&other);
    let edge = stage.edge();
    assert_eq!((edge.totals.connections, edge.totals.resumed), (2, 0));
    assert_eq!((edge.totals.packets, edge.totals.bytes), (10, 1000));
    assert_eq!(
        (edge.totals.first_seen, edge.totals.last_seen),
        (at(10), at(30))
    );
    assert_eq!(
        (edge.key.seen_at, edge.key.port),
        (SeenAt::Source, Port::One(80))
    );
    assert!(matches!(&edge.key.source, Party::Pods(group) if &*group.workload.name == "web"));
}

#[test]
fn a_revision_adds_what_is_new_and_no_connection() {
    let mut stage = Stage::new();
    let mut flow = connection(1);
    stage.take(&flow);
    flow.revision = 2;
    flow.forward = counters(10);
    flow.last_seen = at(90);
    stage.take(&flow);
    let edge = stage.edge();
    assert_eq!((edge.totals.connections, edge.totals.packets), (1, 12));
    assert_eq!(edge.totals.last_seen, at(90));
}

#[test]
fn a_verdict_that_changes_moves_the_count_with_its_uses() {
    let mut stage = Stage::new();
    let said = |flow| at_destination(with_ingress(flow, allowed_by(&["web"])));
    stage.take(&blocked(said(connection(1))));
    let edge = stage.edge();
    assert_eq!(edge.key.observed, Observed::Dropped);
    assert_eq!(&*edge.key.drop.unwrap().class, "firewall");
    assert_eq!(stage.uses(), [("web".to_owned(), ENTRY, 1, 1, 0)]);
    stage.take(&said(connection(1)));
    let edge = stage.edge();
    assert_eq!(
        (edge.key.observed, edge.totals.connections),
        (Observed::Forwarded, 1)
    );
    assert_eq!(edge.key.drop, None);
    assert_eq!(stage.uses(), [("web".to_owned(), ENTRY, 1, 1, 1)]);
}

#[test]
fn an_end_that_becomes_known_moves_the_count() {
    let mut stage = Stage::new();
    let mut unknown = connection(1);
    unknown.destination.identity = Identity::Unknown;
    stage.take(&unknown);
    assert!(matches!(stage.edge().key.destination, Party::Unknown(_)));
    stage.take(&connection(1));
    assert!(matches!(stage.edge().key.destination, Party::Pods(_)));
}

#[test]
fn connections_from_before_the_agent_are_kept_apart() {
    let mut stage = Stage::new();
    let mut flow = at_destination(with_ingress(connection(1), allowed_by(&["web"])));
    flow.mid_stream = true;
    stage.take(&flow);
    let edge = stage.edge();
    assert_eq!((edge.totals.connections, edge.totals.resumed), (0, 1));
    let uses = stage.history().uses;
    let totals = &uses[0].totals;
    assert_eq!((totals.hits, totals.sole, totals.resumed), (0, 0, 1));
}

#[test]
fn what_comes_soon_after_a_change_is_counted_apart() {
    let mut stage = Stage::new();
    for (id, after) in [(1, Some(4)), (2, Some(2)), (3, None)] {
        let mut flow = connection(id);
        let changed_before = after.map(Duration::from_secs);
        flow.computed = Arc::new(Computed {
            changed_before,
            ..(*flow.computed).clone()
        });
        stage.take(&flow);
    }
    let totals = stage.edge().totals;
    assert_eq!((totals.connections, totals.after_change), (3, 2));
    assert_eq!(totals.longest_after_change, Some(Duration::from_secs(4)));
}

#[test]
fn a_rule_is_sole_where_no_other_allows_it() {
    let mut stage = Stage::new();
    for (id, names) in [(1, &["web"][..]), (2, &["web", "all"])] {
        stage.take(&at_destination(with_ingress(
            connection(id),
            allowed_by(names),
        )));
    }
    let all = Part::Entry {
        rule: 0,
        peer: None,
        port: None,
    };
    assert_eq!(
        stage.uses(),
        [
            ("all".to_owned(), all, 1, 0, 1),
            ("web".to_owned(), ENTRY, 2, 1, 2)
        ]
    );
}

#[test]
fn rules_count_on_the_node_of_the_pod_that_their_policy_selects() {
    let mut stage = Stage::new();
    // Seen here at its source alone: the ingress rule counts on the other node.
    stage.take(&with_ingress(connection(1), allowed_by(&["web"])));
    assert_eq!(stage.uses(), []);
    // Dropped before it reached the destination, which runs here all the same.
    let mut local = blocked(with_ingress(
        connection(2),
        denied_by(vec![(DenyReason::NoRules, Vec::new())]),
    ));
    let here: Arc<Pod> = Arc::new(Pod {
        node: Some("node-a".into()),
        ..(*pod("shop", "db-0")).clone()
    });
    local.destination.identity = Identity::Pod {
        pod: here,
        workload: None,
        age: None,
    };
    stage.take(&local);
    assert_eq!(stage.uses(), [("web".to_owned(), Part::Isolation, 1, 1, 0)]);
}

#[test]
fn explicit_denials_and_passes_are_hits_of_their_rules() {
    let mut stage = Stage::new();
    let denied = denied_by(vec![(DenyReason::ExplicitDeny, vec![rule("web")])]);
    stage.take(&blocked(at_destination(with_ingress(
        connection(1),
        denied,
    ))));
    assert_eq!(stage.uses(), [("web".to_owned(), ENTRY, 1, 1, 0)]);
    let passed = DirectionVerdict {
        path: vec![TierStep {
            tier: Tier::Admin,
            outcome: TierOutcome::Passed(vec![rule("web"), rule("all")]),
        }],
        ..allowed().ingress
    };
    stage.take(&at_destination(with_ingress(connection(2), passed)));
    assert_eq!(stage.uses()[1], ("web".to_owned(), ENTRY, 2, 1, 1));
}

#[test]
fn protocols_without_ports_have_none() {
    let mut stage = Stage::new();
    let mut ping = connection(1);
    ping.protocol = 1;
    ping.icmp = Some((8, 0));
    stage.take(&ping);
    assert_eq!(stage.edge().key.port, Port::None);
}

#[test]
fn nothing_is_counted_before_the_first_inventory_and_all_of_it_after() {
    let mut stage = Stage::new();
    let mut early = connection(1);
    early.computed = Arc::new(Computed {
        generation: 0,
        ..(*early.computed).clone()
    });
    stage.take(&early);
    assert_eq!(stage.history().edges, []);
    stage.take(&connection(1));
    assert_eq!(stage.edge().totals.connections, 1);
}

#[test]
fn a_connection_that_was_forgotten_is_not_counted_again() {
    let mut stage = Stage::remembering(8);
    for id in 1..=100 {
        stage.take(&connection(id));
    }
    let mut again = connection(1);
    again.revision = 2;
    again.last_seen = at(500);
    stage.take(&again);
    let totals = stage.edge().totals;
    assert_eq!((totals.connections, totals.last_seen), (100, at(500)));
    // One that was held back until now has a lower number, and was never counted.
    stage.take(&connection(0));
    assert_eq!(stage.edge().totals.connections, 101);
}

#[test]
fn a_policy_that_nobody_saw_is_a_counted_loss() {
    let mut stage = Stage::new();
    stage.take(&at_destination(with_ingress(
        connection(1),
        allowed_by(&["gone"]),
    )));
    assert_eq!(stage.uses(), []);
    let lost = &stage.status.lost()[0];
    assert_eq!(
        (lost.stage, lost.reason, lost.count),
        (crate::flow::Stage::History, "policy_unseen", 1)
    );
}

#[test]
fn an_open_connection_goes_on_where_it_counts_already() {
    let mut stage = Stage::new();
    let flow = at_destination(with_ingress(connection(1), allowed_by(&["web"])));
    stage.take(&flow);
    for id in [1, 2] {
        stage.recorder.go_on(&Progress {
            id: crate::flow::FlowId(id),
            last_seen: at(600),
            forward: counters(30),
            reply: counters(20),
        });
    }
    let totals = stage.edge().totals;
    assert_eq!((totals.connections, totals.packets), (1, 50));
    assert_eq!(totals.last_seen, at(600));
    let used = &stage.history().uses[0].totals;
    assert_eq!((used.hits, used.bytes, used.last_seen), (1, 5000, at(600)));
}
