//! Several verdicts into one: what is the same in all of them.

use std::sync::Arc;

use crate::verdict::{DecidedBy, Decision, DirectionVerdict, Verdict};

/// One direction's answer where there is none.
fn undecided() -> DirectionVerdict {
    DirectionVerdict {
        decision: Decision::Unknown,
        decided_by: DecidedBy::Unknown,
        allowed_by: Vec::new(),
        denied_by: Vec::new(),
        path: Vec::new(),
    }
}

/// The answer where nothing can be asked.
pub(super) fn nothing() -> Arc<Verdict> {
    Arc::new(Verdict {
        egress: undecided(),
        ingress: undecided(),
        caveats: Vec::new(),
    })
}

/// Adds what may be the case too; true where that makes a direction undecided.
pub(super) fn add(all: &mut Arc<Verdict>, other: Arc<Verdict>) -> bool {
    if Arc::ptr_eq(all, &other) || **all == *other {
        return false;
    }
    let into = Arc::make_mut(all);
    into.caveats.extend(&other.caveats);
    into.caveats.sort_unstable();
    into.caveats.dedup();
    let egress = add_direction(&mut into.egress, &other.egress);
    let ingress = add_direction(&mut into.ingress, &other.ingress);
    egress || ingress
}

fn add_direction(into: &mut DirectionVerdict, other: &DirectionVerdict) -> bool {
    if into.decision != other.decision {
        *into = undecided();
        return true;
    }
    // What allows it in one case only may not have been used at all.
    into.allowed_by
        .retain(|rule| other.allowed_by.contains(rule));
    for denial in &other.denied_by {
        if !into.denied_by.iter().any(|one| one.policy == denial.policy) {
            into.denied_by.push(denial.clone());
        }
    }
    false
}
