//! Rows into what they are of.

use std::sync::Arc;

use netpol_history::manifest::{self, ClusterObject};
use netpol_history::{DecodeError, Decoder};
use netpol_policy::history::{Edge, Interval, PolicyRevision, Present, RuleUse, fingerprint};
use netpol_policy::model::{Node, Service};
use redb::{
    Database, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableError,
    TableHandle as _,
};
use serde_json::from_slice;

use super::super::changes::RevisionKey;
use super::fault::Fault;
use super::groups::{self, Groups};
use super::schema::{
    CLUSTER, EDGES, GROUPS, INTERVALS, POLICIES, POPULATION, Rows, SERVICES, USES,
};
use super::writing::Index;

/// All that a store holds. In the order in which it was first written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Loaded {
    pub(crate) edges: Vec<Edge>,
    pub(crate) uses: Vec<RuleUse>,
    pub(crate) intervals: Vec<Interval>,
    pub(crate) policies: Vec<PolicyRevision>,
    pub(crate) population: Vec<Present>,
    pub(crate) cluster: Vec<Node>,
    pub(crate) services: Vec<Service>,
    /// Policies, nodes and Services that are not among these.
    pub(crate) left_out: LeftOut,
}

/// Reads everything.
///
/// # Errors
/// [`Fault::Unusable`] where a row of traffic is not what this code writes, or two rows are of the same: what is counted by
/// the others could not be relied on.
pub(super) fn load(database: &Database, node: &Arc<str>) -> Result<(Loaded, Index), Fault> {
    let transaction = database.begin_read()?;
    let mut decoder = Decoder::default();
    each(&transaction, GROUPS, |_, row| {
        decoder.group(&from_slice(row)?)?;
        Ok(true)
    })?;
    let mut index = Index {
        groups: Groups::of(decoder.groups()),
        ..Index::default()
    };
    let mut loaded = Loaded::default();
    each(&transaction, EDGES, |number, row| {
        let edge = decoder.edge(node, &from_slice(row)?)?;
        groups::of_edge(&edge.key).for_each(|group| index.groups.refer(group));
        let is_only = index.edges.learn(&edge.key, number);
        loaded.edges.push(edge);
        Ok(is_only)
    })?;
    each(&transaction, POPULATION, |number, row| {
        let present = decoder.present(&from_slice(row)?)?;
        index.groups.refer(&present.group);
        let is_only = index.population.learn(&present.group, number);
        loaded.population.push(present);
        Ok(is_only)
    })?;
    each(&transaction, USES, |number, row| {
        let rule_use = decoder.rule_use(node, &from_slice(row)?)?;
        let is_only = index.uses.learn(&rule_use.key, number);
        loaded.uses.push(rule_use);
        Ok(is_only)
    })?;
    each(&transaction, INTERVALS, |number, row| {
        let interval = decoder.interval(&from_slice(row)?);
        let is_only = index.intervals.learn(&interval.from, number);
        loaded.intervals.push(interval);
        Ok(is_only)
    })?;
    load_objects(&transaction, &mut loaded, &mut index)?;
    // Groups that are named are stored already.
    let known = decoder.groups().map(|(number, _)| number);
    index.groups.remove_unnamed(known);
    Ok((loaded, index))
}

/// Reads what was written as manifests. One that is refused today, though it was accepted then, is left out and told: it is
/// taken in anew from the cluster if it is still there.
fn load_objects(
    transaction: &ReadTransaction,
    loaded: &mut Loaded,
    index: &mut Index,
) -> Result<(), Fault> {
    each(transaction, POLICIES, |number, row| {
        let revision = manifest::policy(&from_slice(row)?);
        let Some(revision) = loaded.left_out.usable(revision) else {
            return Ok(true);
        };
        let key = RevisionKey {
            policy: revision.policy.name(),
            fingerprint: fingerprint(&revision.policy),
            since: revision.since,
        };
        let is_only = index.policies.learn(&key, number);
        loaded.policies.push(revision);
        Ok(is_only)
    })?;
    each(transaction, CLUSTER, |number, row| {
        let object = manifest::object(&from_slice(row)?);
        let Some(ClusterObject::Node(node)) = loaded.left_out.usable(object) else {
            return Ok(true);
        };
        let is_only = index.cluster.learn(&node.name, number);
        loaded.cluster.push(node);
        Ok(is_only)
    })?;
    each(transaction, SERVICES, |number, row| {
        let object = manifest::object(&from_slice(row)?);
        let Some(ClusterObject::Service(service)) = loaded.left_out.usable(object) else {
            return Ok(true);
        };
        let key = (service.namespace.clone(), service.name.clone());
        let is_only = index.services.learn(&key, number);
        loaded.services.push(service);
        Ok(is_only)
    })
}

/// Objects that cannot be read any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// How many.
    pub(crate) count: u64,
    /// Why the first of them cannot be read.
    pub(crate) first: String,
}

impl LeftOut {
    fn usable<T>(&mut self, read: Result<T, DecodeError>) -> Option<T> {
        read.inspect_err(|error| {
            if self.count == 0 {
                self.first = error.to_string();
            }
            self.count += 1;
        })
        .ok()
    }
}

/// Why a row cannot be read.
#[derive(Debug, thiserror::Error)]
enum RowError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Record(#[from] DecodeError),
}

/// Reads each row of a table. `read` says whether it is the only one of its key.
fn each(
    transaction: &ReadTransaction,
    rows: Rows,
    mut read: impl FnMut(u64, &[u8]) -> Result<bool, RowError>,
) -> Result<(), Fault> {
    let table = match transaction.open_table(rows) {
        Ok(table) => table,
        // Nothing of the kind was ever written.
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for row in table.iter()? {
        let (number, row) = row?;
        let number = number.value();
        let wrong = |why: String| Fault::corrupt(format!("row {number} of {}: {why}", rows.name()));
        match read(number, row.value()) {
            Ok(true) => {}
            Ok(false) => return Err(wrong("another row is of the same".to_owned())),
            Err(error) => return Err(wrong(error.to_string())),
        }
    }
    Ok(())
}
