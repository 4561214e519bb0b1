//! Revisions in, history out: `edges` of connections, and `uses` of parts of policies.

mod edges;
mod uses;

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
