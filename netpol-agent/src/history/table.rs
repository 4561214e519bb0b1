//! A map that knows what of it the store does not hold yet.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Values by key, each with its place in the store.
pub(super) struct Table<K, V> {
    entries: HashMap<K, Entry<V>, RandomState>,
    /// To be written: a key without an entry is to be forgotten by the store.
    dirty: HashSet<K, RandomState>,
    /// What is being written, until that has ended: whether there is a value, or the key is to be forgotten.
    in_flight: Vec<(K, bool)>,
}

struct Entry<V> {
    value: V,
    /// The store holds this key, with whatever value.
    is_stored: bool,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            entries: HashMap::default(),
            dirty: HashSet::default(),
            in_flight: Vec::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, V> Table<K, V> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The key itself, where it is there: equal keys may be other allocations.
    pub(super) fn key(&self, key: &K) -> Option<&K> {
        self.entries.get_key_value(key).map(|(key, _)| key)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// A value that is about to change.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let entry = self.entries.get_mut(key)?;
        if !self.dirty.contains(key) {
            self.dirty.insert(key.clone());
        }
        Some(&mut entry.value)
    }

    /// Puts a value in, in place of the one that the key has.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let was_dirty = !self.dirty.insert(key.clone());
        match self.entries.get_mut(&key) {
            Some(entry) => entry.value = value,
            None => {
                // It was to be forgotten, so the store holds it.
                let is_stored = was_dirty;
                self.entries.insert(key, Entry { value, is_stored });
            }
        }
    }

    /// Puts in what the store holds.
    pub(super) fn load(&mut self, key: K, value: V) {
        let is_stored = true;
        self.entries.insert(key, Entry { value, is_stored });
    }

    /// Notes that the store holds a key that has come here by itself in the meantime.
    pub(super) fn is_stored_too(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)?.is_stored = true;
        self.get_mut(key)
    }

    /// Takes a value out. What the store never held need not be told to it: keys that come and go cost nothing.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        if entry.is_stored {
            self.dirty.insert(key.clone());
        } else {
            self.dirty.remove(key);
        }
        Some(entry.value)
    }

    /// Takes out what a condition holds for, and gives the values.
    pub(super) fn extract(&mut self, is_over: impl Fn(&K, &V) -> bool) -> Vec<(K, V)> {
        let over = self.iter().filter(|(key, value)| is_over(key, value));
        let over: Vec<K> = over.map(|(key, _)| key.clone()).collect();
        over.into_iter()
            .filter_map(|key| {
                let value = self.remove(&key)?;
                Some((key, value))
            })
            .collect()
    }

    /// Changes what a condition holds for.
    pub(super) fn change_where(&mut self, is_meant: impl Fn(&V) -> bool, change: impl Fn(&mut V)) {
        let meant = self.iter().filter(|(_, value)| is_meant(value));
        let meant: Vec<K> = meant.map(|(key, _)| key.clone()).collect();
        for key in meant {
            self.get_mut(&key).into_iter().for_each(&change);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let entries = self.entries.iter();
        entries.map(|(key, entry)| (key, &entry.value))
    }

    /// What is to be written, as it stands now. Until [`Table::settle`] it counts as being written.
    pub(super) fn take<T>(&mut self, value: impl Fn(&V) -> T) -> Vec<(K, Option<T>)> {
        debug_assert!(self.in_flight.is_empty(), "one write at a time");
        let keys: Vec<K> = self.dirty.drain().collect();
        let taken = keys.into_iter().map(|key| {
            let value = self.entries.get(&key).map(|entry| value(&entry.value));
            (key, value)
        });
        let taken: Vec<(K, Option<T>)> = taken.collect();
        let keys = taken.iter();
        self.in_flight = keys
            .map(|(key, value)| (key.clone(), value.is_some()))
            .collect();
        taken
    }

    /// The store holds nothing any more: all that there is, is to be written.
    pub(super) fn begin_anew(&mut self) {
        self.in_flight.clear();
        self.dirty = self.entries.keys().cloned().collect();
        for entry in self.entries.values_mut() {
            entry.is_stored = false;
        }
    }

    /// Takes in whether what was taken has been written. A write that failed left the store as it was.
    pub(super) fn settle(&mut self, is_written: bool) {
        for (key, had_value) in std::mem::take(&mut self.in_flight) {
            let is_in_store = had_value == is_written;
            match self.entries.get_mut(&key) {
                // It was to be forgotten, and came again in the meantime.
                Some(entry) if !had_value => entry.is_stored = is_in_store,
                Some(entry) if is_written => entry.is_stored = true,
                // Not written: to be tried again.
                Some(_) => drop(self.dirty.insert(key)),
                // It went while it was written, or was to be forgotten and still is.
                None if is_in_store => drop(self.dirty.insert(key)),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// A store that takes all, or nothing.
    fn write(store: &mut BTreeMap<u8, u32>, taken: &[(u8, Option<u32>)], succeeds: bool) {
        for (key, value) in taken.iter().filter(|_| succeeds) {
            match value {
                Some(value) => drop(store.insert(*key, *value)),
                None => drop(store.remove(key)),
            }
        }
    }

    proptest! {
        /// Whatever changes before, during and between writes, those that fail among them: what is written in the end is
        /// what there is.
        #[test]
        fn the_store_ends_up_with_what_there_is(
            steps in prop::collection::vec((0..6_u8, 0..8_u8, any::<u32>()), 0..200)
        ) {
            let mut table = Table::default();
            let mut store = BTreeMap::new();
            let mut writing = None;
            for (step, key, value) in steps {
                match step {
                    0 | 1 => table.insert(key, value),
                    2 => drop(table.remove(&key)),
                    3 => table.get_mut(&key).into_iter().for_each(|held| *held = value),
                    _ if writing.is_none() => writing = Some(table.take(|value| *value)),
                    _ => {
                        write(&mut store, &writing.take().unwrap(), step == 4);
                        table.settle(step == 4);
                    }
                }
            }
            if let Some(taken) = writing {
                write(&mut store, &taken, true);
                table.settle(true);
            }
            write(&mut store, &table.take(|value| *value), true);
            table.settle(true);
            let held: BTreeMap<u8, u32> = table.iter().map(|(key, value)| (*key, *value)).collect();
            prop_assert_eq!(&store, &held);
            prop_assert_eq!(table.take(|value| *value), []);
        }
    }

    #[test]
    fn what_was_never_written_is_not_written_when_it_goes() {
        let mut table = Table::default();
        table.insert(1, "a");
        table.remove(&1);
        assert_eq!(table.take(|value| *value), []);
        table.settle(true);
        table.insert(2, "b");
        assert_eq!(table.take(|value| *value), [(2, Some("b"))]);
        table.settle(true);
        table.remove(&2);
        assert_eq!(table.take(|value| *value), [(2, None)]);
    }
}
