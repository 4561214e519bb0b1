//! Which parts of policies a verdict rests on.

use netpol_policy::history::rule::Part;
use netpol_policy::verdict::{
    DenyReason, Direction, DirectionVerdict, PolicyRef, RuleRef, TierOutcome, Verdict,
};

/// A part of a policy that bore on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Match<'a> {
    pub(super) policy: &'a PolicyRef,
    pub(super) direction: Direction,
    pub(super) part: Part,
    /// Without it the answer of its tier would have been another.
    pub(super) is_sole: bool,
}

/// Every part that allowed, denied or passed a connection in a direction.
pub(super) fn of_direction(verdict: &Verdict, direction: Direction) -> Vec<Match<'_>> {
    let one = match direction {
        Direction::Egress => &verdict.egress,
        Direction::Ingress => &verdict.ingress,
    };
    let mut matches = entries(&one.allowed_by, one.allowed_by.len() == 1);
    matches.extend(denials(one, direction));
    for step in &one.path {
        if let TierOutcome::Passed(rules) = &step.outcome {
            matches.extend(entries(rules, rules.len() == 1));
        }
    }
    matches
}

fn denials(one: &DirectionVerdict, direction: Direction) -> Vec<Match<'_>> {
    let count = |is_explicit: bool| {
        let denials = one.denied_by.iter();
        let explicit = |reason| reason == DenyReason::ExplicitDeny;
        denials
            .filter(|denial| explicit(denial.reason) == is_explicit)
            .map(|denial| denial.rules.len().max(1))
            .sum::<usize>()
    };
    let is_sole = count(true) + count(false) == 1;
    let denials = one.denied_by.iter();
    denials
        .flat_map(|denial| match denial.reason {
            DenyReason::ExplicitDeny => entries(&denial.rules, is_sole),
            _ => vec![Match {
                policy: &denial.policy,
                direction,
                part: Part::Isolation,
                is_sole,
            }],
        })
        .collect()
}

fn entries(rules: &[RuleRef], is_sole: bool) -> Vec<Match<'_>> {
    // No list in a manifest is that long.
    let index = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    rules
        .iter()
        .map(|rule| Match {
            policy: &rule.policy,
            direction: rule.direction,
            part: Part::Entry {
                rule: index(rule.rule),
                peer: rule.peer.map(index),
                port: rule.port.map(index),
            },
            is_sole,
        })
        .collect()
}
