//! Under what each connection was counted, so that a later revision of it moves its count and adds none.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use netpol_policy::history::RuleKey;

use super::edges::Place;
use crate::flow::FlowId;

/// How a connection was counted.
#[derive(Debug)]
pub(super) struct Counted {
    /// A hash of all that decides where it counts.
    pub(super) said: u64,
    pub(super) place: Arc<Place>,
    /// Parts of policies that bore on it; whether each did alone.
    pub(super) uses: Box<[(Arc<RuleKey>, bool)]>,
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Its opening was seen.
    pub(super) is_opened: bool,
    pub(super) is_forwarded: bool,
    pub(super) is_after_change: bool,
}

/// Connections that were counted, by number; those that nothing was heard of for the longest time are forgotten first.
pub(super) struct Connections {
    /// Those heard of lately; half of the bound.
    recent: HashMap<FlowId, Counted, RandomState>,
    /// Those heard of before.
    earlier: HashMap<FlowId, Counted, RandomState>,
    most: usize,
    /// The highest number that was forgotten.
    forgotten: Option<FlowId>,
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) enum Known {
    /// It was counted so.
    Counted(Counted),
    /// Nothing: it has not been counted.
    New,
    /// Nothing any more: it may have been counted.
    Perhaps,
}

impl Connections {
    /// None yet, and at most so many at once.
    pub(super) fn new(most: usize) -> Self {
        Self {
            recent: HashMap::default(),
            earlier: HashMap::default(),
            most,
            forgotten: None,
        }
    }

    /// Takes out how a connection was counted.
    pub(super) fn take(&mut self, id: FlowId) -> Known {
        let counted = self.recent.remove(&id);
        match counted.or_else(|| self.earlier.remove(&id)) {
            Some(counted) => Known::Counted(counted),
            None if self.forgotten.is_some_and(|forgotten| id <= forgotten) => Known::Perhaps,
            None => Known::New,
        }
    }

    /// Remembers how a connection was counted.
    pub(super) fn put(&mut self, id: FlowId, counted: Counted) {
        self.recent.insert(id, counted);
        if self.recent.len() > self.most / 2 {
            let forgotten = std::mem::replace(&mut self.earlier, std::mem::take(&mut self.recent));
            self.forgotten = self.forgotten.max(forgotten.into_keys().max());
        }
    }
}
