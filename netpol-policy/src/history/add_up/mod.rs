//! Histories of several nodes, and several readings of one node, into one.
//!
//! ```text
//!   histories ─► readings ──► of each store one, none twice ─► concatenate ─► History
//!                   └─ policies, population, cluster, services: what is known of all nodes alike, from all of them
//! ```

mod policies;
mod population;
mod readings;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use self::readings::Readings;
use super::{History, MissingNode};

/// Adds histories up, whatever their order, and counts nothing twice.
///
/// Two readings of one store are of the same traffic, and the later one counts. Different stores of one node are of
/// different times and both count: then a key may stand twice, once from each. A history that holds several stores of one
/// node cannot be told apart again: where a later reading has one of them, nothing of that node is taken from it. A node that
/// is missing in one and there in another is not missing; what is missing without a name is not, once all that was damaged
/// has been read again as a whole.
#[must_use]
pub fn add_up(histories: Vec<History>) -> History {
    let mut sum = History::default();
    for part in latest(histories) {
        sum.nodes.extend(part.nodes);
        sum.missing.extend(part.missing);
        sum.edges.extend(part.edges);
        sum.uses.extend(part.uses);
        sum.policies.extend(part.policies);
        sum.population.extend(part.population);
        sum.cluster.extend(part.cluster);
        sum.services.extend(part.services);
    }
    sum.nodes
        .sort_by_cached_key(|node| (node.name.clone(), node.read_at, node.store.clone()));
    sum
}

/// The latest reading of each store. What is known of the cluster as a whole is put together from all histories, and stands
/// with the latest.
#[must_use]
pub fn latest(mut histories: Vec<History>) -> Vec<History> {
    // Whatever their order, what is kept and what comes first is the same.
    histories.sort_by_cached_key(readings::identity);
    let readings = Readings::of(&histories);
    let newest = |has: fn(&History) -> bool| {
        let with = histories.iter().enumerate();
        let with = with.filter(|(_, history)| has(history));
        with.max_by_key(|(index, history)| (readings.is_kept(*index), read_at(history)))
            .map(|(_, history)| history)
    };
    let cluster = newest(|history| !history.cluster.is_empty());
    let services = newest(|history| !history.services.is_empty());
    let shared = History {
        missing: missing(&histories, &readings),
        policies: policies::merge(&histories, &readings),
        population: population::merge(&histories, &readings),
        cluster: cluster.map_or_else(Vec::new, |history| history.cluster.clone()),
        services: services.map_or_else(Vec::new, |history| history.services.clone()),
        ..History::default()
    };
    let parts = histories.into_iter().enumerate();
    let parts = parts.filter_map(|(index, history)| part(history, readings.nodes(index)?));
    with_the_latest(parts.collect(), shared)
}

/// Puts what is known of the cluster as a whole to the reading that is the latest.
#[must_use]
pub fn with_the_latest(mut parts: Vec<History>, shared: History) -> Vec<History> {
    match parts.iter_mut().max_by_key(|part| read_at(part)) {
        Some(latest) => {
            latest.missing = shared.missing;
            latest.policies = shared.policies;
            latest.population = shared.population;
            latest.cluster = shared.cluster;
            latest.services = shared.services;
        }
        None => parts.push(shared),
    }
    parts
}

/// When a history was read last; what it says of the cluster is of that time.
fn read_at(history: &History) -> Option<SystemTime> {
    history.nodes.iter().map(|node| node.read_at).max()
}

/// What a history holds of these nodes.
fn part(history: History, nodes: &BTreeSet<Arc<str>>) -> Option<History> {
    let mut part = History {
        nodes: history.nodes,
        edges: history.edges,
        uses: history.uses,
        ..History::default()
    };
    if part.nodes.iter().any(|node| !nodes.contains(&node.name)) {
        part.nodes.retain(|node| nodes.contains(&node.name));
        part.edges.retain(|edge| nodes.contains(&edge.key.node));
        part.uses.retain(|one| nodes.contains(&one.key.node));
    }
    (!part.nodes.is_empty()).then_some(part)
}

/// Nodes that are missing everywhere, once each.
fn missing(histories: &[History], readings: &Readings) -> Vec<MissingNode> {
    let present: BTreeSet<&str> = histories
        .iter()
        .flat_map(|history| &history.nodes)
        .map(|node| &*node.name)
        .collect();
    let is_made_good = readings.replace_what_is_damaged(histories);
    let mut missing: Vec<MissingNode> = histories
        .iter()
        .flat_map(|history| &history.missing)
        .filter(|node| !present.contains(node.name.as_str()))
        .filter(|node| !(is_made_good && node.name.is_empty()))
        .cloned()
        .collect();
    missing.sort_unstable();
    // Several nodes without a name are told apart by their reasons.
    missing.dedup_by(|one, other| {
        one.name == other.name && (!one.name.is_empty() || one.reason == other.reason)
    });
    missing
}
