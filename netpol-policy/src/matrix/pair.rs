//! One pair of parties: every question that its cell needs, and the answers folded.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::cell::Cell;
use super::pods::{Group, Representative};
use super::ports::PortSet;
use super::rules::{Rules, Selected, intervals};
use super::scope::Scope;
use crate::connection::{Connection, End};
use crate::evaluate::evaluate;
use crate::inventory::Inventory;
use crate::model::{Pod, Protocol};
use crate::verdict::{Direction, Verdict};

/// A party, and the rules that apply to it.
pub(super) enum Candidate<'a> {
    Pods {
        group: &'a Group,
        selected: Selected,
        egress: Rules<'a>,
        ingress: Rules<'a>,
    },
    /// An address that stands for a block.
    Outside(IpAddr),
}

impl<'a> Candidate<'a> {
    pub(super) fn pods(inventory: &'a Inventory, group: &'a Group) -> Self {
        let selected = Selected::of(inventory, group.pod());
        Self::Pods {
            egress: Rules::of(inventory, &selected, Direction::Egress),
            ingress: Rules::of(inventory, &selected, Direction::Ingress),
            group,
            selected,
        }
    }

    fn selected(&self) -> Option<&Selected> {
        match self {
            Self::Pods { selected, .. } => Some(selected),
            Self::Outside(_) => None,
        }
    }

    fn group(&self) -> Option<&'a Group> {
        match self {
            Self::Pods { group, .. } => Some(group),
            Self::Outside(_) => None,
        }
    }

    fn rules(&self, direction: Direction) -> Option<&Rules<'a>> {
        match (self, direction) {
            (Self::Pods { egress, .. }, Direction::Egress) => Some(egress),
            (Self::Pods { ingress, .. }, Direction::Ingress) => Some(ingress),
            (Self::Outside(_), _) => None,
        }
    }
}

/// Fills the cell of two parties.
pub(super) fn cell(
    inventory: &Inventory,
    scope: &Scope,
    source: &Candidate<'_>,
    destination: &Candidate<'_>,
) -> Cell {
    let egress = source.rules(Direction::Egress);
    let ingress = destination.rules(Direction::Ingress);
    let sides = [(egress, destination), (ingress, source)];
    if !sides
        .iter()
        .any(|(rules, _)| rules.is_some_and(|one| one.is_selected))
    {
        return Cell {
            allowed: PortSet::of(&scope.protocols, &scope.ports),
            ..Cell::default()
        };
    }
    let ends = ends(source, destination);
    let named = destination.group().map(Group::pod);
    let mut cell = Cell::default();
    for protocol in &scope.protocols {
        let mut borders = BTreeSet::new();
        for (rules, other) in &sides {
            if let Some(rules) = rules {
                rules.add_borders(other.selected(), named, *protocol, &mut borders);
            }
        }
        for range in intervals(&scope.ports, &borders) {
            let verdicts: Vec<Verdict> = ends
                .iter()
                .map(|ends| ask(inventory, ends, *protocol, range.first))
                .collect();
            cell.note(*protocol, range.first, range.last, &verdicts);
        }
    }
    cell
}

/// The one place where policies are asked.
fn ask(inventory: &Inventory, ends: &(End, End), protocol: Protocol, port: u16) -> Verdict {
    let (source, destination) = ends.clone();
    evaluate(
        inventory,
        &Connection::new(source, destination, protocol, Some(port)),
    )
}

/// All pairs of pods and addresses that policies may tell apart.
fn ends(source: &Candidate<'_>, destination: &Candidate<'_>) -> Vec<(End, End)> {
    match (source, destination) {
        (Candidate::Outside(source), Candidate::Outside(destination)) => {
            vec![(End::Address(*source), End::Address(*destination))]
        }
        (Candidate::Outside(address), Candidate::Pods { group, .. }) => {
            let pods = group.representatives.iter();
            pods.flat_map(|pod| pod.ends_towards(*address))
                .map(|pod| (End::Address(*address), pod))
                .collect()
        }
        (Candidate::Pods { group, .. }, Candidate::Outside(address)) => {
            let pods = group.representatives.iter();
            pods.flat_map(|pod| pod.ends_towards(*address))
                .map(|pod| (pod, End::Address(*address)))
                .collect()
        }
        (Candidate::Pods { group: from, .. }, Candidate::Pods { group: to, .. }) => {
            let sources = from.representatives.iter();
            let pairs =
                sources.flat_map(|one| to.representatives.iter().map(move |two| (one, two)));
            pairs.flat_map(|(one, two)| between(one, two)).collect()
        }
    }
}

impl Representative {
    /// Its addresses, or once that none is known.
    fn known_addresses(&self) -> impl Iterator<Item = Option<&IpAddr>> {
        let none = self.addresses.is_empty().then_some(None);
        self.addresses.iter().map(Some).chain(none)
    }

    /// The pod by its addresses of the other end's family; by its first where it has none of that family.
    fn ends_towards(&self, address: IpAddr) -> Vec<End> {
        let of_family = |own: &&IpAddr| own.is_ipv4() == address.is_ipv4();
        let own: Vec<_> = self.addresses.iter().filter(of_family).collect();
        if own.is_empty() {
            return vec![end(&self.pod, self.addresses.first())];
        }
        own.into_iter()
            .map(|own| end(&self.pod, Some(own)))
            .collect()
    }
}

fn end(pod: &Arc<Pod>, address: Option<&IpAddr>) -> End {
    End::Pod {
        pod: pod.clone(),
        address: address.copied(),
    }
}

/// Connections between two pods, for each two addresses of one family; by their first addresses where they share none.
fn between(source: &Representative, destination: &Representative) -> Vec<(End, End)> {
    let is_same = source.pod.namespace == destination.pod.namespace
        && source.pod.name == destination.pod.name;
    let target = match &destination.sibling {
        Some(sibling) if is_same => sibling,
        _ => &destination.pod,
    };
    let mut found = Vec::new();
    for from in source.known_addresses() {
        for to in destination.known_addresses() {
            let is_one_family = from
                .zip(to)
                .is_none_or(|(one, two)| one.is_ipv4() == two.is_ipv4());
            if is_one_family {
                found.push((end(&source.pod, from), end(target, to)));
            }
        }
    }
    if found.is_empty() {
        let (from, to) = (source.addresses.first(), destination.addresses.first());
        found.push((end(&source.pod, from), end(target, to)));
    }
    found
}
