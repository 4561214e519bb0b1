//! What is behind an answer.

use crate::history::PolicyName;
use crate::verdict::{
    DecidedBy, Decision, DenyReason, Direction, DirectionVerdict, NearestMiss, RuleRef, Verdict,
};

/// What decides one direction, or takes part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Which direction.
    pub direction: Direction,
    /// What.
    pub what: Decisive,
}

impl Reason {
    /// Whether both say the same, but for the entries of a rule's lists that decide.
    pub(super) fn is_same_rule(&self, other: &Self) -> bool {
        self == other || self.of_whole_rule() == other.of_whole_rule()
    }

    /// Without those entries: to be compared, and for nothing else.
    fn of_whole_rule(&self) -> Self {
        let mut whole = self.clone();
        let rule = match &mut whole.what {
            Decisive::Rule(rule) | Decisive::DenyRule(rule) => Some(rule),
            Decisive::Isolated { nearest, .. } => nearest.as_mut().map(|nearest| &mut nearest.rule),
            Decisive::Default | Decisive::Exempt(_) => None,
        };
        if let Some(rule) = rule {
            (rule.peer, rule.port) = (None, None);
        }
        whole
    }
}

/// What decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decisive {
    /// No policy isolates the pod.
    Default,
    /// Exempt from policy: a node and its own pod, a pod and itself, or an end that is no subject of policies.
    Exempt(DecidedBy),
    /// This rule allows it.
    Rule(RuleRef),
    /// This rule denies it.
    DenyRule(RuleRef),
    /// This policy isolates the pod, and none of its rules allows it.
    Isolated {
        /// Which.
        policy: PolicyName,
        /// How it falls short.
        reason: DenyReason,
        /// The rule that misses by the fewest conditions.
        nearest: Option<NearestMiss>,
    },
}

impl Decisive {
    /// The policy, where it is one.
    #[must_use]
    pub fn policy(&self) -> Option<PolicyName> {
        match self {
            Self::Default | Self::Exempt(_) => None,
            Self::Rule(rule) | Self::DenyRule(rule) => Some(PolicyName::of(&rule.policy)),
            Self::Isolated { policy, .. } => Some(policy.clone()),
        }
    }
}

/// What is behind a verdict: of one that denies, what denies it alone. Egress first; none where it is not decided.
#[must_use]
pub fn reasons(verdict: &Verdict) -> Vec<Reason> {
    let decision = verdict.decision();
    let sides = [
        (Direction::Egress, &verdict.egress),
        (Direction::Ingress, &verdict.ingress),
    ];
    let deciding = sides
        .into_iter()
        .filter(|(_, side)| side.decision == decision && decision != Decision::Unknown);
    deciding
        .flat_map(|(direction, side)| {
            let what = of_direction(side).into_iter();
            what.map(move |what| Reason { direction, what })
        })
        .collect()
}

fn of_direction(side: &DirectionVerdict) -> Vec<Decisive> {
    match side.decided_by {
        DecidedBy::Default => return vec![Decisive::Default],
        DecidedBy::Node | DecidedBy::SelfTraffic | DecidedBy::NotASubject => {
            return vec![Decisive::Exempt(side.decided_by)];
        }
        DecidedBy::Policy | DecidedBy::Unknown => {}
    }
    let rules = side.allowed_by.iter().cloned().map(Decisive::Rule);
    let denials = side.denied_by.iter().flat_map(|denial| {
        if denial.rules.is_empty() {
            return vec![Decisive::Isolated {
                policy: PolicyName::of(&denial.policy),
                reason: denial.reason,
                nearest: denial.nearest.clone(),
            }];
        }
        let rules = denial.rules.iter().cloned();
        rules.map(Decisive::DenyRule).collect()
    });
    rules.chain(denials).collect()
}

/// Whether two verdicts of one decision come from different policies, or one of them from none. Rules of one policy are not
/// told apart: a rule that is written before another changes the numbers of those after it.
pub(super) fn differ(one: &[Reason], other: &[Reason]) -> bool {
    type Key = (Direction, Option<PolicyName>, bool);
    let keys = |reasons: &[Reason]| {
        let keys = reasons.iter().map(|reason| {
            let exempt = matches!(reason.what, Decisive::Exempt(_));
            (reason.direction, reason.what.policy(), exempt)
        });
        let mut keys: Vec<Key> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    keys(one) != keys(other)
}
