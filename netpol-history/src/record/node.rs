//! Who watched and when, and who could not be asked.

use serde::{Deserialize, Serialize};

use super::{Text, Time};

/// The memory of one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord<'a> {
    /// Name of the node.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Names the store, at random.
    #[serde(borrow)]
    pub store: Text<'a>,
    /// When the store was read, by the node's clock.
    pub read_at: Time,
    /// How the agent reads policies.
    #[serde(borrow)]
    pub dialect: Text<'a>,
}

/// A time during which the node watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntervalRecord<'a> {
    /// When it began.
    pub from: Time,
    /// When it ended, or was last known to go on.
    pub until: Time,
    /// What was lost in it.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<LossRecord<'a>>,
}

/// Something that was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossRecord<'a> {
    /// Where.
    #[serde(borrow)]
    pub stage: Text<'a>,
    /// Why.
    #[serde(borrow)]
    pub reason: Text<'a>,
    /// How many.
    pub count: u64,
}

/// A node whose history could not be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingRecord<'a> {
    /// Its name, or the address of its agent.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Why, in plain words.
    #[serde(borrow)]
    pub reason: Text<'a>,
}
