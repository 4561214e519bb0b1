//! What a comparison rests on: who watched and when, and what was lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::history::{History, Loss, MissingNode, NodeHistory};

/// What a comparison rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// From the first moment to the last that any node watched; `None` where none ever did.
    pub window: Option<(SystemTime, SystemTime)>,
    /// How long each node watched within it, by name.
    pub watched: BTreeMap<Arc<str>, Duration>,
    /// What was lost meanwhile, by stage and reason. An interval that began before the window counts whole.
    pub losses: Vec<Loss>,
    /// Nodes whose history could not be had.
    pub missing: Vec<MissingNode>,
}

impl Evidence {
    /// Of a history, from some moment on.
    #[must_use]
    pub fn of(history: &History, since: Option<SystemTime>) -> Self {
        let mut evidence = Self {
            missing: history.missing.clone(),
            ..Self::default()
        };
        let mut losses = BTreeMap::new();
        for node in &history.nodes {
            evidence.add(node, since, &mut losses);
        }
        let losses = losses.into_iter();
        evidence.losses = losses
            .map(|((stage, reason), count)| Loss {
                stage,
                reason,
                count,
            })
            .collect();
        evidence
    }

    fn add(
        &mut self,
        node: &NodeHistory,
        since: Option<SystemTime>,
        losses: &mut BTreeMap<(Arc<str>, Arc<str>), u64>,
    ) {
        let watched = self.watched.entry(node.name.clone()).or_default();
        for interval in &node.intervals {
            let from = since.map_or(interval.from, |since| since.max(interval.from));
            let Ok(length) = interval.until.duration_since(from) else {
                continue;
            };
            *watched = watched.saturating_add(length);
            let window = self.window.get_or_insert((from, interval.until));
            *window = (window.0.min(from), window.1.max(interval.until));
            for loss in &interval.losses {
                let place = (loss.stage.clone(), loss.reason.clone());
                let count = losses.entry(place).or_default();
                *count = count.saturating_add(loss.count);
            }
        }
    }

    /// How many losses there were, of whatever kind.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let counts = self.losses.iter().map(|loss| loss.count);
        counts.fold(0, u64::saturating_add)
    }

    /// How much of the window was watched, over all nodes that have a history, in percent and rounded down.
    #[must_use]
    pub fn percent(&self) -> u64 {
        let length = self
            .window
            .and_then(|(from, until)| until.duration_since(from).ok());
        let nodes = u128::try_from(self.watched.len()).unwrap_or_default();
        let whole = length.unwrap_or_default().as_nanos() * nodes;
        let watched: u128 = self.watched.values().map(Duration::as_nanos).sum();
        let percent = (watched * 100).checked_div(whole).unwrap_or_default();
        // Intervals of one node that overlap, after its clock went back, are no more than all of it.
        u64::try_from(percent).unwrap_or_default().min(100)
    }
}
