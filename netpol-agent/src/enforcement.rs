//! Whether anything on this node enforces policies at all: without a network plugin that does, policies are mere words, and
//! nobody says so.
//!
//! ```text
//! flow ─► sighting  of a connection that this node had to stop ─► held ─► Watched ─► log, `flows status`, /metrics
//! history of the store, at the start ────────────────────────────────────────┘
//! ```
//!
//! What was let through is held for the grace window: whoever enforces policies may have heard earlier of a change that explains
//! it. Said only where several connections went through that are denied outside of any grace window, and not one was stopped; one
//! that is stopped takes it back.

mod held;
mod sighting;
mod watched;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use netpol_policy::drift::{self, NodeRecord};
use tokio::task;
use tokio::time::sleep;
use tracing::{info, warn};

use self::held::Held;
use self::sighting::Sighting;
use self::watched::{News, Watched};
use crate::flow::Flow;
use crate::history::Reader;
use crate::inventory::Snapshot;
use crate::metrics::Metrics;

/// How often is looked whether the first inventory is there.
const INVENTORY: Duration = Duration::from_millis(200);

/// What was seen of enforcement, for everybody who tells of it.
pub struct Enforcement {
    watched: Mutex<Watched>,
    held: Mutex<Held>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    started: SystemTime,
    metrics: Metrics,
}

impl Enforcement {
    /// Nothing was seen yet. The metrics are the daemon's; `grace` is how long around a change what is let through may be due to
    /// it, and `started` when flows begin to be seen.
    #[must_use]
    pub fn new(
        metrics: Metrics,
        snapshot: Arc<ArcSwap<Snapshot>>,
        grace: Duration,
        started: SystemTime,
    ) -> Self {
        Self {
            watched: Mutex::default(),
            held: Mutex::new(Held::new(grace)),
            snapshot,
            started,
            metrics,
        }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        // Every write below leaves it whole.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // The same.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts from what is remembered of this node, as soon as its store and the inventory are read. What is remembered does not
    /// tell whether there were policies of kinds that are not evaluated, which may say otherwise: where there are, it proves
    /// nothing.
    pub(crate) async fn recall(self: Arc<Self>, reader: Reader, node: String) {
        let Some(history) = reader.read().await else {
            return;
        };
        while self.snapshot.load().generation() == 0 {
            sleep(INVENTORY).await;
        }
        if self.snapshot.load().report().policies_not_evaluated() > 0 {
            return;
        }
        let compared = task::spawn_blocking(move || {
            let mut drift = drift::drift(&history, &drift::Options::default());
            drift.nodes.remove(node.as_str())
        });
        // It does not panic, and there is no other error.
        if let Ok(Some(record)) = compared.await {
            self.remember(&record);
        }
    }

    /// Starts from what this node did before the daemon started.
    pub fn remember(&self, record: &NodeRecord) {
        let news = self.watched().remember(record);
        self.tell(news);
    }

    /// Takes in a revision of a connection.
    pub fn published(&self, flow: &Flow) {
        match Sighting::of(flow, self.started) {
            Some(sighting @ Sighting::LetThrough { .. }) => {
                self.held().add(sighting, Instant::now())
            }
            Some(sighting) => {
                if matches!(sighting, Sighting::Stopped { .. }) {
                    self.held().clear();
                }
                self.take(sighting);
            }
            None => {}
        }
        self.release();
    }

    /// Takes in what was let through and held long enough, but for what a change explains by now.
    fn release(&self) {
        let snapshot = self.snapshot.load();
        let released = self.held().release(&snapshot, Instant::now());
        for sighting in released {
            self.take(sighting);
        }
    }

    fn take(&self, sighting: Sighting) {
        self.metrics.denied(match sighting {
            Sighting::Stopped { .. } => "stopped",
            Sighting::LetThrough { .. } => "let_through",
            Sighting::Unclear => "unclear",
        });
        let news = self.watched().add(sighting);
        self.tell(news);
    }

    /// What is wrong, in one sentence, while this node seems to enforce nothing.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        self.release();
        self.watched().warning()
    }

    fn tell(&self, news: Option<News>) {
        match news {
            Some(News::Nothing(warning)) => {
                self.metrics.enforces_nothing.set(1);
                warn!("{warning}");
            }
            Some(News::Something) => {
                self.metrics.enforces_nothing.set(0);
                info!(
                    "a connection that policies deny was stopped: this node does enforce policies"
                );
            }
            None => {}
        }
    }
}

impl Default for Enforcement {
    /// Nothing is known of anybody, and no change explains anything.
    fn default() -> Self {
        let (metrics, snapshot) = (Metrics::default(), Arc::default());
        Self::new(metrics, snapshot, Duration::ZERO, SystemTime::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests;
