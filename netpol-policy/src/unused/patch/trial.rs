//! All traffic that is remembered, asked of the policies before and after.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::cut::Trimmed;
use super::{Changed, PatchProgress, Replayed};
use crate::history::{History, Part, PolicyName, RememberedPolicy, Traffic, traffic};
use crate::replay::{Answer, Engine, LabelsOf};
use crate::verdict::{Decision, Direction, RuleRef, TierOutcome, Verdict};

/// The traffic, and what the policies say of it as they stand.
pub(super) struct Trial<'a> {
    history: &'a History,
    policies: &'a [RememberedPolicy],
    traffic: Vec<Traffic>,
    before: Vec<Arc<Verdict>>,
    numbers: HashMap<PolicyName, usize>,
}

/// What one round showed.
pub(super) struct Outcome {
    /// Traffic whose answer changes, with all entries that had a part in the answer before.
    pub(super) missed: Vec<(Vec<Missed>, Changed)>,
    pub(super) replayed: Replayed,
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

    /// Asks the policies with these in place of those with the same index.
    pub(super) fn of(
        &self,
        trimmed: &BTreeMap<usize, &Trimmed>,
        progress: &mut impl FnMut(PatchProgress),
    ) -> Outcome {
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
            replayed.connections += totals.connections + totals.resumed;
            if before.decision() == Decision::Unknown || after.decision() == Decision::Unknown {
                replayed.unknown += 1;
            }
            if decisions(before) != decisions(&after) {
                let changed = Changed {
                    traffic: traffic.clone(),
                    before: before.decision(),
                    after: after.decision(),
                };
                missed.push((self.missed(before), changed));
            }
        }
        Outcome { missed, replayed }
    }

    /// Every entry that had a part in an answer.
    fn missed(&self, verdict: &Verdict) -> Vec<Missed> {
        let mut entries = Vec::new();
        for side in [&verdict.egress, &verdict.ingress] {
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

/// Of both directions: that one stops what the other stopped before is a change too.
fn decisions(verdict: &Verdict) -> (Decision, Decision) {
    (verdict.egress.decision, verdict.ingress.decision)
}

fn asked<T>(
    engine: &mut Engine,
    traffic: &[Traffic],
    progress: &mut impl FnMut(PatchProgress),
    of: impl Fn(Answer) -> T,
) -> Vec<T> {
    /// Between two reports.
    const STEP: usize = 4096;
    let total = traffic.len();
    let mut answers = Vec::with_capacity(total);
    for (done, one) in traffic.iter().enumerate() {
        if done % STEP == 0 {
            progress(PatchProgress { done, total });
        }
        answers.push(of(engine.answer(one)));
    }
    answers
}
