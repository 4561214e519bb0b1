//! What became of files that could not be used: told in the log when it happens, and in the status for as long as the agent
//! runs, since less is remembered than somebody may think.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::warn;

/// So many are told; the oldest is left out when there is another.
const MOST: usize = 3;

/// Told by the store, for the status.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices(Arc<Mutex<VecDeque<String>>>);

impl Notices {
    /// All of them, in the order in which they came.
    pub(crate) fn all(&self) -> Vec<String> {
        self.held().iter().cloned().collect()
    }

    pub(super) fn add(&self, notice: String) {
        warn!("{notice}");
        let mut held = self.held();
        if held.len() == MOST {
            held.pop_front();
        }
        held.push_back(notice);
    }

    fn held(&self) -> MutexGuard<'_, VecDeque<String>> {
        // Every write leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
