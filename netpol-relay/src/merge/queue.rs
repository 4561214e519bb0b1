//! Everything that waits to go out, by its place in the order.

use std::collections::{BTreeMap, VecDeque};

use netpol_api::v1::watch_flows_response::Item;

use super::instant::Nanos;
use crate::join::{ConnectionId, NodeIndex};

/// A place in the order: the time, and what came first where times are the same.
pub(super) type Place = (Nanos, u64);

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) node: NodeIndex,
    pub(super) bytes: usize,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A connection's place: what is told there is decided when it is reached.
    Connection(ConnectionId),
    /// A loss, or the state of a node.
    Notice(Box<Item>),
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<Place, Waiting>,
    /// By arrival; places that are gone are skipped.
    arrivals: VecDeque<(Nanos, Place)>,
    next: u64,
    pub(super) bytes: usize,
}

impl Queue {
    pub(super) fn push(&mut self, order: Nanos, now: Nanos, waiting: Waiting) {
        self.next += 1;
        let place = (order, self.next);
        self.bytes += waiting.bytes;
        self.arrivals.push_back((now, place));
        self.waiting.insert(place, waiting);
    }

    /// Order of the first.
    pub(super) fn first(&self) -> Option<Nanos> {
        self.waiting.first_key_value().map(|((order, _), _)| *order)
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let (_, waiting) = self.waiting.pop_first()?;
        self.bytes -= waiting.bytes;
        Some(waiting)
    }

    /// When the one that has waited longest arrived.
    pub(super) fn oldest_arrival(&mut self) -> Option<Nanos> {
        while let Some((arrived, place)) = self.arrivals.front() {
            if self.waiting.contains_key(place) {
                return Some(*arrived);
            }
            self.arrivals.pop_front();
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
