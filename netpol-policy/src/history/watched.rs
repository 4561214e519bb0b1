//! When a node really watched, and what it lost.

use std::sync::Arc;
use std::time::SystemTime;

/// What one node's memory is, and how much it can be relied on.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeHistory {
    /// Name of the node.
    pub name: Arc<str>,
    /// Names the store on the node, at random: another one when the store was begun anew. Two exports of one store are of the
    /// same traffic, and the later one counts.
    pub store: Arc<str>,
    /// When this was read from the store, by the node's clock.
    pub read_at: SystemTime,
    /// When it watched, in order of time. What is not here was not watched.
    pub intervals: Vec<Interval>,
    /// How the agent reads policies, such as `specification`.
    pub dialect: Arc<str>,
}

/// A time during which an agent watched its node's pod interfaces. Changes of the node's clock end one and begin another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// When it began.
    pub from: SystemTime,
    /// When it ended; the last moment that is known of where it was not ended in good order.
    pub until: SystemTime,
    /// What was lost in it.
    pub losses: Vec<Loss>,
}

/// Something that was lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Loss {
    /// Where: `kernel`, `pipeline`, `history`.
    pub stage: Arc<str>,
    /// Bounded vocabulary, such as `ring_full`.
    pub reason: Arc<str>,
    /// How many.
    pub count: u64,
}

impl Loss {
    /// Stage and reason of what a file had to tell in lines that cannot be read.
    pub const UNREADABLE_LINE: (&'static str, &'static str) = ("history", "unreadable_line");

    /// Whether it is [`Self::UNREADABLE_LINE`].
    #[must_use]
    pub fn is_unreadable_line(&self) -> bool {
        (&*self.stage, &*self.reason) == Self::UNREADABLE_LINE
    }
}
