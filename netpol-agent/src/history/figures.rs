//! How much is remembered: written by who remembers, read by `GetStatus`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Figures that are shared.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared(Arc<Mutex<Figures>>);

/// How much is remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Kinds of connections.
    pub edges: usize,
    /// So many at most.
    pub most_edges: usize,
    /// Parts of policies whose use is remembered.
    pub uses: usize,
    /// When the first interval began; `None` before the first inventory.
    pub since: Option<SystemTime>,
    /// When all of it was last written.
    pub written: Option<SystemTime>,
}

impl Shared {
    /// The figures, to be read or changed.
    pub(super) fn lock(&self) -> MutexGuard<'_, Figures> {
        // Every write leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
