//! From a history to policies that have been replayed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Options;
use super::by_subject::{BySubject, Refused};
use super::check::{Outcome, Replay};
use super::draft::{self, Subjects};
use super::evidence::Evidence;
use super::label::{Naming, WorkloadName};
use super::names::{self, PolicyNames};
use super::reason::Reason;
use super::rule::{SuggestedRule, build};
use super::sift::Sieve;
use super::suggestion::{
    LeftOut, StillDenied, Suggested, SuggestedKind, Suggestions, Undecided, Withheld,
};
use super::surroundings::Surroundings;
use crate::history::{self, History, Present, RememberedPolicy, Traffic, in_force};
use crate::model::NetworkPolicy;
use crate::unused::{self, Nodes, is_damaged};
use crate::verdict::{Direction, PolicyRef};

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
    let mut names = PolicyNames::new(&options.namespace, &in_force);
    let policies = policies(subjects, &mut sifted, &around, options, &mut names);
    let selected: BTreeSet<&WorkloadName> = policies
        .iter()
        .flat_map(|policy| &policy.workloads)
        .collect();
    let kept = sifted.kept_at_all_ends(&selected);
    for name in unnamed.iter().filter(|name| !selected.contains(name)) {
        sifted.refuse_all(name, &Reason::WithoutLabels);
    }
    let asked: BTreeSet<&WorkloadName> = selected.into_iter().chain(&unnamed).collect();
    let refused = sifted.refused(&asked);
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
            &unused::Options {
                min_window: options.min_window,
                is_damaged: options.is_damaged || is_damaged(history),
            },
        ),
        policies,
        kept: Vec::new(),
        left_out: Vec::new(),
        undecided: Vec::new(),
        still_denied: Vec::new(),
        passes_now: Vec::new(),
        withheld: unnamed.into_iter().map(Withheld::WithoutLabels).collect(),
        without_rules: Vec::new(),
        default_deny: None,
        replaced: Vec::new(),
        in_force: selecting(&in_force, &options.namespace, &pods, options),
    };
    if pattern.is_none() && !suggestions.policies.is_empty() {
        suggestions.add_default_deny(&in_force, options, &mut names);
    }
    let kept: Vec<&Traffic> = kept.iter().map(|index| &traffic[*index]).collect();
    suggestions.replay(history, options, &kept, &refused, &mut report);
    suggestions.fold_into_default_deny();
    suggestions.tell_apart_replaced();
    suggestions
}

/// A policy for each of the subjects, in order of name.
fn policies(
    subjects: Vec<Subjects>,
    sifted: &mut BySubject<'_>,
    around: &Surroundings<'_>,
    options: &Options,
    names: &mut PolicyNames<'_>,
) -> Vec<Suggested> {
    let mut policies: Vec<Suggested> = Vec::new();
    for subjects in subjects {
        let mut rules: BTreeMap<Direction, Vec<SuggestedRule>> = BTreeMap::new();
        for direction in options.directions.each() {
            let own = sifted.kept(&subjects.workloads, direction);
            let built = build(&options.namespace, &own, sifted.traffic, around);
            sifted.refuse(&subjects.workloads, direction, built.refused);
            rules.insert(direction, built.rules);
        }
        let wanted = names::wanted(&subjects, &options.namespace, around.naming);
        let mut made = draft::policy(&options.namespace, subjects, options.directions, rules);
        names.name(&mut made.policy, &wanted);
        policies.push(made);
    }
    policies.sort_by(|a, b| a.policy.reference.cmp(&b.policy.reference));
    policies
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
        names: &mut PolicyNames<'_>,
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
        let mut made = draft::default_deny(&options.namespace, options.directions);
        let is_there = |policy: &&RememberedPolicy| {
            let RememberedPolicy::Network(policy) = policy else {
                return false;
            };
            *policy.reference.namespace == *options.namespace
                && *policy.reference.name != *names::DEFAULT_DENY
                && policy.subjects == made.policy.subjects
                && policy.ingress == made.policy.ingress
                && policy.egress == made.policy.egress
        };
        self.default_deny = in_force
            .iter()
            .find(is_there)
            .map(|policy| policy.reference().clone());
        if self.default_deny.is_none() {
            names.name(&mut made.policy, names::DEFAULT_DENY);
            self.policies.push(made);
        }
    }

    /// A policy without a rule says no more than the default deny does.
    fn fold_into_default_deny(&mut self) {
        let is_default = |one: &Suggested| one.kind == SuggestedKind::DefaultDeny;
        if self.default_deny.is_none() && !self.policies.iter().any(is_default) {
            return;
        }
        let is_empty =
            |one: &Suggested| !is_default(one) && one.ingress.is_empty() && one.egress.is_empty();
        let (empty, policies) = std::mem::take(&mut self.policies)
            .into_iter()
            .partition(is_empty);
        self.policies = policies;
        let empty: Vec<Suggested> = empty;
        self.without_rules = empty.into_iter().flat_map(|one| one.workloads).collect();
    }

    fn tell_apart_replaced(&mut self) {
        let names: BTreeSet<&Arc<str>> = self
            .policies
            .iter()
            .map(|one| &one.policy.reference.name)
            .collect();
        let in_force = std::mem::take(&mut self.in_force).into_iter();
        (self.replaced, self.in_force) = in_force.partition(|one| names.contains(&one.name));
    }

    /// Asks what becomes of traffic, and drops the policies that would deny it until none does.
    fn replay(
        &mut self,
        history: &History,
        options: &Options,
        kept: &[&Traffic],
        refused: &[Refused<'_>],
        report: &mut dyn FnMut(Progress),
    ) {
        let total = kept.len() + refused.len();
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
                report(Progress { done: index, total });
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
                let left_out = refused.iter().enumerate().map(|(index, refused)| {
                    let done = kept.len() + index;
                    report(Progress { done, total });
                    LeftOut::of(refused, replay.fate(refused.traffic))
                });
                self.left_out = left_out.collect();
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
