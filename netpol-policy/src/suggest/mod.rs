//! NetworkPolicies for traffic that was seen: no more than it needs, and of the size that a person would write.
//!
//! ```text
//!  population ─► label   which labels name a workload and nothing else
//!  traffic ─► sift       what got through, and rightly so ─────┬─► Kept ─► rule ─┬─ peer   who, by labels or blocks
//!                          └─ why the rest gets no rule        │                 └─ port   folded
//!                                                              ▼                 │
//!                                        Suggestions ◄─ check: replayed ◄─ draft ◄
//! ```
//!
//! Nothing is suggested that would stop what it was made for: [`suggest`] replays all kept traffic first, and tells what becomes
//! of the rest. Once applied, the same is suggested again under the same `names`.

mod bits;
mod block;
mod by_subject;
mod check;
mod compose;
mod draft;
mod evidence;
mod label;
mod names;
mod peer;
mod port;
mod reason;
mod rule;
mod seen;
mod sift;
mod suggestion;
mod surroundings;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use self::block::{Block, BlockLimits};
pub(crate) use self::block::{addresses, group, words as block_words};
pub use self::check::Fate;
pub(crate) use self::check::deniers;
pub use self::compose::{Progress, suggest};
pub use self::evidence::Evidence;
pub(crate) use self::label::Naming;
pub use self::label::WorkloadName;
pub use self::peer::PeerEvidence;
pub(crate) use self::peer::all as peers_of;
pub use self::port::Span;
pub(crate) use self::port::fold;
pub use self::reason::Reason;
pub use self::rule::{RuleKind, SuggestedRule};
pub use self::seen::Seen;
pub(crate) use self::sift::{Kept, Other, Sieve, selector};
pub use self::suggestion::{
    LeftOut, StillDenied, Suggested, SuggestedKind, Suggestions, Undecided, Withheld,
};
pub(crate) use self::surroundings::Surroundings;
use crate::unused::MIN_WINDOW;
use crate::verdict::Direction;

/// What to suggest policies for, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The namespace of the policies.
    pub namespace: Arc<str>,
    /// Its one workload; `None` for all of them.
    pub workload: Option<WorkloadPattern>,
    /// What the policies are to isolate.
    pub directions: Directions,
    /// How far outside addresses may be put together.
    pub limits: BlockLimits,
    /// More peers than these of one namespace in a rule are the whole namespace.
    pub peers: usize,
    /// Keep what policies of that time denied and what got through all the same.
    pub unenforced: bool,
    /// The shortest time of watching that needs no warning.
    pub min_window: Duration,
    /// Lines of the history could not be read, more than the history itself tells of.
    pub is_damaged: bool,
}

/// Peers of one namespace that a person still reads.
pub const PEERS: usize = 16;

impl Options {
    /// For a whole namespace, both directions.
    #[must_use]
    pub fn new(namespace: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            workload: None,
            directions: Directions::BOTH,
            limits: BlockLimits::default(),
            peers: PEERS,
            unenforced: false,
            min_window: MIN_WINDOW,
            is_damaged: false,
        }
    }
}

/// Names a workload of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadPattern {
    /// Its name.
    pub name: String,
    /// Its kind, such as `Deployment`; `None` for any.
    pub kind: Option<String>,
}

impl WorkloadPattern {
    fn matches(&self, name: &WorkloadName) -> bool {
        *name.workload.name == *self.name
            && self
                .kind
                .as_deref()
                .is_none_or(|kind| *name.workload.kind == *kind)
    }
}

/// Which directions policies isolate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directions {
    /// Into pods.
    pub ingress: bool,
    /// Out of pods.
    pub egress: bool,
}

impl Directions {
    /// Both of them.
    pub const BOTH: Self = Self {
        ingress: true,
        egress: true,
    };

    fn each(self) -> impl Iterator<Item = Direction> {
        let ingress = self.ingress.then_some(Direction::Ingress);
        let egress = self.egress.then_some(Direction::Egress);
        ingress.into_iter().chain(egress)
    }
}
