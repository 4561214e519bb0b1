//! Which parts of policies bore on connections, and how often.

use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::history::{RuleKey, RuleUse, UseTotals};

use super::table::Table;

/// Parts of policies that are counted at once, at some hundred bytes each. A cluster with so many that are used is large.
const MOST: usize = 100_000;

/// Uses, by part of a policy.
pub(super) struct Uses {
    table: Table<Arc<RuleKey>, UseTotals>,
    most: usize,
}

impl Default for Uses {
    fn default() -> Self {
        let table = Table::default();
        Self { table, most: MOST }
    }
}

impl Uses {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Adds to what a part did, and gives its key. The number of hits that had to be forgotten to make room comes second.
    pub(super) fn add(&mut self, key: RuleKey, share: &UseTotals) -> (Arc<RuleKey>, u64) {
        let key = Arc::new(key);
        let key = self.table.key(&key).cloned().unwrap_or(key);
        match self.table.get_mut(&key) {
            Some(totals) => totals.add(share),
            None => self.table.insert(key.clone(), share.clone()),
        }
        (key, self.make_room())
    }

    /// Takes in what the store holds.
    pub(super) fn load(&mut self, one: RuleUse) {
        let key = Arc::new(one.key);
        match self.table.is_stored_too(&key) {
            // Counted before the store could be opened.
            Some(totals) => totals.add(&one.totals),
            None => self.table.load(key, one.totals),
        }
    }

    /// Changes what a part comes to, where that is known.
    pub(super) fn change(&mut self, key: &Arc<RuleKey>, change: impl FnOnce(&mut UseTotals)) {
        if let Some(totals) = self.table.get_mut(key) {
            change(totals);
        }
    }

    /// Takes a connection away on which it did not bear after all. When others were seen first and last is no longer exact
    /// then.
    pub(super) fn take_back(&mut self, key: &Arc<RuleKey>, share: &UseTotals) {
        let mut is_empty = false;
        self.change(key, |totals| {
            for (of, less) in [
                (&mut totals.hits, share.hits),
                (&mut totals.sole, share.sole),
                (&mut totals.resumed, share.resumed),
                (&mut totals.forwarded, share.forwarded),
                (&mut totals.bytes, share.bytes),
            ] {
                *of = of.saturating_sub(less);
            }
            is_empty = totals.hits == 0 && totals.resumed == 0;
        });
        if is_empty {
            self.table.remove(key);
        }
    }

    /// Nothing was seen after a time: the clock was ahead when that was noted.
    pub(super) fn not_after(&mut self, now: SystemTime) {
        self.table.change_where(
            |totals| totals.last_seen > now,
            |totals| {
                totals.first_seen = totals.first_seen.min(now);
                totals.last_seen = now;
            },
        );
    }

    /// Forgets what was last seen before a time.
    pub(super) fn forget_before(&mut self, horizon: SystemTime) {
        self.table.extract(|_, totals| totals.last_seen < horizon);
    }

    /// All of them, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = RuleUse> {
        self.table.iter().map(|(key, totals)| RuleUse {
            key: (**key).clone(),
            totals: totals.clone(),
        })
    }

    /// What is to be written.
    pub(super) fn take_changes(&mut self) -> Vec<(RuleKey, Option<UseTotals>)> {
        let taken = self.table.take(UseTotals::clone).into_iter();
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

    /// Forgets a tenth, those that were not used for the longest time, where there are too many.
    fn make_room(&mut self) -> u64 {
        if self.len() <= self.most {
            return 0;
        }
        let mut ages: Vec<SystemTime> = self.table.iter().map(|(_, one)| one.last_seen).collect();
        let surplus = self.len() - (self.most - self.most / 10);
        let (_, horizon, _) = ages.select_nth_unstable(surplus);
        let horizon = *horizon;
        let over = self.table.extract(|_, totals| totals.last_seen < horizon);
        over.iter()
            .map(|(_, totals)| totals.hits + totals.resumed)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use netpol_policy::history::{Part, PolicyName};
    use netpol_policy::verdict::{Direction, PolicyKind};

    use super::*;

    fn key(rule: u32) -> RuleKey {
        RuleKey {
            node: "node-a".into(),
            policy: PolicyName {
                kind: PolicyKind::NetworkPolicy,
                namespace: "shop".into(),
                name: "web".into(),
            },
            fingerprint: 1,
            direction: Direction::Ingress,
            part: Part::Entry {
                rule,
                peer: None,
                port: None,
            },
        }
    }

    fn hits(count: u64, second: u64) -> UseTotals {
        let time = UNIX_EPOCH + Duration::from_secs(second);
        UseTotals {
            hits: count,
            sole: count,
            resumed: 0,
            forwarded: count,
            bytes: 100 * count,
            first_seen: time,
            last_seen: time,
        }
    }

    #[test]
    fn what_was_not_used_for_the_longest_time_makes_room_and_is_counted() {
        let mut uses = Uses {
            most: 20,
            ..Uses::default()
        };
        let mut evicted = 0;
        for rule in 0..30 {
            evicted += uses.add(key(rule), &hits(2, rule.into())).1;
        }
        assert!(uses.len() <= 20);
        let left: u64 = uses.iter().map(|one| one.totals.hits).sum();
        assert_eq!(left + evicted, 60);
        let oldest = uses.iter().map(|one| one.totals.last_seen).min();
        assert!(oldest >= Some(UNIX_EPOCH + Duration::from_secs(10)));
    }

    #[test]
    fn the_last_connection_that_is_taken_back_takes_the_use_along() {
        let mut uses = Uses::default();
        let (one, _) = uses.add(key(1), &hits(1, 1));
        let (same, _) = uses.add(key(1), &hits(1, 2));
        assert!(Arc::ptr_eq(&one, &same));
        uses.take_back(&one, &hits(1, 0));
        assert_eq!(uses.iter().next().map(|one| one.totals.hits), Some(1));
        uses.take_back(&one, &hits(1, 0));
        assert_eq!(uses.len(), 0);
    }
}
