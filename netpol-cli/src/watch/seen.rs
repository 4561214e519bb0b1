//! What of each flow was shown already.

use std::collections::{HashMap, VecDeque};

use crate::line::Verdict;

/// Flows that are remembered, so that mere counts are not printed again.
const REMEMBERED: usize = 100_000;

/// What was last shown of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) revision: u64,
    pub(super) verdict: Verdict,
    pub(super) blocked: bool,
}

/// The last of each of the latest flows.
#[derive(Default)]
pub(super) struct Seen {
    flows: HashMap<String, Shown>,
    order: VecDeque<String>,
}

impl Seen {
    /// Returns what was remembered before.
    pub(super) fn remember(&mut self, id: &str, shown: Shown) -> Option<Shown> {
        if let Some(known) = self.flows.get_mut(id) {
            return Some(std::mem::replace(known, shown));
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.flows.remove(&oldest);
        }
        self.order.push_back(id.to_owned());
        self.flows.insert(id.to_owned(), shown);
        None
    }

    /// Whether this revision, or a later one, was shown.
    pub(super) fn has(&self, id: &str, revision: u64) -> bool {
        self.flows
            .get(id)
            .is_some_and(|shown| shown.revision >= revision)
    }
}
