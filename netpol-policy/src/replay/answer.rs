//! What policies say of remembered traffic.

use std::sync::Arc;

use super::Why;
use crate::verdict::{Decision, Verdict};

/// What a set of policies says of remembered traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What holds for every connection that it may stand for. Where they differ, a direction is [`Decision::Unknown`].
    pub verdict: Arc<Verdict>,
    /// Why it cannot be told, in order; empty unless the decision is [`Decision::Unknown`].
    pub unknown: Vec<Why>,
}

impl Answer {
    /// Allowed, denied, or not to be told.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.verdict.decision()
    }
}
