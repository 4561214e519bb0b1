//! The traffic of a namespace's pods, by whose it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Options;
use super::label::WorkloadName;
use super::reason::Reason;
use super::sift::{Kept, Sieve};
use crate::history::{Party, Traffic};
use crate::verdict::Direction;

/// An index of traffic, and what is to become of it.
type Answer = (usize, Result<Kept, Reason>);

/// Traffic that no rule is made for.
pub(super) struct Refused<'a> {
    pub(super) workload: &'a WorkloadName,
    pub(super) direction: Direction,
    pub(super) traffic: &'a Traffic,
    pub(super) reason: &'a Reason,
}

/// The traffic of a namespace's pods, told apart by whether a rule is to be made for it.
pub(super) struct BySubject<'a> {
    pub(super) traffic: &'a [Traffic],
    answers: BTreeMap<(WorkloadName, Direction), Vec<Answer>>,
}

impl<'a> BySubject<'a> {
    /// Sifts both directions, as far as they are asked about.
    pub(super) fn new(traffic: &'a [Traffic], options: &Options, sieve: &mut Sieve<'_>) -> Self {
        let mut answers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, one) in traffic.iter().enumerate() {
            for direction in options.directions.each() {
                let own = match direction {
                    Direction::Ingress => &one.destination,
                    Direction::Egress => &one.source,
                };
                let Party::Pods(group) = own else {
                    continue;
                };
                if group.namespace != options.namespace {
                    continue;
                }
                let answer = match group.host_network {
                    true => Err(Reason::HostNetwork),
                    false => sieve.sift(index, one, direction),
                };
                let subject = (WorkloadName::of(group), direction);
                answers.entry(subject).or_default().push((index, answer));
            }
        }
        Self { traffic, answers }
    }

    /// What a rule is to be made for.
    pub(super) fn kept(&self, workloads: &[WorkloadName], direction: Direction) -> Vec<&Kept> {
        let own = workloads
            .iter()
            .filter_map(|name| self.answers.get(&(name.clone(), direction)));
        own.flatten()
            .filter_map(|(_, answer)| answer.as_ref().ok())
            .collect()
    }

    /// Traffic that is to be let through at each of its ends that is selected.
    pub(super) fn kept_at_all_ends(&self, selected: &BTreeSet<&WorkloadName>) -> BTreeSet<usize> {
        let mut kept = BTreeSet::new();
        let mut refused = BTreeSet::new();
        let own = self
            .answers
            .iter()
            .filter(|((name, _), _)| selected.contains(name));
        for (index, answer) in own.flat_map(|(_, answers)| answers) {
            match answer {
                Ok(_) => kept.insert(*index),
                Err(reason) if reason.needs_no_rule() => false,
                Err(_) => refused.insert(*index),
            };
        }
        kept.retain(|index| !refused.contains(index));
        kept
    }

    /// Takes back what no rule could be made for.
    pub(super) fn refuse(
        &mut self,
        workloads: &[WorkloadName],
        direction: Direction,
        refused: Vec<(usize, Reason)>,
    ) {
        let reasons: HashMap<usize, Reason> = refused.into_iter().collect();
        for name in workloads {
            let own = self.answers.get_mut(&(name.clone(), direction));
            for (index, answer) in own.into_iter().flatten() {
                if let Some(reason) = reasons.get(index) {
                    *answer = Err(reason.clone());
                }
            }
        }
    }

    /// Takes back all of a workload's.
    pub(super) fn refuse_all(&mut self, name: &WorkloadName, reason: &Reason) {
        for direction in [Direction::Ingress, Direction::Egress] {
            let own = self.answers.get_mut(&(name.clone(), direction));
            for (_, answer) in own.into_iter().flatten() {
                if answer.is_ok() {
                    *answer = Err(reason.clone());
                }
            }
        }
    }

    /// What no rule is made for, of these workloads.
    pub(super) fn refused(&self, workloads: &BTreeSet<&WorkloadName>) -> Vec<Refused<'_>> {
        let own = self.answers.iter();
        let own = own.filter(|((workload, _), _)| workloads.contains(workload));
        own.flat_map(|((workload, direction), answers)| {
            answers.iter().filter_map(move |(index, answer)| {
                let reason = answer.as_ref().err()?;
                Some(Refused {
                    workload,
                    direction: *direction,
                    traffic: &self.traffic[*index],
                    reason,
                })
            })
        })
        .collect()
    }
}
