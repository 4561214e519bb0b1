//! What two sets of policies permit differently, whether there was such traffic or not: traffic that was not seen shows
//! no opening.
//!
//! ```text
//!   History ─► population ─► Inventory ─┬─ + policies before ─┐
//!                                       ├─ + policies after ──┼─► compare ─► fold ─► Difference
//!                                       └─ + both ─► sides    ┘     who is told apart by any of them
//! ```
//!
//! Only pairs are compared of which one end is selected by a policy that differs: all others are told the same. Pods that no
//! policy of either set tells apart are compared once.

mod changed;
mod compare;
mod example;
mod fold;
mod population;
mod sides;
#[cfg(test)]
mod tests;

pub use self::compare::{Limits, Progress, difference};
pub use self::example::Example;
pub use self::population::population;

use crate::matrix::{Omitted, Party, PortSet};
use crate::verdict::Caveat;

/// How two sets of policies differ in what they permit.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Who is told something else, by namespace and name of the sources, the outside world last.
    pub changes: Vec<Change>,
    /// Workloads, pods on their own and parts of the outside world.
    pub parties: usize,
    /// Pairs of those that were compared, each standing for all that are alike.
    pub compared: usize,
    /// Why not everything was compared; `None` where it was.
    pub cut: Option<Cut>,
    /// What takes no part. hostNetwork pods are their node to policies (rule 21): what nodes may reach is not compared.
    pub omitted: Omitted,
}

/// Pairs of parties that are all told the same other thing: each source to each destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Sources; never empty.
    pub from: Vec<Party>,
    /// Destinations; never empty.
    pub to: Vec<Party>,
    /// Permitted after, and denied before.
    pub opened: PortSet,
    /// Denied after, and permitted before.
    pub closed: PortSet,
    /// Decided otherwise, where one of the two answers is not decidable; [`Self::caveats`] says why.
    pub unclear: PortSet,
    /// What to know before relying on this, in order.
    pub caveats: Vec<Caveat>,
    /// A connection that is opened; `None` where none is.
    pub opening: Option<Box<Example>>,
    /// A connection that is closed; `None` where none is.
    pub closing: Option<Box<Example>>,
}

/// Not all pairs were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Pairs that were to be compared.
    pub pairs: usize,
    /// The limit that was reached, in pairs.
    pub limit: usize,
}

impl Difference {
    /// Whether something is permitted that was not.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.changes.iter().any(|change| !change.opened.is_empty())
    }
}

/// In words, such as `compared 1000000 of 1200000 pairs: that is the limit`.
impl std::fmt::Display for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { pairs, limit } = self;
        write!(out, "compared {limit} of {pairs} pairs: that is the limit")
    }
}
