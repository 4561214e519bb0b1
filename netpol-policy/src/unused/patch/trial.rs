//! All traffic that is remembered, asked of the policies before and after.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::cut::Trimmed;
use super::{PatchProgress, Replayed};
use crate::history::{Agreement, History, Part, PolicyName, RememberedPolicy, Traffic, traffic};
use crate::replay::{Answer, Engine, LabelsOf};
use crate::verdict::{Decision, Direction, DirectionVerdict, RuleRef, TierOutcome, Verdict};

/// The traffic, and what the policies say of it as they stand.
pub(super) struct Trial<'a> {
    history: &'a History,
    policies: &'a [RememberedPolicy],
    traffic: Vec<Traffic>,
    before: Vec<Arc<Verdict>>,
    numbers: HashMap<PolicyName, usize>,
}

/// What one round showed.
pub(super) struct Outcome<'a> {
    pub(super) missed: Vec<Miss<'a>>,
    pub(super) replayed: Replayed,
}

/// Traffic whose answer changes.
pub(super) struct Miss<'a> {
    pub(super) traffic: &'a Traffic,
    pub(super) before: Decision,
    pub(super) after: Decision,
    /// The directions in which it changes.
    pub(super) directions: Vec<Direction>,
    /// Entries that had a part in the answer before, in these directions; none where that was not known.
    pub(super) entries: Vec<Missed>,
}

/// An entry that had a part in an answer: index of the policy, direction, part.
pub(super) type Missed = (usize, Direction, Part);

impl<'a> Trial<'a> {
    pub(super) fn new(
        history: &'a History,
        policies: &'a [RememberedPolicy],
        progress: &mut impl FnMut(PatchProgress),
    ) -> Self {
        let traffic = traffic(history);
        let mut engine = Engine::new(history, policies, LabelsOf::FlowTime);
        let before = asked(&mut engine, &traffic, progress, |answer| answer.verdict);
        let named = policies.iter().enumerate();
        Self {
            history,
            policies,
            before,
            traffic,
            numbers: named.map(|(index, one)| (one.name(), index)).collect(),
        }
    }

    /// Traffic of which it cannot be told what the policies say in a direction, and that went on as far as is known.
    pub(super) fn undecided(&self) -> impl Iterator<Item = (&Traffic, Direction)> {
        let both = self.traffic.iter().zip(&self.before);
        both.filter(|(traffic, _)| {
            traffic.computed != Decision::Denied && !traffic.observed.is_blocked()
        })
        .flat_map(|(traffic, before)| {
            let directions = [Direction::Egress, Direction::Ingress].into_iter();
            let open = directions.filter(|one| side(before, *one).decision == Decision::Unknown);
            open.map(move |direction| (traffic, direction))
        })
    }

    /// Asks the policies with these in place of those with the same index.
    pub(super) fn of(
        &self,
        trimmed: &BTreeMap<usize, &Trimmed>,
        progress: &mut impl FnMut(PatchProgress),
    ) -> Outcome<'_> {
        let after: Vec<RememberedPolicy> = self
            .policies
            .iter()
            .enumerate()
            .filter_map(|(index, policy)| match trimmed.get(&index) {
                Some(trimmed) => trimmed.after.clone(),
                None => Some(policy.clone()),
            })
            .collect();
        let mut engine = Engine::new(self.history, &after, LabelsOf::FlowTime);
        let mut missed = Vec::new();
        let mut replayed = Replayed::default();
        let answers = asked(&mut engine, &self.traffic, progress, |answer| {
            answer.verdict
        });
        for ((traffic, before), after) in self.traffic.iter().zip(&self.before).zip(answers) {
            let totals = &traffic.totals;
            replayed.traffic += 1;
            let connections = totals.connections.saturating_add(totals.resumed);
            replayed.connections = replayed.connections.saturating_add(connections);
            if before.decision() == Decision::Unknown || after.decision() == Decision::Unknown {
                replayed.unknown += 1;
            }
            let (was, is) = (before.decision(), after.decision());
            // Where it cannot be told any more what policies said, what they were heard to say counts, if anything; but not
            // where what was seen speaks against it.
            let is_as_computed = was == Decision::Unknown
                && is == traffic.computed
                && is != Decision::Unknown
                && traffic.agreement != Agreement::DeniedButForwarded;
            let directions = changed(before, &after);
            if directions.is_empty() || is_as_computed {
                continue;
            }
            missed.push(Miss {
                traffic,
                before: was,
                after: is,
                entries: self.entries(before, &directions),
                directions,
            });
        }
        Outcome { missed, replayed }
    }

    /// Every entry that had a part in an answer in these directions.
    fn entries(&self, verdict: &Verdict, directions: &[Direction]) -> Vec<Missed> {
        let mut entries = Vec::new();
        for direction in directions {
            let side = side(verdict, *direction);
            let passed = side.path.iter().flat_map(|step| match &step.outcome {
                TierOutcome::Passed(rules) => rules.as_slice(),
                _ => &[],
            });
            let denied = side.denied_by.iter().flat_map(|denial| &denial.rules);
            for rule in side.allowed_by.iter().chain(denied).chain(passed) {
                let reference = &rule.policy;
                let name = PolicyName {
                    kind: reference.kind,
                    namespace: reference.namespace.clone(),
                    name: reference.name.clone(),
                };
                if let Some(index) = self.numbers.get(&name) {
                    entries.push((*index, rule.direction, part(rule)));
                }
            }
        }
        entries
    }
}

fn part(rule: &RuleRef) -> Part {
    // No list that was read is longer than 32 bits count.
    let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    Part::Entry {
        rule: number(rule.rule),
        peer: rule.peer.map(number),
        port: rule.port.map(number),
    }
}

/// Directions with another decision: that one stops what the other stopped before is a change too.
fn changed(before: &Verdict, after: &Verdict) -> Vec<Direction> {
    let both = [Direction::Egress, Direction::Ingress].into_iter();
    both.filter(|one| side(before, *one).decision != side(after, *one).decision)
        .collect()
}

fn side(verdict: &Verdict, direction: Direction) -> &DirectionVerdict {
    match direction {
        Direction::Egress => &verdict.egress,
        Direction::Ingress => &verdict.ingress,
    }
}

fn asked<T>(
    engine: &mut Engine,
    traffic: &[Traffic],
    progress: &mut impl FnMut(PatchProgress),
    of: impl Fn(Answer) -> T,
) -> Vec<T> {
    let total = traffic.len();
    let mut answers = Vec::with_capacity(total);
    for (done, one) in traffic.iter().enumerate() {
        progress(PatchProgress { done, total });
        answers.push(of(engine.answer(one)));
    }
    answers
}
