//! The replay of what is to be let through, against what is suggested.

use std::collections::BTreeSet;

use crate::history::{History, RememberedPolicy, Traffic, in_force};
use crate::replay::{Answer, Engine, LabelsOf, Proposed, Why};
use crate::verdict::{Decision, Denial, PolicyKind, PolicyRef};

/// What a replay says of traffic that is to be let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is let through.
    Passes,
    /// It is let through with the labels that pods have now, and not with those that they had then.
    PassesNow,
    /// It cannot be told.
    Unknown(Vec<Why>),
    /// Policies that are not suggested deny it.
    DeniedByOthers(BTreeSet<PolicyRef>),
    /// Suggested policies deny it.
    Denied(BTreeSet<PolicyRef>),
}

/// Policy sets that hold suggested policies, asked with the labels of then and of now.
pub(crate) struct Replay {
    suggested: BTreeSet<PolicyRef>,
    sets: Vec<(Engine, Engine)>,
}

impl Replay {
    /// Both with the policies in force, which may stay, and in place of the NetworkPolicies of one namespace, which may go.
    pub(crate) fn new(history: &History, namespace: &str, suggested: &[RememberedPolicy]) -> Self {
        let in_force = in_force(history);
        let others: Vec<RememberedPolicy> = in_force
            .iter()
            .filter(|policy| {
                let reference = policy.reference();
                reference.kind != PolicyKind::NetworkPolicy || *reference.namespace != *namespace
            })
            .cloned()
            .collect();
        Self::of(history, &[in_force, others], suggested)
    }

    /// These policies, in place of others.
    pub(crate) fn of(
        history: &History,
        sets: &[Vec<RememberedPolicy>],
        suggested: &[RememberedPolicy],
    ) -> Self {
        let engines = sets.iter().map(|set| {
            let all = [set.as_slice(), suggested].concat();
            let engine = |labels| Engine::new(history, &all, labels);
            (
                engine(LabelsOf::FlowTime),
                engine(LabelsOf::Now(Proposed::default())),
            )
        });
        Self {
            suggested: suggested
                .iter()
                .map(|policy| policy.reference().clone())
                .collect(),
            sets: engines.collect(),
        }
    }

    /// The worst that any of the sets says.
    pub(crate) fn ask(&mut self, traffic: &Traffic) -> Outcome {
        let mut worst = Outcome::Passes;
        for index in 0..self.sets.len() {
            let outcome = self.ask_set(index, traffic);
            if rank(&outcome) > rank(&worst) {
                worst = outcome;
            }
        }
        worst
    }

    fn ask_set(&mut self, index: usize, traffic: &Traffic) -> Outcome {
        let (then, now) = &mut self.sets[index];
        let answer = then.answer(traffic);
        match answer.decision() {
            Decision::Allowed => return Outcome::Passes,
            Decision::Unknown => return Outcome::Unknown(answer.unknown),
            Decision::Denied => {}
        }
        let deniers = deniers(&answer);
        let mine: BTreeSet<PolicyRef> = deniers.intersection(&self.suggested).cloned().collect();
        if mine.is_empty() {
            return Outcome::DeniedByOthers(deniers);
        }
        let answer = now.answer(traffic);
        match answer.decision() {
            Decision::Allowed => Outcome::PassesNow,
            Decision::Unknown => Outcome::Unknown(answer.unknown),
            Decision::Denied => Outcome::Denied(mine),
        }
    }
}

fn rank(outcome: &Outcome) -> u8 {
    match outcome {
        Outcome::Passes => 0,
        Outcome::PassesNow => 1,
        Outcome::Unknown(_) => 2,
        Outcome::DeniedByOthers(_) => 3,
        Outcome::Denied(_) => 4,
    }
}

/// The policies that deny.
pub(crate) fn deniers(answer: &Answer) -> BTreeSet<PolicyRef> {
    let sides = [&answer.verdict.egress, &answer.verdict.ingress];
    let denials = sides.into_iter().flat_map(|side| &side.denied_by);
    denials
        .map(|Denial { policy, .. }| policy.clone())
        .collect()
}
