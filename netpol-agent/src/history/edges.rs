//! Who connected to whom: sums that are bounded in number, and that stay exact whatever is folded.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use foldhash::fast::RandomState;
use netpol_policy::history::{Edge, EdgeKey, EdgeTotals};

use super::fold::{Bound, Dimension, wider};
use super::table::Table;

/// Edges, by what their connections have in common.
pub(super) struct Edges {
    table: Table<Arc<EdgeKey>, Known>,
    /// By a hash of dimension and what its members share.
    families: HashMap<u64, Family, RandomState>,
    /// Families that have grown beyond their bound.
    crowded: Vec<u64>,
    hasher: RandomState,
    most: usize,
    /// Edges that became part of another so far.
    folded: u64,
}

struct Known {
    totals: EdgeTotals,
    place: Arc<Place>,
}

struct Family {
    dimension: Dimension,
    members: Vec<Arc<EdgeKey>>,
}

/// Where connections were counted. It stays valid when their edge becomes part of another.
#[derive(Debug)]
pub(super) struct Place {
    key: Arc<EdgeKey>,
    /// The edge that this one became part of.
    moved: OnceLock<Arc<Place>>,
}

/// The place that a place is by now.
pub(super) fn settled(place: &Arc<Place>) -> &Arc<Place> {
    let mut place = place;
    while let Some(next) = place.moved.get() {
        place = next;
    }
    place
}

impl Edges {
    /// None yet, and `most` at once.
    pub(super) fn new(most: usize) -> Self {
        Self {
            table: Table::default(),
            families: HashMap::default(),
            crowded: Vec::new(),
            hasher: RandomState::default(),
            most,
            folded: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Edges that became part of another so far.
    pub(super) fn folded(&self) -> u64 {
        self.folded
    }

    /// Adds connections to an edge, and tells where. The number of those that had to be forgotten to make room comes second.
    pub(super) fn add(&mut self, key: EdgeKey, share: EdgeTotals) -> (Arc<Place>, u64) {
        let key = self.standing_for(key);
        let place = self.put(key, share);
        self.fold_crowded();
        let evicted = self.make_room();
        (place, evicted)
    }

    /// Takes in an edge that the store holds.
    pub(super) fn load(&mut self, edge: Edge) {
        let key = Arc::new(edge.key);
        match self.table.is_stored_too(&key) {
            // Counted before the store could be opened.
            Some(known) => known.totals.add(&edge.totals),
            None => {
                let place = new_place(&key);
                let totals = edge.totals;
                self.table.load(key.clone(), Known { totals, place });
                self.register(&key);
            }
        }
    }

    /// After the last [`Edges::load`]: the bounds may have been wider when they were written.
    pub(super) fn loaded(&mut self) -> u64 {
        self.fold_crowded();
        self.make_room()
    }

    /// Changes what an edge comes to; false where it has been forgotten.
    pub(super) fn change(
        &mut self,
        place: &Arc<Place>,
        change: impl FnOnce(&mut EdgeTotals),
    ) -> bool {
        let place = settled(place);
        let is_it = |known: &Known| Arc::ptr_eq(&known.place, place);
        if !self.table.get(&place.key).is_some_and(is_it) {
            return false;
        }
        self.table
            .get_mut(&place.key)
            .map(|known| change(&mut known.totals))
            .is_some()
    }

    /// Takes a connection away that belongs elsewhere. When the others were seen first and last is no longer exact then: it
    /// may be the time of the one that went.
    pub(super) fn take_back(&mut self, place: &Arc<Place>, share: &EdgeTotals) {
        let mut is_empty = false;
        self.change(place, |totals| {
            for (of, less) in [
                (&mut totals.connections, share.connections),
                (&mut totals.resumed, share.resumed),
                (&mut totals.packets, share.packets),
                (&mut totals.bytes, share.bytes),
                (&mut totals.after_change, share.after_change),
            ] {
                *of = of.saturating_sub(less);
            }
            if totals.after_change == 0 {
                totals.longest_after_change = None;
            }
            is_empty = totals.connections == 0 && totals.resumed == 0;
        });
        if is_empty {
            self.remove(&settled(place).key.clone());
        }
    }

    /// Notes that a connection of an edge goes on, where that edge is known.
    pub(super) fn touch(&mut self, key: EdgeKey, seen: SystemTime) {
        let key = self.standing_for(key);
        if let Some(known) = self.table.get_mut(&key) {
            known.totals.last_seen = known.totals.last_seen.max(seen);
        }
    }

    /// Nothing was seen after a time: the clock was ahead when that was noted.
    pub(super) fn not_after(&mut self, now: SystemTime) {
        self.table.change_where(
            |known| known.totals.last_seen > now,
            |known| {
                let totals = &mut known.totals;
                totals.first_seen = totals.first_seen.min(now);
                totals.last_seen = now;
            },
        );
    }

    /// Forgets what was last seen before a time.
    pub(super) fn forget_before(&mut self, horizon: SystemTime) {
        let over = self
            .table
            .extract(|_, known| known.totals.last_seen < horizon);
        for (key, _) in over {
            self.unregister(&key);
        }
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = Edge> {
        self.table.iter().map(|(key, known)| Edge {
            key: (**key).clone(),
            totals: known.totals.clone(),
        })
    }

    /// What is to be written.
    pub(super) fn take_changes(&mut self) -> Vec<(EdgeKey, Option<EdgeTotals>)> {
        let taken = self.table.take(|known| known.totals.clone());
        let taken = taken.into_iter();
        taken
            .map(|(key, totals)| ((*key).clone(), totals))
            .collect()
    }

    /// The store holds nothing any more.
    pub(super) fn begin_anew(&mut self) {
        self.table.begin_anew();
    }

    /// Takes in whether that has been written.
    pub(super) fn settle(&mut self, is_written: bool) {
        self.table.settle(is_written);
    }

    /// The key under which a connection is counted: its own, or that of the block its address was folded to.
    fn standing_for(&self, key: EdgeKey) -> Arc<EdgeKey> {
        let key = Arc::new(key);
        if self.table.contains(&key) {
            return key;
        }
        let found = wider(&key)
            .map(Arc::new)
            .find(|key| self.table.contains(key));
        found.unwrap_or(key)
    }

    fn put(&mut self, key: Arc<EdgeKey>, share: EdgeTotals) -> Arc<Place> {
        if let Some(known) = self.table.get_mut(&key) {
            known.totals.add(&share);
            return known.place.clone();
        }
        let place = new_place(&key);
        let known = Known {
            totals: share,
            place: place.clone(),
        };
        self.table.insert(key.clone(), known);
        self.register(&key);
        place
    }

    fn remove(&mut self, key: &Arc<EdgeKey>) -> Option<Known> {
        let known = self.table.remove(key)?;
        self.unregister(key);
        Some(known)
    }

    fn families_of(&self, key: &EdgeKey) -> impl Iterator<Item = (Dimension, u64)> {
        Dimension::ALL.into_iter().filter_map(|dimension| {
            let family = dimension.family(key)?;
            Some((dimension, self.hasher.hash_one((dimension, family))))
        })
    }

    fn register(&mut self, key: &Arc<EdgeKey>) {
        let families: Vec<(Dimension, u64)> = self.families_of(key).collect();
        for (dimension, hash) in families {
            let family = self.families.entry(hash).or_insert_with(|| Family {
                dimension,
                members: Vec::new(),
            });
            family.members.push(key.clone());
            if family.members.len() > dimension.bound().most {
                self.crowded.push(hash);
            }
        }
    }

    fn unregister(&mut self, key: &Arc<EdgeKey>) {
        let families: Vec<(Dimension, u64)> = self.families_of(key).collect();
        for (_, hash) in families {
            let Some(family) = self.families.get_mut(&hash) else {
                continue;
            };
            family.members.retain(|member| member != key);
            if family.members.is_empty() {
                self.families.remove(&hash);
            }
        }
    }

    /// What became of a fold may crowd another family, and is coarser each time: this ends.
    fn fold_crowded(&mut self) {
        while let Some(hash) = self.crowded.pop() {
            let family = self.families.get(&hash);
            if let Some(bound) = family.map(|family| family.dimension.bound()) {
                self.fold_family(hash, bound);
            }
        }
    }

    fn fold_family(&mut self, hash: u64, bound: Bound) {
        let Some(family) = self.families.get(&hash) else {
            return;
        };
        if family.members.len() <= bound.most {
            return;
        }
        let seen = |key: &Arc<EdgeKey>| {
            let known = self.table.get(key);
            known.map_or(0, |known| known.totals.connections + known.totals.resumed)
        };
        let members: Vec<(&EdgeKey, u64)> = family
            .members
            .iter()
            .map(|key| (&**key, seen(key)))
            .collect();
        for (old, new) in family.dimension.fold(&members, bound.kept) {
            let Some(known) = self.remove(&Arc::new(old)) else {
                continue;
            };
            let place = self.put(Arc::new(new), known.totals);
            // An edge moves once: then it is gone.
            let _ = known.place.moved.set(place);
            self.folded += 1;
        }
    }

    /// Where there are too many, folds more than in ordinary times, ports first; where that does not help, forgets what was
    /// not seen for the longest time. Gives how many connections were forgotten.
    fn make_room(&mut self) -> u64 {
        if self.len() <= self.most {
            return 0;
        }
        let target = self.most - self.most / 10;
        for dimension in Dimension::ALL {
            let bound = dimension.narrow_bound();
            let mut large: Vec<(usize, u64)> = self
                .families
                .iter()
                .filter(|(_, family)| family.dimension == dimension)
                .map(|(hash, family)| (family.members.len(), *hash))
                .filter(|(members, _)| *members > bound.most)
                .collect();
            large.sort_unstable_by(|a, b| b.cmp(a));
            for (_, hash) in large {
                if self.len() <= target {
                    return 0;
                }
                self.fold_family(hash, bound);
            }
            self.fold_crowded();
        }
        self.evict(target)
    }

    fn evict(&mut self, target: usize) -> u64 {
        let surplus = self.len().saturating_sub(target);
        if surplus == 0 {
            return 0;
        }
        let mut by_age: Vec<(SystemTime, Arc<EdgeKey>)> = self
            .table
            .iter()
            .map(|(key, known)| (known.totals.last_seen, key.clone()))
            .collect();
        let place = surplus - 1;
        by_age.select_nth_unstable_by_key(place, |(seen, _)| *seen);
        let oldest = by_age.into_iter().take(surplus);
        oldest
            .filter_map(|(_, key)| self.remove(&key))
            .map(|known| known.totals.connections + known.totals.resumed)
            .sum()
    }
}

fn new_place(key: &Arc<EdgeKey>) -> Arc<Place> {
    Arc::new(Place {
        key: key.clone(),
        moved: OnceLock::new(),
    })
}

#[cfg(test)]
mod tests;
