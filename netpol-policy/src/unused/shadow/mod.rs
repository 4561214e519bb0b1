//! What policies' own words show to be of no use: entries of which others match everything.
//!
//! ```text
//!  policies that select all the same pods ─┐
//!  rivals  lines that may match the same ──┴─► before ─► cover ─┬─ peers: implied selectors, held addresses, known pods
//!                                              asked first      └─ ports: one covers, or several do together
//! ```
//!
//! Nothing is claimed that is not shown: `false` here means "not proven". An `ipBlock` is compared with address blocks alone,
//! since implementations differ in whether it matches pods (rule 17).

mod addresses;
mod before;
mod cover;
mod implied;
mod ports;
mod rivals;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

pub(crate) use self::implied::implies;
use self::rivals::Rivals;
use super::lines::Line;
use super::pods::{Pods, Selected};
use super::report::EntryName;
use crate::history::policy::RememberedPolicy;
use crate::history::rule::Part;
use crate::verdict::Direction;

/// For which pods something is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    /// Whatever pods there may be.
    AnyPods,
    /// Those that exist, and those that are remembered.
    KnownPods,
}

/// Why a line is of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shadow {
    /// The lines that match all that it does; empty where its whole tier is never asked.
    pub(super) by: Vec<usize>,
    pub(super) proof: Proof,
}

/// Policies that select all that another does, and for which pods that is shown.
type Wider = Rc<[(usize, Proof)]>;

/// All lines, and whom they are about.
pub(super) struct Shadows<'a> {
    policies: &'a [RememberedPolicy],
    lines: &'a [Line<'a>],
    pods: &'a Pods<'a>,
    /// The lines of each policy.
    lines_of: Vec<Range<usize>>,
    /// Whom each policy selects.
    subjects: Vec<Rc<Selected>>,
    /// Whom each line's peer is, where it is pods.
    peers: Vec<Option<Rc<Selected>>>,
    /// NetworkPolicies by namespace.
    by_namespace: HashMap<&'a str, Vec<usize>>,
    tiered: Vec<usize>,
    rivals: Rivals<'a>,
    /// For each policy that was asked about, those that select all of its pods and go before it or beside it.
    wider: RefCell<HashMap<usize, Wider>>,
}

impl<'a> Shadows<'a> {
    pub(super) fn of(
        policies: &'a [RememberedPolicy],
        lines: &'a [Line<'a>],
        pods: &'a Pods<'a>,
    ) -> Self {
        let mut lines_of = vec![0..0; policies.len()];
        for (index, line) in lines.iter().enumerate() {
            let range = &mut lines_of[line.policy];
            // Lines stand in order of policy.
            if range.start == range.end {
                range.start = index;
            }
            range.end = index + 1;
        }
        let mut by_namespace: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut tiered = Vec::new();
        for (index, policy) in policies.iter().enumerate() {
            match policy {
                RememberedPolicy::Network(policy) => {
                    let space = by_namespace.entry(&policy.reference.namespace);
                    space.or_default().push(index);
                }
                RememberedPolicy::Tiered(_) => tiered.push(index),
            }
        }
        let peers = lines.iter().map(|line| {
            let own = &policies[line.policy].reference().namespace;
            pods.of_peer(line.who, own)
        });
        let peers: Vec<Option<Rc<Selected>>> = peers.collect();
        Self {
            rivals: Rivals::of(policies, lines, &peers),
            peers,
            subjects: policies.iter().map(|one| subjects(one, pods)).collect(),
            policies,
            lines,
            pods,
            lines_of,
            by_namespace,
            tiered,
            wider: RefCell::default(),
        }
    }

    /// Names a line.
    pub(super) fn name(&self, index: usize) -> EntryName {
        let line = &self.lines[index];
        EntryName {
            policy: self.policies[line.policy].reference().clone(),
            direction: line.direction,
            part: line.part,
        }
    }

    /// The line of a policy that is one part of it.
    pub(super) fn position(
        &self,
        policy: usize,
        direction: Direction,
        part: Part,
    ) -> Option<usize> {
        let own = self.lines_of(policy);
        let key = |line: &Line<'_>| (line.direction, line.part);
        let place = self.lines[own.clone()].binary_search_by_key(&(direction, part), key);
        place.ok().map(|place| own.start + place)
    }

    pub(super) fn line(&self, index: usize) -> &Line<'a> {
        &self.lines[index]
    }

    /// The lines of a policy.
    pub(super) fn lines_of(&self, policy: usize) -> Range<usize> {
        self.lines_of[policy].clone()
    }

    pub(super) fn policy(&self, index: usize) -> &'a RememberedPolicy {
        &self.policies[index]
    }

    pub(super) fn subjects(&self, policy: usize) -> &Rc<Selected> {
        &self.subjects[policy]
    }

    pub(super) fn peers(&self, line: usize) -> Option<&Rc<Selected>> {
        self.peers[line].as_ref()
    }

    /// Why a line is of no use beside others that are not gone; `None` where that is not shown.
    pub(super) fn over(&self, index: usize, gone: &BTreeSet<usize>) -> Option<Shadow> {
        let line = &self.lines[index];
        if line.part == Part::Isolation || line.fails_closed {
            return None;
        }
        let wider = self.wider(line.policy);
        let own = self.space(line.policy);
        let rivals = |group: Option<usize>| -> Vec<(usize, Proof)> {
            let facing = self.rivals.facing(own, line.direction, line.who, group);
            let selected = facing.filter_map(|other| {
                let policy = self.lines[other].policy;
                let place = wider.binary_search_by_key(&policy, |(policy, _)| *policy);
                place.ok().map(|place| (other, wider[place].1))
            });
            let left = selected.filter(|(other, _)| !gone.contains(other));
            left.filter(|(other, _)| self.goes_before(*other, index))
                .collect()
        };
        let all = |group| rivals(group).into_iter().map(|(other, _)| other).collect();
        // What matches all that it does matches the first of its pods.
        let peers = self.peers[index].as_ref();
        let first = peers.and_then(|peers| peers.groups.first().copied());
        let certain = rivals(first).into_iter();
        let certain = certain.filter(|(_, proof)| *proof == Proof::AnyPods);
        let certain: Vec<usize> = certain.map(|(other, _)| other).collect();
        let shadow = |proof| move |by| Shadow { by, proof };
        let any = self.covered(index, &certain).map(shadow(Proof::AnyPods));
        if any.is_some() || self.subjects[line.policy].groups.is_empty() {
            return any;
        }
        let known: Vec<usize> = all(first);
        self.covered(index, &known)
            .or_else(|| self.covered_for_known(index, all))
            .or_else(|| self.is_never_reached(index).then(Vec::new))
            .map(shadow(Proof::KnownPods))
    }

    /// The namespace whose policies are asked together; `None` for the tiers.
    fn space(&self, policy: usize) -> Option<&'a str> {
        match &self.policies[policy] {
            RememberedPolicy::Network(one) => Some(&one.reference.namespace),
            RememberedPolicy::Tiered(_) => None,
        }
    }

    /// The policies that select all that one selects, itself among them.
    fn wider(&self, policy: usize) -> Wider {
        if let Some(known) = self.wider.borrow().get(&policy) {
            return known.clone();
        }
        let candidates = match &self.policies[policy] {
            RememberedPolicy::Network(one) => self
                .by_namespace
                .get(&*one.reference.namespace)
                .map(Vec::as_slice),
            RememberedPolicy::Tiered(_) => Some(self.tiered.as_slice()),
        };
        let candidates = candidates.unwrap_or_default().iter();
        let wider: Wider = candidates
            .filter_map(|&other| Some((other, self.selects_all(other, policy)?)))
            .collect();
        self.wider.borrow_mut().insert(policy, wider.clone());
        wider
    }

    /// Whether a policy selects every pod that another one does.
    fn selects_all(&self, wide: usize, narrow: usize) -> Option<Proof> {
        let implies = implied::implies;
        let always = wide == narrow
            || match (&self.policies[narrow], &self.policies[wide]) {
                (RememberedPolicy::Network(narrow), RememberedPolicy::Network(wide)) => {
                    implies(&narrow.subjects, &wide.subjects)
                }
                (RememberedPolicy::Tiered(narrow), RememberedPolicy::Tiered(wide)) => {
                    implies(&narrow.subjects.namespaces, &wide.subjects.namespaces)
                        && implies(&narrow.subjects.pods, &wide.subjects.pods)
                }
                _ => false,
            };
        if always {
            return Some(Proof::AnyPods);
        }
        let (wide, narrow) = (&self.subjects[wide], &self.subjects[narrow]);
        let has_all = wide.is_certain
            && !narrow.groups.is_empty()
            && narrow.groups.iter().all(|group| wide.has(*group));
        has_all.then_some(Proof::KnownPods)
    }
}

/// Whom a policy selects.
fn subjects(policy: &RememberedPolicy, pods: &Pods<'_>) -> Rc<Selected> {
    match policy {
        RememberedPolicy::Network(policy) => {
            pods.select(None, &policy.reference.namespace, &policy.subjects)
        }
        RememberedPolicy::Tiered(policy) => {
            pods.select(Some(&policy.subjects.namespaces), "", &policy.subjects.pods)
        }
    }
}
