//! Both sets of policies are asked about every pair that may be told something else.

use super::changed::Changed;
use super::example::Example;
use super::fold::{self, Delta};
use super::sides::{Side, Sides};
use super::{Cut, Difference};
use crate::history::RememberedPolicy;
use crate::inventory::Inventory;
use crate::matrix::{Candidate, Cell, PortSet, Scope, cell, ends};
use crate::model::{NetworkPolicy, Object, TieredPolicy};
use crate::verdict::PolicyRef;

/// How much to compare at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pairs of parties, where those that are alike count as one.
    pub pairs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { pairs: 1_000_000 }
    }
}

/// How far a comparison is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Pairs done.
    pub done: usize,
    /// Pairs to do.
    pub total: usize,
}

/// Compares what two sets of policies permit among everybody in an inventory, whose own policies do not count, and the
/// outside world. `report` hears of every row that is done.
pub fn difference(
    population: &Inventory,
    before: &[RememberedPolicy],
    after: &[RememberedPolicy],
    limits: &Limits,
    mut report: impl FnMut(Progress),
) -> Difference {
    let changed = Changed::between(before, after);
    let bare = without_policies(population);
    let both = bare.clone();
    let both = with(both, before.iter().map(RememberedPolicy::object));
    let both = with(both, after.iter().map(|policy| renamed(policy.clone())));
    let sides = Sides::of(&both, &changed);
    let before = with(bare.clone(), before.iter().map(RememberedPolicy::object));
    let after = with(bare, after.iter().map(RememberedPolicy::object));
    let worlds = Worlds {
        sides: &sides,
        scope: Scope::default(),
        before: World::new(&before, &sides),
        after: World::new(&after, &sides),
    };
    let pairs = sides.pairs();
    let total = pairs.min(limits.pairs);
    let mut deltas = Vec::new();
    let mut done = 0;
    for row in 0..sides.len() {
        let columns = sides.columns(row);
        let columns = &columns[..columns.len().min(total - done)];
        let told = columns
            .iter()
            .filter_map(|column| worlds.delta(row, *column));
        deltas.extend(told);
        done += columns.len();
        report(Progress { done, total });
        if done == total {
            break;
        }
    }
    let limit = limits.pairs;
    Difference {
        changes: fold::changes(&sides, deltas, |delta, ports| worlds.example(delta, ports)),
        parties: sides.parties(),
        compared: done,
        cut: (pairs > limit).then_some(Cut { pairs, limit }),
        omitted: sides.omitted.clone(),
    }
}

fn without_policies(population: &Inventory) -> Inventory {
    let mut bare = population.clone();
    let network = population.all_policies().map(|policy| &policy.reference);
    let tiered = population.tiered_policies().map(|policy| &policy.reference);
    for one in network.chain(tiered) {
        bare.remove(one.kind.as_str(), &one.namespace, &one.name);
    }
    bare
}

fn with(mut inventory: Inventory, objects: impl Iterator<Item = Object>) -> Inventory {
    objects.for_each(|object| inventory.apply(object));
    inventory
}

/// The policy under a name that no object can have, so that it stands beside the one that it takes the place of.
fn renamed(policy: RememberedPolicy) -> Object {
    let renamed = |reference: PolicyRef| PolicyRef {
        name: format!("{}[after]", reference.name).into(),
        ..reference
    };
    match policy {
        RememberedPolicy::Network(policy) => Object::NetworkPolicy(NetworkPolicy {
            reference: renamed(policy.reference),
            ..policy
        }),
        RememberedPolicy::Tiered(policy) => Object::TieredPolicy(TieredPolicy {
            reference: renamed(policy.reference),
            ..policy
        }),
    }
}

/// Everybody under one set of policies.
struct World<'a> {
    inventory: &'a Inventory,
    /// One for each class of pods.
    candidates: Vec<Candidate<'a>>,
    /// Another of the class, where a pod on its own stands for several.
    twins: Vec<Option<Candidate<'a>>>,
}

impl<'a> World<'a> {
    fn new(inventory: &'a Inventory, sides: &'a Sides) -> Self {
        let candidates = sides.classes().map(|groups| groups.first());
        let twins = sides.classes().map(|groups| groups.twin());
        let candidate = |group| Candidate::pods(inventory, group);
        Self {
            inventory,
            candidates: candidates.map(candidate).collect(),
            twins: twins.map(|twin| twin.map(candidate)).collect(),
        }
    }

    /// Calls with the candidates of two sides.
    fn of_pair<T>(
        &self,
        sides: &Sides,
        row: usize,
        column: usize,
        ask: impl FnOnce(&Candidate<'_>, &Candidate<'_>) -> T,
    ) -> T {
        let outside;
        match (sides.get(row), sides.get(column)) {
            (Side::Pods(from), Side::Pods(to)) => {
                let twin = self.twins[to].as_ref().filter(|_| from == to);
                ask(&self.candidates[from], twin.unwrap_or(&self.candidates[to]))
            }
            (Side::Pods(from), Side::Outside { address, .. }) => {
                outside = Candidate::outside(address);
                ask(&self.candidates[from], &outside)
            }
            (Side::Outside { address, .. }, Side::Pods(to)) => {
                outside = Candidate::outside(address);
                ask(&outside, &self.candidates[to])
            }
            // Nobody asks: no policy selects either.
            (Side::Outside { address, .. }, Side::Outside { address: other, .. }) => {
                ask(&Candidate::outside(address), &Candidate::outside(other))
            }
        }
    }
}

/// Everybody under both sets of policies.
struct Worlds<'a> {
    sides: &'a Sides,
    scope: Scope,
    before: World<'a>,
    after: World<'a>,
}

impl Worlds<'_> {
    /// How the two sets differ about a pair; `None` where they do not.
    fn delta(&self, row: usize, column: usize) -> Option<Delta> {
        let cell_in = |world: &World<'_>| {
            world.of_pair(self.sides, row, column, |from, to| {
                cell(world.inventory, &self.scope, from, to)
            })
        };
        let (before, after) = (cell_in(&self.before), cell_in(&self.after));
        if before == after {
            return None;
        }
        let opened = after.allowed.intersection(&before.denied());
        let closed = before.allowed.intersection(&after.denied());
        let unclear = undecided_in_one(&before, &after);
        if [&opened, &closed, &unclear]
            .iter()
            .all(|ports| ports.is_empty())
        {
            return None;
        }
        let mut caveats = [before.caveats, after.caveats].concat();
        caveats.sort();
        caveats.dedup();
        Some(Delta {
            row,
            column,
            opened,
            closed,
            unclear,
            caveats,
        })
    }

    /// A connection of a pair to one of these ports; `None` where there are none.
    fn example(&self, delta: &Delta, ports: &PortSet) -> Option<Box<Example>> {
        let (row, column) = (delta.row, delta.column);
        let pods = self.sides.pod(column);
        let (protocol, port) = super::example::port(ports, pods)?;
        let found = self.before.of_pair(self.sides, row, column, ends);
        let (source, destination) = found.into_iter().next()?;
        let connection = super::example::connection(source, destination, protocol, port);
        Some(Box::new(Example::of(
            connection,
            self.before.inventory,
            self.after.inventory,
        )))
    }
}

/// Ports that one cell decides and the other does not.
fn undecided_in_one(one: &Cell, other: &Cell) -> PortSet {
    let mut found = one.undecided.difference(&other.undecided);
    for (protocol, ranges) in other.undecided.difference(&one.undecided).iter() {
        for range in ranges {
            found.insert(protocol, range.first, range.last);
        }
    }
    found
}
