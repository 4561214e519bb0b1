//! One pair of parties: every question that its cell needs, and the answers folded.

use std::net::IpAddr;
use std::sync::Arc;

use super::PortRange;
use super::cell::Cell;
use super::pods::{Group, Representative};
use super::ports::PortSet;
use super::rules::{Facing, Rules, Selected, borders, intervals};
use super::scope::Scope;
use crate::connection::{Connection, End};
use crate::evaluate::{self, Judgement};
use crate::inventory::Inventory;
use crate::model::{Pod, Protocol};
use crate::verdict::Direction;

/// A party, and the rules that apply to it.
pub(crate) struct Candidate<'a> {
    who: Who<'a>,
    facing: Facing,
    /// Nothing applies to the outside world.
    egress: Rules<'a>,
    ingress: Rules<'a>,
}

enum Who<'a> {
    Pods(&'a Group),
    /// An address that stands for a block.
    Outside(IpAddr),
}

impl<'a> Candidate<'a> {
    pub(crate) fn pods(inventory: &'a Inventory, group: &'a Group) -> Self {
        let selected = Selected::of(inventory, group.pod());
        let pods = group.representatives.iter();
        Self {
            egress: Rules::of(inventory, &selected, Direction::Egress),
            ingress: Rules::of(inventory, &selected, Direction::Ingress),
            facing: Facing {
                selected: Some(selected),
                addresses: pods
                    .clone()
                    .flat_map(|pod| &pod.addresses)
                    .copied()
                    .collect(),
                lacks_address: pods.clone().any(|pod| pod.addresses.is_empty()),
            },
            who: Who::Pods(group),
        }
    }

    pub(crate) fn outside(address: IpAddr) -> Self {
        Self {
            who: Who::Outside(address),
            facing: Facing {
                selected: None,
                addresses: vec![address],
                lacks_address: false,
            },
            egress: Rules::default(),
            ingress: Rules::default(),
        }
    }

    /// `None` for the outside world.
    pub(super) fn group(&self) -> Option<&'a Group> {
        match self.who {
            Who::Pods(group) => Some(group),
            Who::Outside(_) => None,
        }
    }
}

/// Fills the cell of two parties.
pub(crate) fn cell(
    inventory: &Inventory,
    scope: &Scope,
    source: &Candidate<'_>,
    destination: &Candidate<'_>,
) -> Cell {
    if !source.egress.is_selected && !destination.ingress.is_selected {
        return Cell {
            allowed: PortSet::of(&scope.protocols, &scope.ports),
            ..Cell::default()
        };
    }
    let pair = Pair {
        inventory,
        scope,
        ends: ends(source, destination),
        destination: destination.group().map(Group::pod),
    };
    let egress = pair.side(Direction::Egress, &source.egress, &destination.facing);
    let ingress = pair.side(Direction::Ingress, &destination.ingress, &source.facing);
    let mut cell = Cell::default();
    for protocol in &scope.protocols {
        // Both cut the same ports; each stretch that neither cuts is noted.
        let mut first = *scope.ports.start();
        while let (Some(out), Some(into)) =
            (egress.at(*protocol, first), ingress.at(*protocol, first))
        {
            let last = out.range.last.min(into.range.last);
            cell.note(*protocol, first, last, &out.judgements, &into.judgements);
            match last.checked_add(1) {
                Some(next) if next <= *scope.ports.end() => first = next,
                _ => break,
            }
        }
    }
    cell.sort_caveats();
    cell
}

/// Two parties, and what is to be asked about them.
struct Pair<'a> {
    inventory: &'a Inventory,
    scope: &'a Scope,
    ends: Vec<(End, End)>,
    /// A pod of the destination, for its named ports.
    destination: Option<&'a Pod>,
}

/// What one side says, by protocol (`None` for all of them) and ports in order.
struct Side(Vec<(Option<Protocol>, Stretch)>);

/// Ports that are all answered alike.
struct Stretch {
    range: PortRange,
    /// One for each two ends.
    judgements: Vec<Judgement>,
}

impl Side {
    fn at(&self, protocol: Protocol, port: u16) -> Option<&Stretch> {
        let stretches = self
            .0
            .iter()
            .filter(|(of, _)| of.is_none_or(|one| one == protocol));
        stretches
            .map(|(_, stretch)| stretch)
            .find(|stretch| stretch.range.last >= port)
    }
}

impl Pair<'_> {
    /// Asks one side as often as its rules may change their answer.
    fn side(&self, direction: Direction, rules: &Rules<'_>, other: &Facing) -> Side {
        let towards = rules.towards(other);
        let whole = PortRange {
            first: *self.scope.ports.start(),
            last: *self.scope.ports.end(),
        };
        if towards.iter().all(|ports| ports.is_empty()) {
            let protocols = self.scope.protocols.first();
            let answers = protocols.map(|one| (None, self.stretch(direction, *one, whole)));
            return Side(answers.into_iter().collect());
        }
        let protocols = self.scope.protocols.iter();
        let stretches = protocols.flat_map(|protocol| {
            let borders = borders(&towards, *protocol, self.destination);
            intervals(whole, &borders)
                .into_iter()
                .map(|range| (Some(*protocol), self.stretch(direction, *protocol, range)))
        });
        Side(stretches.collect())
    }

    fn stretch(&self, direction: Direction, protocol: Protocol, range: PortRange) -> Stretch {
        let judgements = self.ends.iter().map(|(source, destination)| {
            let (source, destination) = (source.clone(), destination.clone());
            let connection = Connection::new(source, destination, protocol, Some(range.first));
            // The one place where policies are asked.
            evaluate::judge(self.inventory, &connection, direction)
        });
        Stretch {
            range,
            judgements: judgements.collect(),
        }
    }
}

/// All pairs of pods and addresses that policies may tell apart.
pub(crate) fn ends(source: &Candidate<'_>, destination: &Candidate<'_>) -> Vec<(End, End)> {
    match (&source.who, &destination.who) {
        (Who::Outside(source), Who::Outside(destination)) => {
            vec![(End::Address(*source), End::Address(*destination))]
        }
        (Who::Outside(address), Who::Pods(group)) => {
            let pods = group.representatives.iter();
            pods.flat_map(|pod| pod.ends_towards(*address))
                .map(|pod| (End::Address(*address), pod))
                .collect()
        }
        (Who::Pods(group), Who::Outside(address)) => {
            let pods = group.representatives.iter();
            pods.flat_map(|pod| pod.ends_towards(*address))
                .map(|pod| (pod, End::Address(*address)))
                .collect()
        }
        (Who::Pods(from), Who::Pods(to)) => {
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
