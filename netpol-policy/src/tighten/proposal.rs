//! From a history to narrower policies that have been replayed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::Options;
use super::finding::Finding;
use super::narrow::Narrowing;
use super::peers::Known;
use super::uses::Uses;
use crate::history::{self, History, Party, Present, RememberedPolicy, Traffic, in_force};
use crate::model::NetworkPolicy;
use crate::replay::{Engine, LabelsOf};
use crate::suggest::{Evidence, Naming, PEERS, Seen, Sieve, Surroundings, deniers};
use crate::unused::{self, Confidence, Nodes, is_damaged};
use crate::verdict::{Decision, Direction, PolicyRef};

/// Policies that permit far more than was used.
#[derive(Clone, Debug, PartialEq)]
pub struct Tightening {
    /// In order of namespace and name.
    pub proposals: Vec<Proposal>,
    /// Those that a replay spoke against.
    pub withheld: Vec<Withheld>,
    /// How many policies were looked at.
    pub looked_at: usize,
    /// How well the pods of the namespaces that were asked about were watched, in all of the time.
    pub evidence: Evidence,
}

/// A policy, and what it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// As it stands.
    pub before: NetworkPolicy,
    /// As it should: it permits nothing that it does not permit now.
    pub after: NetworkPolicy,
    /// What is too wide, in the order in which it stands there.
    pub findings: Vec<Finding>,
    /// How well the pods that it selects were watched since it says what it says.
    pub evidence: Evidence,
    /// The traffic that its rules let through and go on to: replayed. `None` for none.
    pub kept: Option<Seen>,
    /// Traffic that it permits, that did not get through, and that it would permit no more.
    pub denied: Vec<Traffic>,
    /// Traffic of its pods that got through, and of which it cannot be told whether it permits it, now or then.
    pub undecided: Vec<Traffic>,
}

impl Proposal {
    /// Whether enough was watched to conclude anything.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        self.evidence.confidence() > Confidence::Insufficient
    }
}

/// A narrower policy that would deny what was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Withheld {
    /// Which.
    pub policy: PolicyRef,
    /// Some of the traffic.
    pub example: Traffic,
}

/// How far [`tighten`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Kinds of traffic that policies were asked about.
    pub done: usize,
    /// All that they are to be.
    pub total: usize,
}

/// Proposes narrower policies for those in force.
pub fn tighten(history: &History, options: &Options, report: impl FnMut(Progress)) -> Tightening {
    let in_force = in_force(history);
    let mut policies: Vec<&NetworkPolicy> = in_force
        .iter()
        .filter_map(|policy| match policy {
            RememberedPolicy::Network(policy) => Some(policy),
            RememberedPolicy::Tiered(_) => None,
        })
        .filter(|policy| options.has_namespace(&policy.reference.namespace))
        .collect();
    policies.sort_by(|a, b| a.reference.cmp(&b.reference));
    let traffic = history::traffic(history);
    let uses = Uses::of(history, &in_force, &policies, &traffic, report);
    let naming = Naming::of(history);
    let mut sieve = Sieve::new(history, &naming, true);
    let around = Surroundings::new(history, &naming, options.limits, PEERS);
    let known = Known {
        history,
        limits: options.limits,
        pods: around.pods.clone(),
    };
    let narrowing = Narrowing {
        traffic: &traffic,
        uses: &uses,
        known: &known,
        around: &around,
    };
    let mut drafts: BTreeMap<usize, (NetworkPolicy, Vec<Finding>)> = BTreeMap::new();
    for (index, policy) in policies.iter().enumerate() {
        drafts.extend(
            narrowing
                .policy(index, policy, &mut sieve)
                .map(|draft| (index, draft)),
        );
    }
    let checked = Checked {
        history,
        in_force: &in_force,
        traffic: &traffic,
        uses: &uses,
    };
    let (withheld, mut engine) = checked.withhold(&policies, &mut drafts);
    let nodes = Nodes::of(history);
    let asked = unused::Options {
        min_window: options.min_window,
        is_damaged: options.is_damaged || is_damaged(history),
    };
    let pods = history.population.iter();
    let pods: Vec<&Present> = pods
        .filter(|present| options.has_namespace(&present.group.namespace))
        .collect();
    let proposals = drafts.into_iter().map(|(index, (after, findings))| {
        let before = policies[index];
        Proposal {
            evidence: evidence(history, &nodes, before, &asked),
            kept: checked.kept(index),
            denied: checked.denied(index, &mut engine),
            undecided: checked.undecided(before),
            before: before.clone(),
            after,
            findings,
        }
    });
    Tightening {
        proposals: proposals.collect(),
        withheld,
        looked_at: policies.len(),
        evidence: Evidence::of(history, &nodes, &pods, None, &asked),
    }
}

/// The replay.
struct Checked<'a> {
    history: &'a History,
    in_force: &'a [RememberedPolicy],
    traffic: &'a [Traffic],
    uses: &'a Uses,
}

impl Checked<'_> {
    /// Drops drafts until what is left, together, lets through all that was used. With it goes the engine of what is left.
    fn withhold(
        &self,
        policies: &[&NetworkPolicy],
        drafts: &mut BTreeMap<usize, (NetworkPolicy, Vec<Finding>)>,
    ) -> (Vec<Withheld>, Engine) {
        let mut withheld = Vec::new();
        loop {
            let mut engine = self.engine(policies, drafts);
            let mut wrong: BTreeMap<usize, usize> = BTreeMap::new();
            for policy in drafts.keys() {
                let used = self.uses.allowed.get(policy).into_iter().flatten();
                let mut lost = used.filter(|index| {
                    engine.answer(&self.traffic[**index]).decision() != Decision::Allowed
                });
                wrong.extend(lost.next().map(|index| (*policy, *index)));
            }
            for index in &self.uses.undecided {
                let answer = engine.answer(&self.traffic[*index]);
                if answer.decision() == Decision::Denied {
                    // What was open before is shut by one of these.
                    let deniers = deniers(&answer);
                    let drafted = drafts.keys();
                    let drafted =
                        drafted.filter(|policy| deniers.contains(&policies[**policy].reference));
                    wrong.extend(drafted.map(|policy| (*policy, *index)));
                }
            }
            if wrong.is_empty() {
                return (withheld, engine);
            }
            for (policy, example) in wrong {
                drafts.remove(&policy);
                withheld.push(Withheld {
                    policy: policies[policy].reference.clone(),
                    example: self.traffic[example].clone(),
                });
            }
        }
    }

    fn engine(
        &self,
        policies: &[&NetworkPolicy],
        drafts: &BTreeMap<usize, (NetworkPolicy, Vec<Finding>)>,
    ) -> Engine {
        let changed: BTreeMap<&PolicyRef, &NetworkPolicy> = drafts
            .iter()
            .map(|(index, (after, _))| (&policies[*index].reference, after))
            .collect();
        let after = self
            .in_force
            .iter()
            .map(|policy| match changed.get(policy.reference()) {
                Some(after) => RememberedPolicy::Network((*after).clone()),
                None => policy.clone(),
            });
        let after: Vec<RememberedPolicy> = after.collect();
        Engine::new(self.history, &after, LabelsOf::FlowTime)
    }

    /// What a policy let through.
    fn kept(&self, policy: usize) -> Option<Seen> {
        let used = self.uses.allowed.get(&policy)?;
        Seen::sum(used.iter().map(|index| &self.traffic[*index]))
    }

    /// What a policy would permit no more, and what did not get through.
    fn denied(&self, policy: usize, engine: &mut Engine) -> Vec<Traffic> {
        let others = self.uses.others.get(&policy).into_iter().flatten();
        let others = others.map(|index| &self.traffic[*index]);
        let denied = others.filter(|one| engine.answer(one).decision() == Decision::Denied);
        denied.cloned().collect()
    }

    /// What is not known to be permitted, of the pods that a policy selects.
    fn undecided(&self, policy: &NetworkPolicy) -> Vec<Traffic> {
        let undecided = self
            .uses
            .undecided
            .iter()
            .map(|index| &self.traffic[*index]);
        let own = undecided.filter(|one| {
            let is_isolated = |direction| policy.rules(direction).is_some();
            (is_isolated(Direction::Egress) && selects(policy, &one.source))
                || (is_isolated(Direction::Ingress) && selects(policy, &one.destination))
        });
        own.cloned().collect()
    }
}

/// Whether a policy selects the pods at some end.
fn selects(policy: &NetworkPolicy, party: &Party) -> bool {
    let Party::Pods(group) = party else {
        return false;
    };
    group.namespace == policy.reference.namespace
        && !group.host_network
        && policy.subjects.matches(&group.labels)
}

/// How well a policy's pods were watched since it says what it says.
fn evidence(
    history: &History,
    nodes: &Nodes<'_>,
    policy: &NetworkPolicy,
    asked: &unused::Options,
) -> Evidence {
    let pods: Vec<&Present> = history
        .population
        .iter()
        .filter(|present| selects(policy, &Party::Pods(present.group.clone())))
        .collect();
    Evidence::of(history, nodes, &pods, since(history, policy), asked)
}

/// When a policy was first seen to say what it says.
fn since(history: &History, policy: &NetworkPolicy) -> Option<SystemTime> {
    let mut revisions = history.policies.iter().filter(|one| one.until.is_none());
    let own = revisions.find(|one| *one.policy.reference() == policy.reference);
    own.map(|one| one.since)
}
