//! Which row of a table is of what.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash};

use foldhash::quality::RandomState;

/// The numbers of a table's rows, by what they are of.
///
/// A key is remembered as 128 bits of hash, made with seeds of this process: a table of 50,000 large keys would otherwise be
/// in memory twice. That two keys of one table meet in them is less likely than that the disk returns something else than
/// was written.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    by_key: HashMap<u128, u64, RandomState>,
    /// The last that was given.
    last: u64,
    seeds: [RandomState; 2],
}

impl Numbers {
    /// The number of this key, which gets one if it has none; and whether that is so.
    pub(super) fn of<K: Hash + ?Sized>(&mut self, key: &K) -> (u64, bool) {
        let hash = self.hash(key);
        let last = &mut self.last;
        let mut is_new = false;
        let number = *self.by_key.entry(hash).or_insert_with(|| {
            is_new = true;
            *last += 1;
            *last
        });
        (number, is_new)
    }

    /// Takes the number from this key.
    pub(super) fn forget<K: Hash + ?Sized>(&mut self, key: &K) -> Option<u64> {
        let hash = self.hash(key);
        self.by_key.remove(&hash)
    }

    /// Takes in a row that there is. Whether it is the only one of its key.
    pub(super) fn learn<K: Hash + ?Sized>(&mut self, key: &K, number: u64) -> bool {
        self.last = self.last.max(number);
        let hash = self.hash(key);
        self.by_key.insert(hash, number).is_none()
    }

    /// How far rows are numbered.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Forgets the keys of all rows but these. Their numbers are not given again.
    pub(super) fn retain(&mut self, keeps: impl Fn(u64) -> bool) {
        self.by_key.retain(|_, number| keeps(*number));
    }

    fn hash<K: Hash + ?Sized>(&self, key: &K) -> u128 {
        let [high, low] = self.seeds.each_ref().map(|seed| seed.hash_one(key));
        u128::from(high) << 64 | u128::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_given_twice() {
        let mut numbers = Numbers::default();
        assert!(numbers.learn("a", 7));
        assert!(!numbers.learn("a", 8), "a second row of one key");
        assert_eq!(numbers.of("a"), (8, false));
        assert_eq!(numbers.of("b"), (9, true));
        assert_eq!(numbers.forget("b"), Some(9));
        assert_eq!(numbers.forget("b"), None);
        assert_eq!(numbers.of("b"), (10, true));
        numbers.retain(|number| number <= 9);
        assert_eq!(numbers.of("a"), (8, false));
        assert_eq!(numbers.of("b"), (11, true));
        assert_eq!(numbers.last(), 11);
    }
}
