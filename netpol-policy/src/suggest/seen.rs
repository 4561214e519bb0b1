//! How much of some traffic was seen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use crate::history::Traffic;

/// How much, when and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Connections whose opening was seen.
    pub connections: u64,
    /// Connections seen from their middle on: open already when the agent started.
    pub resumed: u64,
    /// Network-layer bytes of both directions.
    pub bytes: u64,
    /// First packet of the first.
    pub first: SystemTime,
    /// Latest packet.
    pub last: SystemTime,
    /// The nodes that saw them.
    pub nodes: BTreeSet<Arc<str>>,
}

impl Seen {
    /// What was seen of one kind of traffic.
    #[must_use]
    pub fn of(traffic: &Traffic) -> Self {
        let totals = &traffic.totals;
        Self {
            connections: totals.connections,
            resumed: totals.resumed,
            bytes: totals.bytes,
            first: totals.first_seen,
            last: totals.last_seen,
            nodes: traffic.nodes.iter().cloned().collect(),
        }
    }

    /// Of all of these; `None` for none.
    pub(crate) fn sum<'a>(all: impl IntoIterator<Item = &'a Traffic>) -> Option<Self> {
        all.into_iter().map(Self::of).reduce(|mut sum, more| {
            sum.add(more);
            sum
        })
    }

    fn add(&mut self, more: Self) {
        self.connections = self.connections.saturating_add(more.connections);
        self.resumed = self.resumed.saturating_add(more.resumed);
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.first = self.first.min(more.first);
        self.last = self.last.max(more.last);
        self.nodes.extend(more.nodes);
    }
}
