//! What policies' own words show to be of no use: entries of which others match everything.
//!
//! ```text
//!  policies that select all the same pods ─► their lines ─┬─ peers: implied selectors, held addresses, known pods
//!                                                         └─ ports: one covers, or several do together
//! ```
//!
//! Nothing is claimed that is not shown: `false` here means "not proven". An `ipBlock` is compared with address blocks alone,
//! since implementations differ in whether it matches pods (rule 17).

mod addresses;
mod before;
mod implied;
mod ports;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

use self::addresses::{Block, are_held};
use super::lines::{Line, Who};
use super::pods::{Pods, Selected};
use super::report::EntryName;
use crate::history::policy::RememberedPolicy;
use crate::history::rule::Part;
use crate::verdict::{Direction, Tier};

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
    /// For each policy that was asked about, those that select all of its pods and go before it or beside it.
    wider: RefCell<HashMap<usize, Rc<[(usize, Proof)]>>>,
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
        Self {
            peers: peers.collect(),
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
        let mut others: Vec<(usize, Proof)> = Vec::new();
        for &(policy, proof) in self.wider(line.policy).iter() {
            let lines = self.lines_of(policy);
            let lines = lines.filter(|other| !gone.contains(other));
            let before = lines.filter(|other| self.goes_before(*other, index));
            others.extend(before.map(|other| (other, proof)));
        }
        let has_subjects = !self.subjects[line.policy].groups.is_empty();
        let certain: Vec<usize> = others
            .iter()
            .filter(|(_, proof)| *proof == Proof::AnyPods)
            .map(|(other, _)| *other)
            .collect();
        let shadow = |proof| move |by| Shadow { by, proof };
        let any = self.covered(index, &certain).map(shadow(Proof::AnyPods));
        if any.is_some() || !has_subjects {
            return any;
        }
        let all: Vec<usize> = others.iter().map(|(other, _)| *other).collect();
        self.covered(index, &all)
            .or_else(|| self.covered_for_known(index, &all))
            .or_else(|| self.is_never_reached(index).then(Vec::new))
            .map(shadow(Proof::KnownPods))
    }

    /// The policies that select all that one selects, itself among them.
    fn wider(&self, policy: usize) -> Rc<[(usize, Proof)]> {
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
        let wider: Rc<[(usize, Proof)]> = candidates
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

    /// Lines that together match all that one does, by words alone.
    fn covered(&self, index: usize, others: &[usize]) -> Option<Vec<usize>> {
        let line = &self.lines[index];
        let port = |other: &usize| self.lines[*other].port;
        let mut beside: Vec<usize> = Vec::new();
        for &other in others {
            if self.includes(other, index) {
                if ports::are_covered(line.port, &[port(&other)]) {
                    return Some(vec![other]);
                }
                beside.push(other);
            }
        }
        let entries: Vec<ports::Entry<'_>> = beside.iter().map(port).collect();
        if ports::are_covered(line.port, &entries) {
            return Some(beside);
        }
        let wanted = blocks(line.who);
        let same_ports = others.iter().copied().filter(|other| {
            !blocks(self.lines[*other].who).is_empty()
                && ports::are_covered(line.port, &[port(other)])
        });
        let same_ports: Vec<usize> = same_ports.collect();
        let held: Vec<Block<'_>> = same_ports
            .iter()
            .flat_map(|other| blocks(self.lines[*other].who))
            .collect();
        let is_held = !wanted.is_empty() && wanted.iter().all(|one| are_held(*one, &held));
        is_held.then_some(same_ports)
    }

    /// Whether the peer of one line matches everything that another's does.
    fn includes(&self, wide: usize, narrow: usize) -> bool {
        let implies = implied::implies;
        let own = &*self.policies[self.lines[narrow].policy]
            .reference()
            .namespace;
        match (self.lines[wide].who, self.lines[narrow].who) {
            (Who::Everyone, _) => true,
            (
                Who::Pods {
                    namespaces: wide_spaces,
                    pods: wide,
                },
                Who::Pods { namespaces, pods },
            ) => {
                let spaces = match (wide_spaces, namespaces) {
                    (None, None) => true,
                    (Some(wide), None) => implied::includes_namespace(wide, own),
                    (None, Some(narrow)) => implied::is_one_namespace(narrow, own),
                    (Some(wide), Some(narrow)) => implies(narrow, wide),
                };
                spaces && implies(pods, wide)
            }
            (Who::Nodes(wide), Who::Nodes(narrow)) => implies(narrow, wide),
            (Who::Names(wide), Who::Names(narrow)) => narrow.iter().all(|one| wide.contains(one)),
            (wide, narrow) => {
                let (wide, narrow) = (blocks(wide), blocks(narrow));
                !narrow.is_empty() && narrow.iter().all(|one| are_held(*one, &wide))
            }
        }
    }

    /// Lines that together match all that one does, for every pod that is known.
    fn covered_for_known(&self, index: usize, others: &[usize]) -> Option<Vec<usize>> {
        let line = &self.lines[index];
        let Some(peers) = &self.peers[index] else {
            // Ports of the policy's own pods are known, whoever the other end is.
            let these = others.iter().copied();
            let these: Vec<usize> = these.filter(|other| self.includes(*other, index)).collect();
            let is_own = line.direction == Direction::Ingress;
            return (is_own && self.are_covered_at(index, &these, None)).then_some(these);
        };
        if peers.groups.is_empty() {
            return None;
        }
        let mut by = Vec::new();
        for &peer in &peers.groups {
            let includes = |other: &usize| match (&self.lines[*other].who, &self.peers[*other]) {
                (Who::Everyone, _) => true,
                (_, Some(selected)) => selected.is_certain && selected.has(peer),
                (_, None) => false,
            };
            let these: Vec<usize> = others.iter().copied().filter(includes).collect();
            if !self.are_covered_at(index, &these, Some(peer)) {
                return None;
            }
            by.extend(these);
        }
        by.sort_unstable();
        by.dedup();
        Some(by)
    }

    /// Whether the ports of some lines cover those of another at every destination: the policy's own pods, or the peer.
    fn are_covered_at(&self, index: usize, others: &[usize], peer: Option<usize>) -> bool {
        let line = &self.lines[index];
        let entries = others.iter().map(|other| self.lines[*other].port);
        let entries: Vec<ports::Entry<'_>> = entries.collect();
        let at = |group| ports::are_covered_at(line.port, &entries, self.pods.group(group));
        match line.direction {
            Direction::Egress => peer.is_some_and(at),
            Direction::Ingress => {
                let mut own = self.subjects[line.policy].groups.iter();
                own.all(|group| at(*group))
            }
        }
    }

    /// Whether NetworkPolicy decides for every pod that a policy of the Baseline tier selects (rule 37).
    fn is_never_reached(&self, index: usize) -> bool {
        let line = &self.lines[index];
        match &self.policies[line.policy] {
            RememberedPolicy::Tiered(policy) if policy.tier == Tier::Baseline => {}
            _ => return false,
        }
        let isolates = |policy: &usize, group: usize| {
            let selected = &self.subjects[*policy];
            let RememberedPolicy::Network(policy) = &self.policies[*policy] else {
                return false;
            };
            policy.rules(line.direction).is_some() && selected.is_certain && selected.has(group)
        };
        let mut groups = self.subjects[line.policy].groups.iter();
        groups.all(|&group| {
            let space = self.by_namespace.get(&*self.pods.group(group).namespace);
            space.is_some_and(|policies| policies.iter().any(|one| isolates(one, group)))
        })
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

/// The address blocks of a peer; none where it is about anything else.
fn blocks(who: Who<'_>) -> Vec<Block<'_>> {
    match who {
        Who::Block(block) => vec![Block {
            cidr: block.cidr,
            except: &block.except,
        }],
        Who::Networks(blocks) => {
            let plain = blocks.iter().map(|cidr| Block {
                cidr: *cidr,
                except: &[],
            });
            plain.collect()
        }
        _ => Vec::new(),
    }
}
