//! Pods and policies that come and go.

use netpol_policy::history::{Loss, UseTotals};
use netpol_policy::unused::{Confidence, Status};

use super::world::{World, day};

const WEB: &str = "web: {podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: build}}}]}]}";
const AT: &str = "web ingress[0] from[0]";

/// Pods may have come and gone while nobody watched, or were forgotten.
#[test]
fn nobody_is_absent_while_nobody_watches() {
    let none = World::new(&WEB.replace("{app: build}", "{app: none}"));
    assert_eq!(none.entry(AT).confidence, Confidence::High);
    for (gap, confidence, worst) in [
        (
            2,
            Confidence::Insufficient,
            "who exists is known for 13% of the time",
        ),
        (
            10,
            Confidence::Low,
            "who exists is known for 66% of the time",
        ),
        (
            14,
            Confidence::Medium,
            "who exists is known for 93% of the time",
        ),
    ] {
        let half = [(0, gap), (30 - gap, 30)];
        let world = none
            .clone()
            .watched("n1", &[half[0]])
            .watched("n2", &[half[1]]);
        let entry = world.entry(AT);
        let held = entry.if_evidence_held.unwrap_or(entry.status);
        assert_eq!(
            (held, entry.confidence, entry.limits[0].to_string().as_str()),
            (Status::DanglingPeer, confidence, worst)
        );
    }
    let mut forgotten = none;
    let losses = &mut forgotten.0.nodes[0].intervals[0].losses;
    losses.push(Loss {
        stage: "history".into(),
        reason: "groups_evicted".into(),
        count: 4,
    });
    let entry = forgotten.entry(AT);
    assert_eq!(entry.confidence, Confidence::Low);
    assert_eq!(
        entry.limits[0].to_string(),
        "pods that are gone were forgotten for want of room: 4 kinds"
    );
}

/// What others there were may be there no more.
#[test]
fn redundant_use_is_for_the_sake_of_policies_that_may_have_changed() {
    let other = "other: {podSelector: {}, ingress: [{}]}";
    let used = |last| {
        let totals = move |totals: &mut UseTotals| {
            totals.hits = 9;
            totals.last_seen = day(last);
        };
        World::new(WEB)
            .said(other, 0, 20)
            .used("n1", "web", "ingress[0] from[0]", totals)
    };
    let entry = used(25).entry(AT);
    assert_eq!(
        (entry.status, entry.confidence),
        (Status::RedundantUse, Confidence::Low)
    );
    assert_eq!(
        entry.limits[0].to_string(),
        "of the others, prod/other may have been some that say something else now"
    );
    let entry = used(15).entry(AT);
    assert_eq!(entry.if_evidence_held, Some(Status::RedundantUse));
    // One that says the same again, one of other pods, one that was gone before.
    for text in [
        other.replace("{}, ingress", "{matchLabels: {app: db}}, ingress"),
        other.replace("ingress: [{}]", "egress: [{}], policyTypes: [Egress]"),
    ] {
        let world = World::new(WEB)
            .said(&text, 0, 20)
            .hits("web", "ingress[0] from[0]", 9, 0);
        assert_eq!(world.entry(AT).confidence, Confidence::High, "{text}");
    }
    let again = used(25).policies(other, 20);
    assert_eq!(again.entry(AT).confidence, Confidence::High);
}

/// The lines about pods are missing in a damaged file.
#[test]
fn nobody_is_absent_where_nobody_is_known() {
    let mut world = World::new(WEB);
    world.0.population.clear();
    let entry = world.entry(AT);
    assert_eq!(entry.if_evidence_held, Some(Status::DanglingSubject));
    assert_eq!(
        entry.limits[0].to_string(),
        "who exists is known for 0% of the time"
    );
}
