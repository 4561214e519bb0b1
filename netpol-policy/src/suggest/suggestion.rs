//! From a history to policies that have been replayed.

use std::collections::{BTreeMap, BTreeSet};

use super::Options;
use super::by_subject::BySubject;
use super::check::{Outcome, Replay};
use super::draft::{self, PolicyNames};
use super::evidence::Evidence;
use super::label::{Naming, WorkloadName};
use super::reason::Reason;
use super::rule::{SuggestedRule, build};
use super::sift::Sieve;
use super::surroundings::Surroundings;
use crate::history::{self, History, Present, RememberedPolicy, Traffic, in_force};
use crate::model::NetworkPolicy;
use crate::replay::Why;
use crate::unused::Nodes;
use crate::verdict::{Direction, PolicyRef};

/// Policies that are suggested, and all that is to be known before they are applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestions {
    /// How well the pods were watched.
    pub evidence: Evidence,
    /// The policies: the workloads' in order of name, then the default deny.
    pub policies: Vec<Suggested>,
    /// Traffic that they were replayed against, and that passes.
    pub kept: Vec<Traffic>,
    /// Traffic of these pods that no rule was made for.
    pub left_out: Vec<LeftOut>,
    /// Kept traffic of which it cannot be told whether it passes.
    pub undecided: Vec<Undecided>,
    /// Kept traffic that other policies deny, with or without those suggested.
    pub still_denied: Vec<StillDenied>,
    /// Kept traffic of labels that pods had then: it passes with those that they have now.
    pub passes_now: Vec<Traffic>,
    /// Policies that are not suggested after all.
    pub withheld: Vec<Withheld>,
    /// NetworkPolicies in force that select some of these pods: they go on to permit what they permit.
    pub in_force: Vec<PolicyRef>,
}

/// A policy that is suggested.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggested {
    /// The policy itself.
    pub policy: NetworkPolicy,
    /// What it is for.
    pub kind: SuggestedKind,
    /// The workloads that it was made for, in order.
    pub workloads: Vec<WorkloadName>,
    /// Its labels are those that pods have now; some had others in the time that is remembered.
    pub is_of_now: bool,
    /// The rules of `policy.ingress`, with what was seen.
    pub ingress: Vec<SuggestedRule>,
    /// Those of `policy.egress`.
    pub egress: Vec<SuggestedRule>,
}

/// What a suggested policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuggestedKind {
    /// The traffic of workloads.
    Workloads,
    /// Isolates whoever has no policy.
    DefaultDeny,
}

/// Traffic that no rule was made for.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Of whose pods.
    pub workload: WorkloadName,
    /// Into them or out of them.
    pub direction: Direction,
    /// What was seen.
    pub traffic: Traffic,
    /// Why.
    pub reason: Reason,
}

/// Kept traffic of which a replay cannot tell whether it passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Undecided {
    /// What was seen.
    pub traffic: Traffic,
    /// Why it cannot be told.
    pub why: Vec<Why>,
}

/// Kept traffic that policies deny which are not suggested here.
#[derive(Clone, Debug, PartialEq)]
pub struct StillDenied {
    /// What was seen.
    pub traffic: Traffic,
    /// Those policies.
    pub by: BTreeSet<PolicyRef>,
}

/// A policy that is not suggested after all.
#[derive(Clone, Debug, PartialEq)]
pub enum Withheld {
    /// It would deny traffic that it was made for.
    Denies {
        /// Its workloads.
        workloads: Vec<WorkloadName>,
        /// Some of the traffic.
        example: Box<Traffic>,
    },
    /// No lasting label selects this workload.
    WithoutLabels(WorkloadName),
    /// The default deny: it would cut off these workloads, which got no policy.
    DefaultDeny(Vec<WorkloadName>),
}

/// How far [`suggest`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Kinds of traffic that were replayed.
    pub done: usize,
    /// All that are to be.
    pub total: usize,
}

/// Suggests policies for what was seen.
pub fn suggest(
    history: &History,
    options: &Options,
    mut report: impl FnMut(Progress),
) -> Suggestions {
    let naming = Naming::of(history);
    let traffic = history::traffic(history);
    let mut sieve = Sieve::new(history, &naming, options.unenforced);
    let around = Surroundings::new(history, &naming, options.limits, options.peers);
    let pattern = options.workload.as_ref();
    let is_wanted = |name: &WorkloadName| pattern.is_none_or(|pattern| pattern.matches(name));
    let (subjects, unnamed) = draft::subjects(&options.namespace, &is_wanted, &naming, &mut sieve);

    let mut sifted = BySubject::new(&traffic, options, &mut sieve);
    let in_force = in_force(history);
    let mut names = PolicyNames::new(in_force.iter().filter_map(|policy| {
        let reference = policy.reference();
        (*reference.namespace == *options.namespace).then(|| reference.name.to_string())
    }));
    let mut policies = Vec::new();
    for subjects in subjects {
        let mut rules: BTreeMap<Direction, Vec<SuggestedRule>> = BTreeMap::new();
        for direction in options.directions.each() {
            let own = sifted.kept(&subjects.workloads, direction);
            let built = build(&options.namespace, &own, &traffic, &around);
            sifted.refuse(&subjects.workloads, direction, built.refused);
            rules.insert(direction, built.rules);
        }
        let name = names.give(&draft::wanted_name(&subjects));
        let made = draft::policy(
            &options.namespace,
            name,
            subjects,
            options.directions,
            rules,
        );
        policies.push(made);
    }
    policies.sort_by(|a: &Suggested, b: &Suggested| a.policy.reference.cmp(&b.policy.reference));
    let selected: BTreeSet<&WorkloadName> = policies
        .iter()
        .flat_map(|policy| &policy.workloads)
        .collect();
    let kept = sifted.kept_at_all_ends(&selected);
    for name in unnamed.iter().filter(|name| !selected.contains(name)) {
        sifted.refuse_all(name, &Reason::WithoutLabels);
    }
    let asked: BTreeSet<&WorkloadName> = selected.into_iter().chain(&unnamed).collect();
    let left_out = sifted.left_out(&asked);
    let pods: Vec<&Present> = history
        .population
        .iter()
        .filter(|present| asked.contains(&WorkloadName::of(&present.group)))
        .collect();
    let mut suggestions = Suggestions {
        evidence: Evidence::of(
            history,
            &Nodes::of(history),
            &pods,
            None,
            options.min_window,
        ),
        policies,
        kept: Vec::new(),
        left_out,
        undecided: Vec::new(),
        still_denied: Vec::new(),
        passes_now: Vec::new(),
        withheld: unnamed.into_iter().map(Withheld::WithoutLabels).collect(),
        in_force: selecting(&in_force, &options.namespace, &pods, options),
    };
    if pattern.is_none() && !suggestions.policies.is_empty() {
        suggestions.add_default_deny(&in_force, options, &mut names);
    }
    let kept: Vec<&Traffic> = kept.iter().map(|index| &traffic[*index]).collect();
    suggestions.replay(history, options, &kept, &mut report);
    suggestions
}

/// NetworkPolicies of a namespace that select some of these pods in a direction that is asked about.
fn selecting(
    in_force: &[RememberedPolicy],
    namespace: &str,
    pods: &[&Present],
    options: &Options,
) -> Vec<PolicyRef> {
    let policies = in_force.iter().filter_map(|policy| match policy {
        RememberedPolicy::Network(policy) => Some(policy),
        RememberedPolicy::Tiered(_) => None,
    });
    let selects = |policy: &&NetworkPolicy| {
        *policy.reference.namespace == *namespace
            && options
                .directions
                .each()
                .any(|direction| policy.rules(direction).is_some())
            && pods
                .iter()
                .any(|present| policy.subjects.matches(&present.group.labels))
    };
    let found = policies
        .filter(selects)
        .map(|policy| policy.reference.clone());
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

impl Suggestions {
    /// Isolates whoever has no policy: pods to come, and pods of which nothing was seen.
    fn add_default_deny(
        &mut self,
        in_force: &[RememberedPolicy],
        options: &Options,
        names: &mut PolicyNames,
    ) {
        let cut_off: Vec<WorkloadName> = self
            .withheld
            .iter()
            .filter_map(|withheld| match withheld {
                Withheld::WithoutLabels(name) => Some(name.clone()),
                Withheld::Denies { .. } | Withheld::DefaultDeny(_) => None,
            })
            .collect();
        if !cut_off.is_empty() {
            self.withheld.push(Withheld::DefaultDeny(cut_off));
            return;
        }
        let is_there = |policy: &RememberedPolicy| {
            let RememberedPolicy::Network(policy) = policy else {
                return false;
            };
            *policy.reference.namespace == *options.namespace
                && policy.subjects.requirements.is_empty()
                && options
                    .directions
                    .each()
                    .all(|direction| policy.rules(direction).is_some_and(<[_]>::is_empty))
        };
        if !in_force.iter().any(is_there) {
            let name = names.give("default-deny");
            let policy = draft::default_deny(&options.namespace, name, options.directions);
            self.policies.push(policy);
        }
    }

    /// Asks what becomes of traffic, and drops the policies that would deny it until none does.
    fn replay(
        &mut self,
        history: &History,
        options: &Options,
        kept: &[&Traffic],
        report: &mut dyn FnMut(Progress),
    ) {
        loop {
            let suggested: Vec<RememberedPolicy> = self
                .policies
                .iter()
                .map(|one| RememberedPolicy::Network(one.policy.clone()))
                .collect();
            let mut replay = Replay::new(history, &options.namespace, &suggested);
            let mut wrong: BTreeMap<PolicyRef, &Traffic> = BTreeMap::new();
            self.kept.clear();
            self.undecided.clear();
            self.still_denied.clear();
            self.passes_now.clear();
            for (index, traffic) in kept.iter().copied().enumerate() {
                report(Progress {
                    done: index,
                    total: kept.len(),
                });
                match replay.ask(traffic) {
                    Outcome::Passes => self.kept.push(traffic.clone()),
                    Outcome::PassesNow => self.passes_now.push(traffic.clone()),
                    Outcome::Unknown(why) => self.undecided.push(Undecided {
                        traffic: traffic.clone(),
                        why,
                    }),
                    Outcome::DeniedByOthers(by) => self.still_denied.push(StillDenied {
                        traffic: traffic.clone(),
                        by,
                    }),
                    Outcome::Denied(by) => {
                        for policy in by {
                            wrong.entry(policy).or_insert(traffic);
                        }
                    }
                }
            }
            if wrong.is_empty() {
                return;
            }
            self.withhold(&wrong);
        }
    }

    /// Drops policies that deny what they are to let through, and with them the default deny.
    fn withhold(&mut self, wrong: &BTreeMap<PolicyRef, &Traffic>) {
        let mut cut_off = Vec::new();
        self.policies.retain(|one| {
            let Some(example) = wrong.get(&one.policy.reference) else {
                return true;
            };
            if one.kind == SuggestedKind::Workloads {
                cut_off.extend(one.workloads.iter().cloned());
                self.withheld.push(Withheld::Denies {
                    workloads: one.workloads.clone(),
                    example: Box::new((*example).clone()),
                });
            }
            false
        });
        let before = self.policies.len();
        self.policies
            .retain(|one| one.kind == SuggestedKind::Workloads);
        if self.policies.len() < before || cut_off.is_empty() {
            self.withheld.push(Withheld::DefaultDeny(cut_off));
        }
    }
}
