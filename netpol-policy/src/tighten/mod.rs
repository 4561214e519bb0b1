//! Rules that permit far more than was used, narrowed to what was.
//!
//! ```text
//!  policies in force, traffic ─► uses   what each peer and port of each rule let through
//!                                 └─► narrow ─┬─ peers  blocks, namespaces, everyone
//!                                             └─ ports  all, or a range ─► Proposal, replayed
//! ```
//!
//! A part of a rule that let nothing through stays as it is: `unused` tells of those. Nothing is ever widened: each new part
//! lies within the one it stands for, whoever exists.

mod finding;
mod narrow;
mod peers;
mod ports;
mod proposal;
#[cfg(test)]
mod tests;
mod uses;

use std::sync::Arc;
use std::time::Duration;

pub use self::finding::{Finding, Place, Unseen};
pub use self::proposal::{Progress, Proposal, Tightening, Withheld, tighten};
use crate::suggest::BlockLimits;
use crate::unused::MIN_WINDOW;

/// What to look at, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// NetworkPolicies of these namespaces; of all where there are none.
    pub namespaces: Vec<Arc<str>>,
    /// How far addresses may be put together.
    pub limits: BlockLimits,
    /// The shortest time of watching from which anything may be concluded.
    pub min_window: Duration,
    /// Lines of the history could not be read, more than the history itself tells of.
    pub is_damaged: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            namespaces: Vec::new(),
            limits: BlockLimits::default(),
            min_window: MIN_WINDOW,
            is_damaged: false,
        }
    }
}

impl Options {
    fn has_namespace(&self, name: &Arc<str>) -> bool {
        self.namespaces.is_empty() || self.namespaces.contains(name)
    }
}
