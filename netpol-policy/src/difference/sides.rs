//! Who is compared: classes of pods that no policy of either set tells apart, and parts of the outside world.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::changed::Changed;
use crate::connection::End;
use crate::inventory::Inventory;
use crate::matrix::{Blocks, Group, Omitted, Outside, Party, Pods, Vocabulary, groups};
use crate::model::Pod;
use crate::verdict::Direction;

/// Everybody, in the order of rows and of columns: pods, then the outside world.
pub(super) struct Sides {
    /// Those of one class stand together.
    classes: Vec<Class>,
    /// Each with an address that stands for it.
    outside: Vec<(usize, IpAddr)>,
    blocks: Blocks,
    pub(super) omitted: Omitted,
    /// Whether a changed policy selects the class for egress.
    changed_egress: Vec<bool>,
    /// All columns.
    all: Vec<usize>,
    /// Columns that a changed policy selects for ingress.
    changed_ingress: Vec<usize>,
}

/// One side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The index of a class.
    Pods(usize),
    Outside {
        block: usize,
        address: IpAddr,
    },
}

/// Parties that no policy tells apart, of which there is at least one.
pub(super) struct Class(Vec<Group>);

impl Class {
    pub(super) fn first(&self) -> &Group {
        // A class is made with its first group.
        &self.0[0]
    }

    /// Another than the first, where the first is a pod on its own: asked about itself it would answer as itself
    /// (rule 19), and a workload has siblings.
    pub(super) fn twin(&self) -> Option<&Group> {
        let is_alone = self.first().pods.kind.is_none();
        self.0.get(1).filter(|_| is_alone)
    }
}

impl Sides {
    /// From an inventory that holds both sets of policies.
    pub(super) fn of(both: &Inventory, changed: &Changed<'_>) -> Self {
        let blocks = Blocks::of(both);
        let mut omitted = Omitted::default();
        let mut classes: Vec<Class> = Vec::new();
        let mut numbered = std::collections::HashMap::new();
        for group in groups(both, &blocks, &Vocabulary::of(both), &mut omitted) {
            let next = classes.len();
            match *numbered.entry(group.class).or_insert(next) {
                index if index == next => classes.push(Class(vec![group])),
                index => classes[index].0.push(group),
            }
        }
        let mut outside = Vec::new();
        for block in 0..blocks.len() {
            match address_in(block, &blocks, both) {
                Some(address) => outside.push((block, address)),
                None => omitted.inner_blocks.push(blocks.get(block)),
            }
        }
        let is_changed = |class: &Class, direction| {
            let pod = class.first().pod();
            changed.select(pod, &both.namespace_labels(&pod.namespace), direction)
        };
        let ingress = classes.iter().enumerate();
        let ingress = ingress.filter(|(_, class)| is_changed(class, Direction::Ingress));
        Self {
            changed_ingress: ingress.map(|(index, _)| index).collect(),
            changed_egress: classes
                .iter()
                .map(|class| is_changed(class, Direction::Egress))
                .collect(),
            all: (0..classes.len() + outside.len()).collect(),
            classes,
            outside,
            blocks,
            omitted,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn classes(&self) -> impl Iterator<Item = &Class> {
        self.classes.iter()
    }

    pub(super) fn get(&self, index: usize) -> Side {
        match index.checked_sub(self.classes.len()) {
            None => Side::Pods(index),
            Some(outside) => {
                let (block, address) = self.outside[outside];
                Side::Outside { block, address }
            }
        }
    }

    /// A pod of a side, for its named ports.
    pub(super) fn pod(&self, index: usize) -> Option<&Pod> {
        self.classes.get(index).map(|class| class.first().pod())
    }

    /// Columns in which a row may be told something else.
    pub(super) fn columns(&self, row: usize) -> &[usize] {
        if self.changed_egress.get(row) == Some(&true) {
            &self.all
        } else {
            &self.changed_ingress
        }
    }

    /// How many pairs may be told something else.
    pub(super) fn pairs(&self) -> usize {
        let rows = self.changed_egress.iter().filter(|is_changed| **is_changed);
        let rows = rows.count();
        rows * self.all.len() + (self.all.len() - rows) * self.changed_ingress.len()
    }

    /// How many parties there are behind the sides.
    pub(super) fn parties(&self) -> usize {
        let pods = self.classes.iter().map(|class| class.0.len());
        pods.sum::<usize>() + self.outside.len()
    }

    /// The parties behind some sides, in their order; the outside world becomes one.
    pub(super) fn parties_of(&self, sides: &[usize]) -> Vec<Party> {
        let mut parties = Vec::new();
        let mut blocks = Vec::new();
        for side in sides {
            match self.get(*side) {
                Side::Pods(class) => {
                    let groups = self.classes[class].0.iter();
                    parties.extend(groups.map(|group| Party::Pods(told(&group.pods))));
                }
                Side::Outside { block, .. } => blocks.push(block),
            }
        }
        parties.sort_by_cached_key(|party| (party.namespace().to_owned(), party.to_string()));
        if !blocks.is_empty() {
            let outside: Outside = self.blocks.together(&blocks);
            parties.push(Party::Outside(outside));
        }
        parties
    }
}

/// Without the names of pods that stand for others.
fn told(pods: &Pods) -> Pods {
    let mut pods = pods.clone();
    pods.live.retain(|name| !name.ends_with(']'));
    pods
}

/// Addresses for documentation (RFC 5737, RFC 3849): in examples they do not look like somebody's.
const DOCUMENTATION: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
];

/// An address that a block stands for, one that people take for an address where there is such; `None` where all of its
/// own belong to the cluster.
fn address_in(block: usize, blocks: &Blocks, inventory: &Inventory) -> Option<IpAddr> {
    let first = blocks.representative(block, inventory)?;
    let stands_for_it = |address: &IpAddr| {
        blocks.innermost(*address) == Some(block)
            && matches!(inventory.end_at(*address), End::Address(_))
    };
    // The first of a block is often its network address.
    let second = match first {
        IpAddr::V4(first) => first
            .to_bits()
            .checked_add(1)
            .map(|next| Ipv4Addr::from_bits(next).into()),
        IpAddr::V6(first) => first
            .to_bits()
            .checked_add(1)
            .map(|next| Ipv6Addr::from_bits(next).into()),
    };
    let mut telling = DOCUMENTATION.into_iter().chain(second);
    Some(telling.find(stands_for_it).unwrap_or(first))
}
