//! What verdicts are worth while policies of some kind cannot be read.

use netpol_policy::verdict::{Caveat, DecidedBy, Decision, DirectionVerdict, Verdict};

/// The verdict without what policies that nobody has read may change: whatever policies or their absence decided.
pub(super) fn undecided(verdict: &Verdict) -> Verdict {
    let without = |direction: &DirectionVerdict| match direction.decided_by {
        DecidedBy::Default | DecidedBy::Policy => DirectionVerdict {
            decision: Decision::Unknown,
            decided_by: DecidedBy::Unknown,
            allowed_by: Vec::new(),
            denied_by: Vec::new(),
            path: Vec::new(),
        },
        DecidedBy::Node | DecidedBy::SelfTraffic | DecidedBy::NotASubject | DecidedBy::Unknown => {
            direction.clone()
        }
    };
    let (egress, ingress) = (without(&verdict.egress), without(&verdict.ingress));
    let mut caveats = verdict.caveats.clone();
    if (&egress, &ingress) != (&verdict.egress, &verdict.ingress) {
        caveats.push(Caveat::PoliciesUnread);
    }
    Verdict {
        egress,
        ingress,
        caveats,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn direction(decided_by: DecidedBy) -> DirectionVerdict {
        DirectionVerdict {
            decision: Decision::Allowed,
            decided_by,
            allowed_by: Vec::new(),
            denied_by: Vec::new(),
            path: Vec::new(),
        }
    }

    fn verdict(egress: DecidedBy, ingress: DecidedBy) -> Verdict {
        Verdict {
            egress: direction(egress),
            ingress: direction(ingress),
            caveats: Vec::new(),
        }
    }

    #[test]
    fn what_policies_may_change_is_not_decided() {
        let unread = undecided(&verdict(DecidedBy::NotASubject, DecidedBy::Default));
        assert_eq!(unread.decision(), Decision::Unknown);
        assert_eq!(unread.egress, direction(DecidedBy::NotASubject));
        assert_eq!(unread.caveats, [Caveat::PoliciesUnread]);
        let nodes = verdict(DecidedBy::NotASubject, DecidedBy::Node);
        assert_eq!(undecided(&nodes), nodes);
    }
}
