//! Pairs that are told the same become one change.

use std::collections::HashMap;

use super::sides::Sides;
use super::{Change, Example};
use crate::matrix::PortSet;
use crate::verdict::Caveat;

/// How two sets of policies differ about one pair.
#[derive(Clone, Debug)]
pub(super) struct Delta {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) opened: PortSet,
    pub(super) closed: PortSet,
    pub(super) unclear: PortSet,
    pub(super) caveats: Vec<Caveat>,
}

impl Delta {
    fn told(&self) -> (&PortSet, &PortSet, &PortSet, &[Caveat]) {
        (&self.opened, &self.closed, &self.unclear, &self.caveats)
    }
}

/// Values in the order in which their keys came first.
struct Ordered<K, V> {
    indices: HashMap<K, usize>,
    values: Vec<V>,
}

impl<K: Eq + std::hash::Hash, V: Default> Ordered<K, V> {
    fn new() -> Self {
        Self {
            indices: HashMap::new(),
            values: Vec::new(),
        }
    }

    fn entry(&mut self, key: K) -> &mut V {
        let next = self.values.len();
        let index = *self.indices.entry(key).or_insert(next);
        if index == next {
            self.values.push(V::default());
        }
        &mut self.values[index]
    }
}

/// Folds what pairs are told, in two steps: the destinations of each source, then the sources of the same destinations.
/// `example` finds a connection of a pair to one of some ports.
pub(super) fn changes(
    sides: &Sides,
    deltas: Vec<Delta>,
    example: impl Fn(&Delta, &PortSet) -> Option<Box<Example>>,
) -> Vec<Change> {
    let mut of_row: Ordered<_, Vec<&Delta>> = Ordered::new();
    for delta in &deltas {
        of_row.entry((delta.row, delta.told())).push(delta);
    }
    let mut folded: Ordered<_, Vec<&Delta>> = Ordered::new();
    let mut columns_of = Vec::new();
    for alike in &of_row.values {
        let columns: Vec<usize> = alike.iter().map(|delta| delta.column).collect();
        // There is a delta in each value.
        let first = alike[0];
        let rows = folded.entry((columns.clone(), first.told()));
        if rows.is_empty() {
            columns_of.push(columns);
        }
        rows.push(first);
    }
    let changes = folded.values.iter().zip(columns_of);
    changes
        .map(|(alike, columns)| {
            let rows: Vec<usize> = alike.iter().map(|delta| delta.row).collect();
            let first = alike[0];
            Change {
                from: sides.parties_of(&rows),
                to: sides.parties_of(&columns),
                opened: first.opened.clone(),
                closed: first.closed.clone(),
                unclear: first.unclear.clone(),
                caveats: first.caveats.clone(),
                opening: example(first, &first.opened),
                closing: example(first, &first.closed),
            }
        })
        .collect()
}
