//! Changes into rows, within one transaction.

use std::collections::HashSet;
use std::hash::Hash;

use netpol_history::encode;
use netpol_history::record::ObjectRecord;
use netpol_policy::history::{Edge, RuleUse};
use netpol_policy::model::Service;
use redb::{ReadableTable as _, Table, WriteTransaction};
use serde::Serialize;

use super::super::changes::Changes;
use super::fault::Fault;
use super::groups::{self, Groups};
use super::numbers::Numbers;
use super::schema::{
    CLUSTER, EDGES, GROUPS, INTERVALS, POLICIES, POPULATION, Rows, SERVICES, USES,
};

/// Which row is of what, of the store as it stands after the last transaction.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) groups: Groups,
    pub(super) edges: Numbers,
    pub(super) uses: Numbers,
    pub(super) intervals: Numbers,
    pub(super) policies: Numbers,
    pub(super) population: Numbers,
    pub(super) cluster: Numbers,
    pub(super) services: Numbers,
}

/// How far the rows of each table were numbered at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    edges: u64,
    uses: u64,
    intervals: u64,
    policies: u64,
    population: u64,
}

impl Index {
    /// How far rows are numbered now.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            edges: self.edges.last(),
            uses: self.uses.last(),
            intervals: self.intervals.last(),
            policies: self.policies.last(),
            population: self.population.last(),
        }
    }

    /// Removes all rows that came after the mark: a write that was said to have failed left them behind, and nobody would ever
    /// tell that they are to go.
    pub(super) fn remove_after(
        &mut self,
        transaction: &WriteTransaction,
        mark: Mark,
    ) -> Result<(), Fault> {
        for (rows, numbers, last) in [
            (EDGES, &mut self.edges, mark.edges),
            (USES, &mut self.uses, mark.uses),
            (INTERVALS, &mut self.intervals, mark.intervals),
            (POLICIES, &mut self.policies, mark.policies),
            (POPULATION, &mut self.population, mark.population),
        ] {
            if numbers.last() > last {
                numbers.retain(|number| number <= last);
                let mut table = transaction.open_table(rows)?;
                table.retain_in(last + 1.., |_, _| false)?;
            }
        }
        Ok(())
    }

    /// Writes a batch. After an error the index is of no use.
    pub(super) fn apply(
        &mut self,
        transaction: &WriteTransaction,
        changes: &Changes,
    ) -> Result<(), Fault> {
        self.apply_edges(transaction, changes)?;
        self.apply_population(transaction, changes)?;

        let mut uses = Writing::new(transaction, USES, &mut self.uses)?;
        for (key, totals) in &changes.uses {
            let row = totals.as_ref().map(|totals| {
                let (key, totals) = (key.clone(), totals.clone());
                row(&encode::rule_use(&RuleUse { key, totals }))
            });
            uses.change(key, row.transpose()?)?;
        }

        let mut intervals = Writing::new(transaction, INTERVALS, &mut self.intervals)?;
        for (from, interval) in &changes.intervals {
            let row = interval.as_ref().map(|one| row(&encode::interval(one)));
            intervals.change(from, row.transpose()?)?;
        }

        let mut policies = Writing::new(transaction, POLICIES, &mut self.policies)?;
        for (key, revision) in &changes.policies {
            let row = revision.as_ref().map(|one| row(&encode::policy(one)));
            policies.change(key, row.transpose()?)?;
        }

        if let Some(cluster) = &changes.cluster {
            let mut rows = Writing::new(transaction, CLUSTER, &mut self.cluster)?;
            rows.be(cluster, |node| &node.name, encode::cluster_node)?;
        }
        if let Some(services) = &changes.services {
            let mut rows = Writing::new(transaction, SERVICES, &mut self.services)?;
            let key = |service: &Service| (service.namespace.clone(), service.name.clone());
            rows.be(services, key, encode::service)?;
        }
        self.apply_groups(transaction)
    }

    fn apply_edges(
        &mut self,
        transaction: &WriteTransaction,
        changes: &Changes,
    ) -> Result<(), Fault> {
        let mut edges = Writing::new(transaction, EDGES, &mut self.edges)?;
        for (key, totals) in &changes.edges {
            let row = match totals {
                Some(totals) => {
                    let (key, totals) = (key.clone(), totals.clone());
                    Some(row(&self.groups.encoder.edge(&Edge { key, totals }))?)
                }
                None => None,
            };
            match edges.change(key, row)? {
                Change::Added => groups::of_edge(key).for_each(|group| self.groups.refer(group)),
                Change::Removed => {
                    groups::of_edge(key).for_each(|group| self.groups.release(group));
                }
                Change::None => {}
            }
        }
        Ok(())
    }

    fn apply_population(
        &mut self,
        transaction: &WriteTransaction,
        changes: &Changes,
    ) -> Result<(), Fault> {
        let mut rows = Writing::new(transaction, POPULATION, &mut self.population)?;
        for (group, present) in &changes.population {
            let row = match present {
                Some(present) => Some(row(&self.groups.encoder.present(present))?),
                None => None,
            };
            match rows.change(group, row)? {
                Change::Added => self.groups.refer(group),
                Change::Removed => self.groups.release(group),
                Change::None => {}
            }
        }
        Ok(())
    }

    fn apply_groups(&mut self, transaction: &WriteTransaction) -> Result<(), Fault> {
        let mut table = transaction.open_table(GROUPS)?;
        for (number, group) in self.groups.settle() {
            match group {
                Some(group) => {
                    table.insert(number, &*row(&encode::group(number, &group))?)?;
                }
                None => {
                    table.remove(number)?;
                }
            }
        }
        Ok(())
    }
}

/// What a change did to the row of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// There was none.
    Added,
    /// There was one.
    Removed,
    /// There is one as before, or none as before.
    None,
}

/// One table in a transaction.
struct Writing<'t, 'i> {
    table: Table<'t, u64, &'static [u8]>,
    numbers: &'i mut Numbers,
}

impl<'t, 'i> Writing<'t, 'i> {
    fn new(
        transaction: &'t WriteTransaction,
        rows: Rows,
        numbers: &'i mut Numbers,
    ) -> Result<Self, Fault> {
        let table = transaction.open_table(rows)?;
        Ok(Self { table, numbers })
    }

    /// Writes the row of a key, or removes it.
    fn change<K: Hash + ?Sized>(&mut self, key: &K, row: Option<Vec<u8>>) -> Result<Change, Fault> {
        match row {
            Some(row) => {
                let (number, is_new) = self.numbers.of(key);
                self.table.insert(number, &*row)?;
                Ok(if is_new { Change::Added } else { Change::None })
            }
            None => match self.numbers.forget(key) {
                Some(number) => {
                    self.table.remove(number)?;
                    Ok(Change::Removed)
                }
                None => Ok(Change::None),
            },
        }
    }

    /// Has the table hold these objects and no others. Most are there already as they are, and are not written again.
    fn be<'o, O, K: Hash>(
        &mut self,
        objects: &'o [O],
        key: impl Fn(&'o O) -> K,
        record: impl Fn(&O) -> ObjectRecord,
    ) -> Result<(), Fault> {
        let mut kept = HashSet::new();
        for object in objects {
            let (number, _) = self.numbers.of(&key(object));
            kept.insert(number);
            let row = row(&record(object))?;
            let there = self.table.get(number)?;
            let is_there = there.is_some_and(|there| there.value() == row);
            if !is_there {
                self.table.insert(number, &*row)?;
            }
        }
        self.table.retain(|number, _| kept.contains(&number))?;
        self.numbers.retain(|number| kept.contains(&number));
        Ok(())
    }
}

/// A record as a row. What cannot be written as JSON is a fault of this program.
fn row(record: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(record).map_err(|error| Fault::Trouble(error.to_string()))
}
