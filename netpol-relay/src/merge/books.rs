//! Where every flow that came in has gone.

/// Counts of one stream. They always balance: [`Books::balance`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Flows that nodes sent.
    pub taken: u64,
    /// Flows that went out.
    pub given: u64,
    /// Flows that went out as part of another: views that were joined, revisions overtaken by the next one, repetitions.
    pub merged: u64,
    /// Flows that did not fit or were too large; each is told as `Lost` of stage RELAY.
    pub lost: u64,
    /// Flows that wait to go out.
    pub waiting: u64,
}

impl Books {
    /// Whether nothing is unaccounted for.
    #[must_use]
    pub fn balance(&self) -> bool {
        self.taken == self.given + self.merged + self.lost + self.waiting
    }
}
