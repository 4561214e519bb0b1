use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use netpol_policy::drift::NodeRecord;
use netpol_policy::history::PolicyName;
use netpol_policy::manifest;
use netpol_policy::model::Workload;
use netpol_policy::verdict::{
    Caveat, DecidedBy, Decision, Denial, DenyReason, Direction, PolicyKind, PolicyRef, Verdict,
};

use super::Enforcement;
use crate::flow::{
    Agreement, Computed, Counters, DropClass, Flow, ObservedVerdict, Previous, Vantage,
};
use crate::inventory::{Change, Report, Snapshot};
use crate::metrics::Metrics;
use crate::testing::{allowed, drop_of, flow, pod_of};

fn policy(name: &str) -> PolicyRef {
    PolicyRef {
        kind: PolicyKind::NetworkPolicy,
        namespace: "prod".into(),
        name: name.into(),
        uid: "".into(),
        generation: 1,
    }
}

fn denied_by(name: &str) -> Verdict {
    let mut verdict = allowed();
    verdict.ingress.decision = Decision::Denied;
    verdict.ingress.decided_by = DecidedBy::Policy;
    verdict.ingress.denied_by = vec![Denial {
        policy: policy(name),
        reason: DenyReason::NoRules,
        rules: Vec::new(),
        nearest: None,
    }];
    verdict
}

fn computed(verdict: Verdict) -> Arc<Computed> {
    Arc::new(Computed {
        verdict: Arc::new(verdict),
        ..(*flow(1).computed).clone()
    })
}

/// A connection to a pod of this node that a policy denies and that went through.
fn leak(id: u64, to: &str, policy: &str) -> Flow {
    let mut flow = flow(id);
    flow.first_seen = SystemTime::UNIX_EPOCH + Duration::from_secs(id);
    flow.source.identity = pod_of("ci", "build", ("Deployment", "build"));
    flow.destination.identity = pod_of("prod", to, ("Deployment", to));
    flow.computed = computed(denied_by(policy));
    flow.agreement = Agreement::DeniedButForwarded;
    flow.vantages = vec![Vantage {
        interface: "veth1".into(),
        ifindex: 1,
        direction: Direction::Ingress,
        forward: Counters::default(),
        reply: Counters::default(),
    }];
    flow
}

fn stopped(mut flow: Flow) -> Flow {
    flow.observed.verdict = ObservedVerdict::Dropped;
    flow.observed.drop = Some(drop_of(DropClass::Firewall));
    flow.agreement = Agreement::Agree;
    flow
}

fn told(enforcement: &Enforcement, flows: impl IntoIterator<Item = Flow>) -> bool {
    for flow in flows {
        enforcement.published(&flow);
    }
    enforcement.warning().is_some()
}

fn leaks(of: impl Fn(u64) -> Flow) -> bool {
    told(&Enforcement::default(), (1..=9).map(of))
}

#[test]
fn several_denied_connections_and_none_stopped_are_told_and_taken_back() {
    let metrics = Metrics::default();
    let enforcement = Enforcement::new(
        metrics.clone(),
        Arc::default(),
        Duration::ZERO,
        SystemTime::UNIX_EPOCH,
    );
    let to = |id| leak(id, if id % 2 == 0 { "web" } else { "db" }, "closed");
    assert!(!told(&enforcement, (1..5).map(to)), "too few");
    assert!(told(&enforcement, [to(5)]));
    assert_eq!(
        enforcement.warning().unwrap(),
        "this node seems to enforce no network policy: 5 connections that a policy denies went through since \
         1970-01-01T00:00:01Z, and none was seen to be stopped; `flows drift` lists them; does the network plugin of this \
         node enforce policies?"
    );
    let text = metrics.render().unwrap();
    assert!(text.contains("netpol_enforces_nothing 1\n"), "{text}");
    assert!(text.contains("netpol_denied_connections_total{outcome=\"let_through\"} 5\n"));
    assert!(!told(&enforcement, [stopped(to(6))]));
    let text = metrics.render().unwrap();
    assert!(text.contains("netpol_enforces_nothing 0\n"), "{text}");
    assert!(text.contains("netpol_denied_connections_total{outcome=\"stopped\"} 1\n"));
    // A firewall that goes away is noticed again.
    assert!(told(&enforcement, (7..12).map(to)));
}

#[test]
fn one_pod_under_one_policy_may_be_an_exception() {
    assert!(!leaks(|id| leak(id, "web", "closed")));
    assert!(leaks(|id| leak(id, "web", &format!("closed-{}", id % 2))));
}

#[test]
fn what_has_another_explanation_proves_nothing() {
    let to = |id: u64| {
        leak(
            id,
            if id.is_multiple_of(2) { "web" } else { "db" },
            "closed",
        )
    };
    assert!(leaks(to));
    let with = |change: &dyn Fn(&mut Computed)| {
        leaks(|id| {
            let mut flow = to(id);
            change(Arc::make_mut(&mut flow.computed));
            flow
        })
    };
    assert!(!with(
        &|computed| computed.changed_before = Some(Duration::from_secs(1))
    ));
    assert!(!with(&|computed| computed.not_evaluated = 1));
    assert!(!with(&|computed| {
        Arc::make_mut(&mut computed.verdict)
            .caveats
            .push(Caveat::IpBlockMatchesPod);
    }));
    assert!(!leaks(|id| Flow {
        mid_stream: true,
        ..to(id)
    }));
    assert!(!leaks(|id| {
        let mut flow = to(id);
        if let crate::flow::Identity::Pod { pod, .. } = &mut flow.source.identity {
            Arc::make_mut(pod).host_network = true;
        }
        flow
    }));
    // Told again, since its ends became known.
    assert!(!leaks(|id| Flow {
        revision: 2,
        previous: Some(Previous {
            verdict: ObservedVerdict::Forwarded,
            forward: Counters::default(),
            reply: Counters::default(),
            was_of_other_ends: true,
        }),
        ..to(id)
    }));
}

#[test]
fn the_other_ends_node_has_to_stop_what_is_denied_there() {
    let seen_at_source = |id: u64| {
        let mut flow = leak(
            id,
            if id.is_multiple_of(2) { "web" } else { "db" },
            "closed",
        );
        flow.vantages[0].direction = Direction::Egress;
        flow
    };
    assert!(!leaks(seen_at_source));
}

#[test]
fn what_may_be_stopped_unseen_holds_the_warning_back() {
    let unanswered = |id| {
        let mut flow = leak(id, "web", "closed");
        flow.observed.verdict = ObservedVerdict::Unanswered;
        flow.agreement = Agreement::Undetermined;
        flow
    };
    let to = |id: u64| {
        leak(
            id,
            if id.is_multiple_of(2) { "web" } else { "db" },
            "closed",
        )
    };
    let enforcement = Enforcement::default();
    assert!(!told(&enforcement, (1..=6).map(unanswered)));
    assert!(!told(&enforcement, (10..16).map(to)));
    assert!(told(&enforcement, [to(16)]));
}

#[test]
fn once_something_was_stopped_only_policies_that_were_enforced_count() {
    let enforcement = Enforcement::default();
    let of = |policy: &'static str| {
        move |id: u64| leak(id, if id.is_multiple_of(2) { "web" } else { "db" }, policy)
    };
    assert!(!told(&enforcement, [stopped(of("closed")(1))]));
    assert!(!told(&enforcement, (2..20).map(of("never-enforced"))));
    assert!(told(&enforcement, (20..25).map(of("closed"))));
}

#[test]
fn what_is_remembered_is_told_at_the_start() {
    let name = |name: &str| PolicyName {
        kind: PolicyKind::NetworkPolicy,
        namespace: "prod".into(),
        name: name.into(),
    };
    let workload = |name: &str| {
        let kind = "Deployment".into();
        let workload = Workload {
            kind,
            name: name.into(),
        };
        (Arc::from("prod"), workload)
    };
    let time = SystemTime::UNIX_EPOCH;
    let open = NodeRecord {
        let_through: 7,
        not_enforced: [name("closed")].into(),
        exposed: [workload("web"), workload("db")].into(),
        let_through_within: Some((time, time)),
        ..NodeRecord::default()
    };
    let enforcement = Enforcement::default();
    enforcement.remember(&open);
    assert!(enforcement.warning().is_some());
    assert!(!told(&enforcement, [stopped(leak(1, "web", "closed"))]));

    let in_part = NodeRecord {
        stopped: 1,
        enforced: [name("closed")].into(),
        ..open
    };
    let enforcement = Enforcement::default();
    enforcement.remember(&in_part);
    assert_eq!(enforcement.warning(), None);
    let other = |id: u64| leak(id, if id.is_multiple_of(2) { "web" } else { "db" }, "other");
    assert!(!told(&enforcement, (1..9).map(other)));
}

#[test]
fn a_change_that_is_heard_of_within_the_grace_window_explains_what_was_let_through() {
    let grace = Duration::from_millis(500);
    for is_heard in [false, true] {
        let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let began = SystemTime::now();
        let enforcement = Enforcement::new(
            Metrics::default(),
            snapshot.clone(),
            grace,
            SystemTime::UNIX_EPOCH,
        );
        let to = |id: u64| Flow {
            first_seen: began,
            ..leak(
                id,
                if id.is_multiple_of(2) { "web" } else { "db" },
                "closed",
            )
        };
        assert!(!told(&enforcement, (1..=9).map(to)), "it is held");
        if is_heard {
            let read = manifest::parse(
                "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: other, namespace: prod}, \
                 spec: {podSelector: {}, ingress: [{}]}}",
            );
            assert_eq!(read.errors, []);
            let changes = read.objects.into_iter().map(Change::Apply).collect();
            let first = Snapshot::default().next(Vec::new(), Report::default(), began);
            let heard = began + Duration::from_millis(1);
            snapshot.store(Arc::new(first.next(changes, Report::default(), heard)));
        }
        sleep(grace);
        assert_eq!(enforcement.warning().is_none(), is_heard);
    }
}
