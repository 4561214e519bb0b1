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

#[cfg(test)]
mod tests {
    use super::*;
    use Decision::{Allowed, Denied, Unknown};

    fn verdict(egress: Decision, ingress: Decision, caveats: &[Caveat]) -> Verdict {
        let side = |decision| DirectionVerdict {
            decision,
            decided_by: DecidedBy::Policy,
            ..undecided()
        };
        Verdict {
            egress: side(egress),
            ingress: side(ingress),
            caveats: caveats.to_vec(),
        }
    }

    #[test]
    fn where_all_decide_alike_the_first_speaks_for_all_with_everybodys_caveats() {
        let (one, other) = (Caveat::HostNetwork, Caveat::IpBlockMatchesPod);
        let all = [
            verdict(Denied, Allowed, &[other]),
            verdict(Allowed, Denied, &[one, other]),
        ];
        assert_eq!(combine(all), verdict(Denied, Allowed, &[one, other]));
    }

    #[test]
    fn where_they_differ_the_direction_that_differs_is_not_decided() {
        for (first, second, egress, ingress) in [
            ((Denied, Allowed), (Allowed, Allowed), Unknown, Allowed),
            ((Denied, Unknown), (Allowed, Unknown), Unknown, Unknown),
            ((Allowed, Allowed), (Allowed, Unknown), Allowed, Unknown),
            ((Denied, Allowed), (Allowed, Unknown), Unknown, Unknown),
        ] {
            let answer = combine([first, second].map(|(out, to)| verdict(out, to, &[])));
            let decisions = (answer.egress.decision, answer.ingress.decision);
            assert_eq!(decisions, (egress, ingress), "{first:?} {second:?}");
            assert_eq!(answer.decision(), Unknown);
            assert_eq!(answer.caveats, [Caveat::PodsDiffer]);
        }
    }

    #[test]
    fn nothing_is_decided_where_nothing_is_asked() {
        assert_eq!(combine([]).decision(), Unknown);
    }
}
