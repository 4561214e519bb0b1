//! Which reading of which store counts, and who knows best what the cluster is like now.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use foldhash::fast::RandomState;

use super::read_at;
use crate::history::{History, Loss, MissingNode, NodeHistory};

/// Readings no further apart than this are of the same moment: nodes are asked at once, answer one after the other, and have
/// clocks of their own.
const TOGETHER: Duration = Duration::from_secs(300);

/// Tells histories apart: readings of the same stores at the same moments are one and the same, and of these the one that
/// holds most comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    /// Name of the node and of its store, and when it was read; in order.
    readings: Vec<(Arc<str>, Arc<str>, SystemTime)>,
    /// A damaged copy has more losses.
    losses: usize,
    held: Reverse<usize>,
    missing: Vec<MissingNode>,
}

pub(super) fn identity(history: &History) -> Identity {
    let nodes = history.nodes.iter();
    let mut readings: Vec<_> = nodes
        .map(|node| (node.name.clone(), node.store.clone(), node.read_at))
        .collect();
    readings.sort();
    let intervals = history.nodes.iter().flat_map(|node| &node.intervals);
    Identity {
        readings,
        losses: intervals.map(|interval| interval.losses.len()).sum(),
        held: Reverse(history.edges.len() + history.uses.len()),
        missing: history.missing.clone(),
    }
}

/// What several histories are readings of. They are named by their place.
pub(super) struct Readings {
    /// The nodes of which the reading in it counts.
    kept: BTreeMap<usize, BTreeSet<Arc<str>>>,
    /// Those that know what the cluster is like now.
    current: BTreeSet<usize>,
    /// When the latest of these was read.
    now: Option<SystemTime>,
}

/// What one history holds of one node.
struct Reading {
    history: usize,
    node: Arc<str>,
    stores: BTreeSet<Arc<str>>,
    /// When it was read, or the latest that was seen, where the clock was set back in between. Of one store this never goes
    /// back, unless something is forgotten.
    reaches: SystemTime,
    read_at: SystemTime,
}

impl Readings {
    pub(super) fn of(histories: &[History]) -> Self {
        let kept = kept(histories);
        let knows = |(index, history): (usize, &History)| {
            let tells = !(history.policies.is_empty()
                && history.population.is_empty()
                && history.cluster.is_empty());
            // Something without a name is missing from it: perhaps a policy.
            let is_whole = history.missing.iter().all(|node| !node.name.is_empty());
            let is_kept = kept.contains_key(&index) || history.nodes.is_empty();
            (tells && is_whole && is_kept).then(|| (index, read_at(history)))
        };
        let knowing: Vec<_> = histories.iter().enumerate().filter_map(knows).collect();
        let now = knowing.iter().filter_map(|(_, read_at)| *read_at).max();
        let since = now.and_then(|now| now.checked_sub(TOGETHER));
        let current = knowing.into_iter();
        let current = current.filter(|(_, read_at)| *read_at >= since);
        Self {
            current: current.map(|(index, _)| index).collect(),
            kept,
            now,
        }
    }

    /// The nodes of which the reading in this history counts.
    pub(super) fn nodes(&self, history: usize) -> Option<&BTreeSet<Arc<str>>> {
        self.kept.get(&history)
    }

    pub(super) fn is_kept(&self, history: usize) -> bool {
        self.kept.contains_key(&history)
    }

    /// Whether a history knows what the cluster is like now. Of what the others say nobody knows whether it is still so.
    pub(super) fn is_current(&self, history: usize) -> bool {
        self.current.is_empty() || self.current.contains(&history)
    }

    /// Whether something was damaged and nothing of it counts any more: each such reading is replaced by a whole one, and a
    /// history from which nothing is missing, no earlier than they are, knows which nodes there are.
    pub(super) fn replace_what_is_damaged(&self, histories: &[History]) -> bool {
        let nodes = histories.iter().enumerate().flat_map(|(index, history)| {
            let nodes = history.nodes.iter();
            nodes.map(move |node| (index, node))
        });
        let is_damaged = |node: &NodeHistory| {
            let mut losses = node.intervals.iter().flat_map(|one| &one.losses);
            losses.any(Loss::is_unreadable_line)
        };
        let damaged: Vec<_> = nodes.filter(|(_, node)| is_damaged(node)).collect();
        let counts = |(index, node): &(usize, &NodeHistory)| {
            let counted = self.nodes(*index);
            counted.is_some_and(|names| names.contains(&node.name))
        };
        let mut current = self.current.iter().map(|index| &histories[*index]);
        !damaged.is_empty()
            && !damaged.iter().any(counts)
            && damaged
                .iter()
                .all(|(_, node)| Some(node.read_at) <= self.now)
            && current.any(|history| !history.cluster.is_empty())
    }

    /// When the latest history was read that knows what the cluster is like.
    pub(super) fn now(&self) -> Option<SystemTime> {
        self.now
    }
}

/// By history, the nodes whose reading in it counts.
fn kept(histories: &[History]) -> BTreeMap<usize, BTreeSet<Arc<str>>> {
    let mut readings: Vec<Reading> = histories.iter().enumerate().flat_map(readings).collect();
    // The latest first, and of those the one with the most; then in order of histories, as sorted.
    readings.sort_by_key(|reading| {
        let rank = (reading.reaches, reading.read_at, reading.stores.len());
        (Reverse(rank), reading.history)
    });
    let mut counted: BTreeSet<(Arc<str>, Arc<str>)> = BTreeSet::new();
    let mut known: BTreeSet<Arc<str>> = BTreeSet::new();
    let mut kept: BTreeMap<usize, BTreeSet<Arc<str>>> = BTreeMap::new();
    for reading in readings {
        let is_counted = |store: &Arc<str>| {
            // Without a name it may have become part of any store that was opened later.
            counted.contains(&(reading.node.clone(), store.clone()))
                || store.is_empty() && known.contains(&reading.node)
        };
        if reading.stores.iter().any(is_counted) {
            continue;
        }
        let stores = reading.stores.iter();
        counted.extend(stores.map(|store| (reading.node.clone(), store.clone())));
        known.insert(reading.node.clone());
        kept.entry(reading.history)
            .or_default()
            .insert(reading.node);
    }
    kept
}

/// Of one history, by node.
fn readings((index, history): (usize, &History)) -> Vec<Reading> {
    let mut seen: HashMap<&str, SystemTime, RandomState> = HashMap::default();
    for edge in &history.edges {
        let last_seen = edge.totals.last_seen;
        let latest = seen.entry(&edge.key.node).or_insert(last_seen);
        *latest = last_seen.max(*latest);
    }
    let mut readings: BTreeMap<&str, Reading> = BTreeMap::new();
    for node in &history.nodes {
        let seen = seen.get(&*node.name).copied();
        let reading = readings.entry(&node.name).or_insert_with(|| Reading {
            history: index,
            node: node.name.clone(),
            stores: BTreeSet::new(),
            reaches: seen.unwrap_or(node.read_at),
            read_at: node.read_at,
        });
        reading.stores.insert(node.store.clone());
        reading.read_at = reading.read_at.max(node.read_at);
        reading.reaches = reading.reaches.max(node.read_at);
    }
    readings.into_values().collect()
}
