//! What the lines of a history file hold. The store of an agent keeps the same records, as keys and values.
//!
//! Texts are borrowed from the line where they can be. Fields that are zero, empty or false are left out.

mod edge;
mod group;
mod node;
mod objects;
mod rule;
mod text;
mod time;
mod word;

use serde::{Deserialize, Serialize};

pub use self::edge::{DropRecord, EdgeKeyRecord, EdgeRecord, EdgeTotalsRecord, PartyRecord};
pub use self::group::{GroupRecord, NamedPortRecord, PresentRecord};
pub use self::node::{IntervalRecord, LossRecord, MissingRecord, NodeRecord};
pub use self::objects::{ObjectRecord, PolicyRecord};
pub use self::rule::{EntryRecord, UseKeyRecord, UseRecord, UseTotalsRecord};
pub use self::text::{PolicyText, Text};
pub use self::time::Time;
pub use self::word::{PortRecord, ProtocolRecord};

/// One line: an object with one field, whose name says what it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record<'a> {
    /// The first line.
    Header(#[serde(borrow)] Header<'a>),
    /// A node's memory. Intervals, edges and uses after it are its own, up to the next.
    Node(#[serde(borrow)] NodeRecord<'a>),
    /// A time during which it watched.
    Interval(#[serde(borrow)] IntervalRecord<'a>),
    /// Pods that later lines name by number.
    Group(#[serde(borrow)] GroupRecord<'a>),
    /// Connections that the node saw.
    Edge(#[serde(borrow)] EdgeRecord<'a>),
    /// What a part of a policy did on the node.
    Use(#[serde(borrow)] UseRecord<'a>),
    /// A policy, in one of the forms that it had.
    Policy(PolicyRecord),
    /// Pods that exist, or existed lately.
    Present(#[serde(borrow)] PresentRecord<'a>),
    /// A Node or a Service of the cluster.
    Object(ObjectRecord),
    /// A node whose history could not be had.
    Missing(#[serde(borrow)] MissingRecord<'a>),
    /// The last line.
    End(End),
}

impl Record<'_> {
    /// The names of all records.
    pub(crate) const NAMES: [&'static str; 11] = [
        "header", "node", "interval", "group", "edge", "use", "policy", "present", "object",
        "missing", "end",
    ];
}

/// What the file is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header<'a> {
    /// [`crate::FORMAT`].
    #[serde(borrow)]
    pub format: Text<'a>,
    /// Another one is read by other programs only.
    pub major: u32,
    /// A larger one has records and fields that may be passed over.
    pub minor: u32,
    /// When it was written, by the writer's clock.
    pub written_at: Time,
    /// By what, such as `flows 0.1.0`.
    #[serde(borrow)]
    pub written_by: Text<'a>,
}

/// That nothing is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Lines before this one, the header among them.
    pub lines: u64,
}

/// Whether a number is left out.
fn is_zero(number: &u64) -> bool {
    *number == 0
}
