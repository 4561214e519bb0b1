//! One answer to a question that stands for several connections.

use crate::verdict::{Caveat, DecidedBy, Decision, DirectionVerdict, Verdict};

/// What holds for all of them: the first verdict where all decide alike, with everybody's caveats; otherwise nothing is
/// decided, and [`Caveat::PodsDiffer`] says why. Nothing is decided either where there is no verdict.
#[must_use]
pub fn combine(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut verdicts = verdicts.into_iter();
    let Some(mut answer) = verdicts.next() else {
        return Verdict {
            egress: undecided(),
            ingress: undecided(),
            caveats: Vec::new(),
        };
    };
    let decision = answer.decision();
    let (mut egress, mut ingress, mut all) = (true, true, true);
    for verdict in verdicts {
        egress &= verdict.egress.decision == answer.egress.decision;
        ingress &= verdict.ingress.decision == answer.ingress.decision;
        all &= verdict.decision() == decision;
        answer.caveats.extend(verdict.caveats);
    }
    if !all {
        // Where decisions differ, those of some direction do.
        for (side, is_same) in [(&mut answer.egress, egress), (&mut answer.ingress, ingress)] {
            if !is_same {
                *side = undecided();
            }
        }
        answer.caveats.push(Caveat::PodsDiffer);
    }
    answer.caveats.sort();
    answer.caveats.dedup();
    answer
}

fn undecided() -> DirectionVerdict {
    DirectionVerdict {
        decision: Decision::Unknown,
        decided_by: DecidedBy::Unknown,
        allowed_by: Vec::new(),
        denied_by: Vec::new(),
        path: Vec::new(),
    }
}
