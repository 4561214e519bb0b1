//! How far back memories go. A later reading of a store takes the place of an earlier one; where it holds the last day alone,
//! as an export with `--since` does, all that was before would be lost.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::history::{History, Interval};

/// Agents forget by whole days.
const DAY: Duration = Duration::from_secs(86_400);

/// What readings hold of when their nodes watched.
pub(super) struct Reach {
    readings: Vec<Reading>,
}

struct Reading {
    node: Arc<str>,
    store: Arc<str>,
    read_at: SystemTime,
    intervals: Vec<Interval>,
}

/// A store of which the past would be lost.
pub(super) struct Cut {
    pub(super) node: Arc<str>,
    /// Since when the node watched, as the reading that stays says.
    pub(super) from: SystemTime,
    /// The same, of the reading that would go.
    pub(super) before: SystemTime,
}

impl Reach {
    pub(super) fn of(parts: &[History]) -> Self {
        let nodes = parts.iter().flat_map(|part| &part.nodes);
        let readings = nodes.map(|node| Reading {
            node: node.name.clone(),
            store: node.store.clone(),
            read_at: node.read_at,
            intervals: node.intervals.clone(),
        });
        Self {
            readings: readings.collect(),
        }
    }

    /// The first store, if any, of which less would be left in `kept` than an agent forgets in time.
    pub(super) fn cut_by(&self, kept: &[History]) -> Option<Cut> {
        let nodes = kept.iter().flat_map(|part| &part.nodes);
        let stays: HashMap<(&str, &str), _> = nodes
            .map(|node| ((&*node.name, &*node.store), node))
            .collect();
        self.readings.iter().find_map(|reading| {
            let stays = stays.get(&(&*reading.node, &*reading.store))?;
            let from = stays.intervals.iter().map(|one| one.from).min()?;
            let before = reading.intervals.iter().map(|one| one.from).min()?;
            let elapsed = stays.read_at.duration_since(reading.read_at);
            // What was before this may be forgotten by now.
            let forgotten = before
                .checked_add(elapsed.unwrap_or_default())?
                .checked_add(DAY)?;
            let is_lost = |one: &Interval| one.from.max(forgotten) < one.until.min(from);
            reading.intervals.iter().any(is_lost).then(|| Cut {
                node: reading.node.clone(),
                from,
                before,
            })
        })
    }
}
