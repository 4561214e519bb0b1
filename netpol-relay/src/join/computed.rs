//! What policies say of a connection, by the inventories of both its nodes.
//!
//! Each node has computed both directions. Egress is decided by the policies of the source, so the word of the source's
//! node stands, which enforces them; ingress likewise by the destination's. Where that node could not tell and the other
//! could, the other's word stands.

use netpol_api::v1::{self, computed::Verdict};

/// Caveat of two nodes that decide the same direction differently: an inventory is behind, or policies changed in between.
pub(super) const NODES_DIFFER: &str = "nodes-differ";

/// Both inventories' answers as one.
pub(super) fn computed(source: &v1::Flow, destination: &v1::Flow) -> Option<v1::Computed> {
    let (source, destination) = match (&source.computed, &destination.computed) {
        (Some(source), Some(destination)) => (source, destination),
        (one, other) => return one.clone().or_else(|| other.clone()),
    };
    let egress = of_home(source.egress.as_ref(), destination.egress.as_ref());
    let ingress = of_home(destination.ingress.as_ref(), source.ingress.as_ref());
    let mut caveats = source.caveats.clone();
    let missing = |caveats: &[String], caveat: &str| !caveats.iter().any(|known| known == caveat);
    for caveat in &destination.caveats {
        if missing(&caveats, caveat) {
            caveats.push(caveat.clone());
        }
    }
    let differ = contradict(source.egress.as_ref(), destination.egress.as_ref())
        || contradict(source.ingress.as_ref(), destination.ingress.as_ref());
    if differ && missing(&caveats, NODES_DIFFER) {
        caveats.push(NODES_DIFFER.to_owned());
    }
    let verdict = |side: Option<&v1::DirectionVerdict>| {
        side.map_or(Verdict::Unknown, v1::DirectionVerdict::verdict)
    };
    Some(v1::Computed {
        verdict: both(verdict(egress), verdict(ingress)).into(),
        egress: egress.cloned(),
        ingress: ingress.cloned(),
        // Each node counts its own; the flow's node is the destination's.
        policy_generation: destination.policy_generation,
        caveats,
        changed_before: shorter(source.changed_before, destination.changed_before),
    })
}

/// Allowed only where both directions are; denied where either is.
fn both(egress: Verdict, ingress: Verdict) -> Verdict {
    match (egress, ingress) {
        (Verdict::Denied, _) | (_, Verdict::Denied) => Verdict::Denied,
        (Verdict::Allowed, Verdict::Allowed) => Verdict::Allowed,
        _ => Verdict::Unknown,
    }
}

fn of_home<'a>(
    home: Option<&'a v1::DirectionVerdict>,
    away: Option<&'a v1::DirectionVerdict>,
) -> Option<&'a v1::DirectionVerdict> {
    home.filter(|verdict| is_decided(verdict))
        .or_else(|| away.filter(|verdict| is_decided(verdict)))
        .or(home)
        .or(away)
}

fn is_decided(verdict: &v1::DirectionVerdict) -> bool {
    matches!(verdict.verdict(), Verdict::Allowed | Verdict::Denied)
}

fn contradict(one: Option<&v1::DirectionVerdict>, other: Option<&v1::DirectionVerdict>) -> bool {
    let decided = |verdict: Option<&v1::DirectionVerdict>| {
        verdict
            .filter(|verdict| is_decided(verdict))
            .map(v1::DirectionVerdict::verdict)
    };
    decided(one)
        .zip(decided(other))
        .is_some_and(|(one, other)| one != other)
}

fn shorter(
    one: Option<prost_types::Duration>,
    other: Option<prost_types::Duration>,
) -> Option<prost_types::Duration> {
    let length = |duration: &prost_types::Duration| (duration.seconds, duration.nanos);
    one.into_iter().chain(other).min_by_key(length)
}
