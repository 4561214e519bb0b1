//! The replay of what was seen, against what is suggested.

use std::collections::BTreeSet;

use crate::history::{History, PolicyName, RememberedPolicy, Traffic, in_force};
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

/// What becomes of traffic that no rule was made for, once the policies are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Denied.
    Denied,
    /// Permitted by NetworkPolicies of the namespace that are in force, and denied where those are removed.
    DeniedLater,
    /// It cannot be told.
    Unknown,
    /// Permitted: by rules for other traffic, or since no policy isolates that end.
    Permitted,
}

impl Fate {
    /// Its word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::DeniedLater => "denied-later",
            Self::Unknown => "unknown",
            Self::Permitted => "permitted",
        }
    }
}

/// Suggested policies, asked about traffic with the labels of then and of now.
pub(crate) struct Replay {
    suggested: BTreeSet<PolicyRef>,
    /// With the policies in force, which may stay.
    beside: Engines,
    /// In place of the NetworkPolicies of the namespace, which may go.
    instead: Engines,
}

struct Engines {
    then: Engine,
    now: Engine,
}

impl Replay {
    pub(crate) fn new(history: &History, namespace: &str, suggested: &[RememberedPolicy]) -> Self {
        let names: BTreeSet<PolicyName> = suggested
            .iter()
            .map(|policy| PolicyName::of(policy.reference()))
            .collect();
        let mut in_force = in_force(history);
        // Applying a policy replaces the one of its name.
        in_force.retain(|policy| !names.contains(&PolicyName::of(policy.reference())));
        let mut others = in_force.clone();
        others.retain(|policy| {
            let reference = policy.reference();
            reference.kind != PolicyKind::NetworkPolicy || *reference.namespace != *namespace
        });
        let engines = |set: Vec<RememberedPolicy>| {
            let all = [set.as_slice(), suggested].concat();
            Engines {
                then: Engine::new(history, &all, LabelsOf::FlowTime),
                now: Engine::new(history, &all, LabelsOf::Now(Proposed::default())),
            }
        };
        Self {
            suggested: suggested
                .iter()
                .map(|policy| policy.reference().clone())
                .collect(),
            beside: engines(in_force),
            instead: engines(others),
        }
    }

    /// The worst that is said of traffic that is to be let through.
    pub(crate) fn ask(&mut self, traffic: &Traffic) -> Outcome {
        let [beside, instead] = self.outcomes(traffic);
        match rank(&instead) > rank(&beside) {
            true => instead,
            false => beside,
        }
    }

    /// What becomes of traffic that no rule was made for.
    pub(crate) fn fate(&mut self, traffic: &Traffic) -> Fate {
        let [beside, instead] = self.outcomes(traffic);
        let is_denied =
            |outcome: &Outcome| matches!(outcome, Outcome::Denied(_) | Outcome::DeniedByOthers(_));
        let is_unknown = |outcome: &Outcome| matches!(outcome, Outcome::Unknown(_));
        match (&beside, &instead) {
            (beside, _) if is_denied(beside) => Fate::Denied,
            (beside, _) if is_unknown(beside) => Fate::Unknown,
            (_, instead) if is_denied(instead) => Fate::DeniedLater,
            (_, instead) if is_unknown(instead) => Fate::Unknown,
            _ => Fate::Permitted,
        }
    }

    fn outcomes(&mut self, traffic: &Traffic) -> [Outcome; 2] {
        let suggested = &self.suggested;
        [&mut self.beside, &mut self.instead].map(|engines| engines.ask(traffic, suggested))
    }
}

impl Engines {
    fn ask(&mut self, traffic: &Traffic, suggested: &BTreeSet<PolicyRef>) -> Outcome {
        let answer = self.then.answer(traffic);
        match answer.decision() {
            Decision::Allowed => return Outcome::Passes,
            Decision::Unknown => return Outcome::Unknown(answer.unknown),
            Decision::Denied => {}
        }
        let deniers = deniers(&answer);
        let mine: BTreeSet<PolicyRef> = deniers.intersection(suggested).cloned().collect();
        if mine.is_empty() {
            return Outcome::DeniedByOthers(deniers);
        }
        let answer = self.now.answer(traffic);
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
