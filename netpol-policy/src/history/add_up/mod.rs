//! Histories of several nodes, and several readings of one node, into one.
//!
//! ```text
//!   histories ─► latest ──► one for each store, none twice ─► concatenate ─► History
//!                  └─ policies, population, cluster, services: what is known of all nodes alike, from all of them
//! ```

mod policies;
mod population;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;

use super::edge::{Edge, EdgeKey};
use super::rule::{RuleKey, RuleUse};
use super::{History, MissingNode};

/// Adds histories up, whatever their order, and counts nothing twice.
///
/// Two readings of one store are of the same traffic, and the later one counts. Different stores of one node are of
/// different times and both count. A history that holds several stores of one node cannot be told apart again: where a
/// later reading has one of them, nothing of that node is taken from it. A node that is missing in one and there in
/// another is not missing.
#[must_use]
pub fn add_up(histories: Vec<History>) -> History {
    let mut parts = latest(histories).into_iter();
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        sum.nodes.extend(part.nodes);
        sum.edges.extend(part.edges);
        sum.uses.extend(part.uses);
        sum.missing.extend(part.missing);
    }
    sum.nodes
        .sort_by_cached_key(|node| (node.name.clone(), node.read_at, node.store.clone()));
    let mut names = BTreeSet::new();
    let nodes = sum.nodes.iter().map(|node| node.name.clone());
    let twice: BTreeSet<Arc<str>> = nodes.filter(|name| !names.insert(name.clone())).collect();
    if !twice.is_empty() {
        sum.edges = edges_of_several_stores(sum.edges, &twice);
        sum.uses = uses_of_several_stores(sum.uses, &twice);
    }
    sum
}

/// The latest reading of each store. What is known of the cluster as a whole stands in the first history alone, where all
/// of them were asked for it.
#[must_use]
pub fn latest(mut histories: Vec<History>) -> Vec<History> {
    // Whatever their order, what is kept and what comes first is the same.
    histories.sort_by_cached_key(identity);
    let policies = policies::merge(&histories);
    let population = population::merge(&histories);
    let newest = |has: fn(&History) -> bool| {
        let with = histories.iter().filter(|history| has(history));
        with.max_by_key(|history| read_at(history))
    };
    let cluster = newest(|history| !history.cluster.is_empty());
    let services = newest(|history| !history.services.is_empty());
    let shared = History {
        missing: missing(&histories),
        policies,
        population,
        cluster: cluster.map_or_else(Vec::new, |history| history.cluster.clone()),
        services: services.map_or_else(Vec::new, |history| history.services.clone()),
        ..History::default()
    };
    let kept = readings_that_count(&histories);
    let mut parts: Vec<History> = histories
        .into_iter()
        .enumerate()
        .filter_map(|(index, history)| part(history, kept.get(&index)?))
        .collect();
    match parts.first_mut() {
        Some(first) => {
            first.missing = shared.missing;
            first.policies = shared.policies;
            first.population = shared.population;
            first.cluster = shared.cluster;
            first.services = shared.services;
        }
        None => parts.push(shared),
    }
    parts
}

/// Tells histories apart: readings of the same stores at the same moments are one and the same.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Identity {
    /// Name of the node and of its store, and when it was read; in order.
    readings: Vec<(Arc<str>, Arc<str>, SystemTime)>,
    missing: Vec<MissingNode>,
}

fn identity(history: &History) -> Identity {
    let nodes = history.nodes.iter();
    let mut readings: Vec<_> = nodes
        .map(|node| (node.name.clone(), node.store.clone(), node.read_at))
        .collect();
    readings.sort();
    Identity {
        readings,
        missing: history.missing.clone(),
    }
}

/// When a history was read last; what it says of the cluster is of that time.
fn read_at(history: &History) -> Option<SystemTime> {
    history.nodes.iter().map(|node| node.read_at).max()
}

/// What one history holds of one node.
struct Reading {
    history: usize,
    node: Arc<str>,
    stores: BTreeSet<Arc<str>>,
    read_at: SystemTime,
}

/// By history, the nodes whose reading in it counts.
fn readings_that_count(histories: &[History]) -> BTreeMap<usize, BTreeSet<Arc<str>>> {
    let mut readings: BTreeMap<(Arc<str>, usize), Reading> = BTreeMap::new();
    for (history, node) in histories
        .iter()
        .enumerate()
        .flat_map(|(index, history)| history.nodes.iter().map(move |node| (index, node)))
    {
        let reading = readings
            .entry((node.name.clone(), history))
            .or_insert_with(|| Reading {
                history,
                node: node.name.clone(),
                stores: BTreeSet::new(),
                read_at: node.read_at,
            });
        reading.stores.insert(node.store.clone());
        reading.read_at = reading.read_at.max(node.read_at);
    }
    let mut readings: Vec<Reading> = readings.into_values().collect();
    // The latest first, and of those the one with the most; then in order of histories, as sorted.
    readings.sort_by(|one, other| {
        let rank = |reading: &Reading| (reading.read_at, reading.stores.len());
        rank(other)
            .cmp(&rank(one))
            .then(one.history.cmp(&other.history))
    });
    let mut counted: BTreeSet<(Arc<str>, Arc<str>)> = BTreeSet::new();
    let mut kept: BTreeMap<usize, BTreeSet<Arc<str>>> = BTreeMap::new();
    for reading in readings {
        let stores: Vec<_> = reading
            .stores
            .iter()
            .map(|store| (reading.node.clone(), store.clone()))
            .collect();
        if stores.iter().any(|store| counted.contains(store)) {
            continue;
        }
        counted.extend(stores);
        kept.entry(reading.history)
            .or_default()
            .insert(reading.node);
    }
    kept
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
fn missing(histories: &[History]) -> Vec<MissingNode> {
    let present: BTreeSet<&str> = histories
        .iter()
        .flat_map(|history| &history.nodes)
        .map(|node| &*node.name)
        .collect();
    let mut missing: Vec<MissingNode> = histories
        .iter()
        .flat_map(|history| &history.missing)
        .filter(|node| !present.contains(node.name.as_str()))
        .cloned()
        .collect();
    missing.sort_unstable();
    // Several nodes without a name are told apart by their reasons.
    missing.dedup_by(|one, other| {
        one.name == other.name && (!one.name.is_empty() || one.reason == other.reason)
    });
    missing
}

/// One edge for each key, of nodes of which there are several stores.
fn edges_of_several_stores(edges: Vec<Edge>, nodes: &BTreeSet<Arc<str>>) -> Vec<Edge> {
    let mut places: std::collections::HashMap<EdgeKey, usize, RandomState> =
        std::collections::HashMap::default();
    let mut sums: Vec<Edge> = Vec::with_capacity(edges.len());
    for edge in edges {
        if nodes.contains(&edge.key.node) {
            let place = *places.entry(edge.key.clone()).or_insert(sums.len());
            if let Some(sum) = sums.get_mut(place) {
                sum.totals.add(&edge.totals);
                continue;
            }
        }
        sums.push(edge);
    }
    sums
}

/// One use for each key, of nodes of which there are several stores.
fn uses_of_several_stores(uses: Vec<RuleUse>, nodes: &BTreeSet<Arc<str>>) -> Vec<RuleUse> {
    let mut places: std::collections::HashMap<RuleKey, usize, RandomState> =
        std::collections::HashMap::default();
    let mut sums: Vec<RuleUse> = Vec::with_capacity(uses.len());
    for one in uses {
        if nodes.contains(&one.key.node) {
            let place = *places.entry(one.key.clone()).or_insert(sums.len());
            if let Some(sum) = sums.get_mut(place) {
                sum.totals.add(&one.totals);
                continue;
            }
        }
        sums.push(one);
    }
    sums
}
