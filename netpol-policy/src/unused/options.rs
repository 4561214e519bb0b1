//! What is asked of the evidence.

use std::time::Duration;

/// A week: much traffic is there on working days only, or on one day of the week.
pub const MIN_WINDOW: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is asked of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The shortest time of watching from which anything may be concluded.
    pub min_window: Duration,
    /// Lines of the history could not be read, more than the history itself tells of.
    pub is_damaged: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            min_window: MIN_WINDOW,
            is_damaged: false,
        }
    }
}
