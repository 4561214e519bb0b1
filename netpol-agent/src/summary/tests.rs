use std::sync::Arc;

use netpol_policy::verdict::{
    DecidedBy, Denial, DenyReason, Direction, NearestMiss, PolicyKind, PolicyRef, RuleRef, Tier,
    TierOutcome, TierStep,
};

use super::*;
use crate::flow::{Flow, Identity, NodeReply};
use crate::judge::agreement;
use crate::testing::{allowed, drop_of, flow, pod};

fn denied(names: &[&str]) -> Verdict {
    let mut verdict = allowed();
    verdict.ingress.decision = Decision::Denied;
    verdict.ingress.decided_by = DecidedBy::Policy;
    for name in names {
        let policy = PolicyRef {
            kind: PolicyKind::NetworkPolicy,
            namespace: "prod".into(),
            name: Arc::from(*name),
            uid: "".into(),
            generation: 0,
        };
        let rule = RuleRef {
            policy: policy.clone(),
            direction: Direction::Ingress,
            rule: 0,
            peer: Some(0),
            port: None,
        };
        verdict.ingress.denied_by.push(Denial {
            policy,
            reason: DenyReason::PeerNotSelected,
            rules: Vec::new(),
            nearest: Some(NearestMiss {
                rule,
                wants: vec!["namespace team=database".into()],
            }),
        });
    }
    verdict
}

fn sentence(flow: &Flow, verdict: &Verdict) -> String {
    subject(flow, verdict).sentence()
}

fn subject<'a>(flow: &'a Flow, verdict: &'a Verdict) -> Subject<'a> {
    Subject {
        source: &flow.source,
        destination: &flow.destination,
        port: "TCP 80",
        observed: &flow.observed,
        verdict,
        not_evaluated: 0,
        agreement: agreement(&flow.observed, verdict.decision()),
        answer_timeout: Duration::from_secs(2),
    }
}

fn blocked(class: DropClass) -> Flow {
    let mut flow = flow(1);
    flow.source.identity = Identity::Pod {
        pod: pod("ci", "build"),
        workload: None,
        age: None,
    };
    flow.observed.verdict = ObservedVerdict::Dropped;
    flow.observed.drop = Some(drop_of(class));
    flow
}

#[test]
fn a_policy_is_named_with_its_nearest_miss() {
    let flow = blocked(DropClass::Firewall);
    assert_eq!(
        sentence(&flow, &denied(&["restrict-traffic"])),
        "prod/restrict-traffic: no ingress rule admits ci/build \
         (nearest: ingress[0].from[0] wants namespace team=database)"
    );
    assert!(sentence(&flow, &denied(&["a", "b", "c"])).ends_with(" (and 2 more)"));
}

/// Denied in a tier by the third rule of a policy.
fn denied_explicitly(kind: PolicyKind, tier: Tier) -> Verdict {
    let mut verdict = denied(&["isolate"]);
    let denial = &mut verdict.ingress.denied_by[0];
    denial.policy.kind = kind;
    denial.policy.namespace = "".into();
    denial.reason = DenyReason::ExplicitDeny;
    denial.nearest = None;
    denial.rules = vec![RuleRef {
        policy: denial.policy.clone(),
        direction: Direction::Ingress,
        rule: 2,
        peer: Some(1),
        port: None,
    }];
    verdict.ingress.path = vec![TierStep {
        tier,
        outcome: TierOutcome::Denied,
    }];
    verdict
}

#[test]
fn an_explicit_denial_names_kind_tier_and_rule() {
    let flow = blocked(DropClass::Firewall);
    for (kind, tier, expected) in [
        (
            PolicyKind::ClusterNetworkPolicy,
            Tier::Admin,
            "ClusterNetworkPolicy isolate (Admin tier): ingress[2].from[1] denies ci/build",
        ),
        (
            PolicyKind::ClusterNetworkPolicy,
            Tier::Baseline,
            "ClusterNetworkPolicy isolate (Baseline tier): ingress[2].from[1] denies ci/build",
        ),
        (
            PolicyKind::AdminNetworkPolicy,
            Tier::Admin,
            "AdminNetworkPolicy isolate: ingress[2].from[1] denies ci/build",
        ),
    ] {
        assert_eq!(sentence(&flow, &denied_explicitly(kind, tier)), expected);
    }
    let mut verdict = denied_explicitly(PolicyKind::ClusterNetworkPolicy, Tier::Admin);
    assert_eq!(
        sentence(&crate::testing::flow(1), &verdict),
        "denied by ClusterNetworkPolicy isolate, yet forwarded"
    );
    verdict.caveats.push(Caveat::UnsupportedPeer);
    assert!(sentence(&flow, &verdict).ends_with(
        "denies ci/build (a rule with a peer of a kind that is not known here denies everybody)"
    ));
}

#[test]
fn what_keeps_policies_from_deciding_is_told_where_a_firewall_decided() {
    let flow = blocked(DropClass::Firewall);
    let mut verdict = allowed();
    verdict.ingress.decision = Decision::Unknown;
    verdict.caveats = vec![Caveat::HostNetwork, Caveat::EqualPriority];
    assert_eq!(
        sentence(&flow, &verdict),
        "dropped by a firewall; what policies say is not known \
         (policies of equal priority contradict each other): REASON at function"
    );
    let mut verdict = allowed();
    verdict.caveats = vec![Caveat::IpBlockMatchesPod];
    assert_eq!(
        sentence(&flow, &verdict),
        "allowed by policy (by an ipBlock alone, which some network plugins never match with pods), \
         dropped by something else: REASON at function (node firewall?)"
    );
}

#[test]
fn what_is_no_policys_doing_says_so() {
    assert_eq!(
        sentence(&blocked(DropClass::Firewall), &allowed()),
        "allowed by policy, dropped by something else: REASON at function (node firewall?)"
    );
    let (flow, verdict) = (blocked(DropClass::Firewall), allowed());
    let mut beside_others = subject(&flow, &verdict);
    beside_others.not_evaluated = 2;
    assert!(
        beside_others
            .sentence()
            .ends_with("(a policy that is not evaluated, or a node firewall?)")
    );
    assert_eq!(
        sentence(&blocked(DropClass::Routing), &denied(&["a"])),
        "no policy: no route to 192.0.2.2 (REASON at function)"
    );
}

#[test]
fn forwarded_against_policy_names_the_policy() {
    assert_eq!(
        sentence(&flow(1), &denied(&["a"])),
        "denied by prod/a, yet forwarded"
    );
    assert_eq!(sentence(&flow(1), &allowed()), "");
}

#[test]
fn refusals_and_silence() {
    let mut refused = flow(1);
    refused.observed.refused_by_peer = true;
    refused.destination.identity = Identity::Pod {
        pod: pod("prod", "web"),
        workload: None,
        age: None,
    };
    assert_eq!(
        sentence(&refused, &allowed()),
        "refused by the pod: nothing listens on TCP 80"
    );
    let mut silent = flow(1);
    silent.observed.verdict = ObservedVerdict::Unanswered;
    assert_eq!(
        sentence(&silent, &denied(&["a"])),
        "no answer in 2 s; no drop was seen on this node"
    );
}

#[test]
fn a_rejection_without_a_drop_blames_nobody() {
    let mut rejected = flow(1);
    rejected.observed.verdict = ObservedVerdict::Rejected;
    rejected.observed.node_reply = Some(NodeReply::IcmpUnreachable);
    let mut unknown = allowed();
    unknown.ingress.decision = Decision::Unknown;
    unknown.caveats = vec![Caveat::BackendUnknown];
    for (verdict, expected) in [
        (allowed(), "rejected by this node, and allowed by policy"),
        (
            denied(&["a"]),
            "rejected by this node, and denied by prod/a, which need not be the cause",
        ),
        (
            unknown,
            "rejected by this node; what policies say is not known (the Service's backend was not seen)",
        ),
    ] {
        assert_eq!(sentence(&rejected, &verdict), expected);
    }
}
