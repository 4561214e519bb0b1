//! Follows a directory of manifests: by notification, and by looking again now and then, since notifications get lost
//! (full queues, network file systems). The one writer of the inventory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Snapshot;
use super::files::Files;
use crate::metrics::Metrics;

/// Editors and ConfigMap updates make several changes in a row; they are taken together.
const QUIET: Duration = Duration::from_millis(100);
/// How often the directory is looked at without any notification.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Why a directory cannot be followed.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the inventory {}", directory.display())]
pub struct WatchError {
    directory: PathBuf,
    source: std::io::Error,
}

/// Keeps a snapshot up to date with a directory.
pub struct Watcher {
    directory: PathBuf,
    files: Files,
    snapshot: Arc<ArcSwap<Snapshot>>,
    metrics: Metrics,
    changed: mpsc::Receiver<()>,
    /// Ends notifications when dropped.
    _notifier: Option<RecommendedWatcher>,
}

impl Watcher {
    /// Reads the directory once, and arranges to be told of changes.
    ///
    /// # Errors
    /// When the directory cannot be read. What its files say is never an error here: see [`Snapshot::errors`].
    pub fn start(
        directory: PathBuf,
        snapshot: Arc<ArcSwap<Snapshot>>,
        metrics: Metrics,
    ) -> Result<Self, WatchError> {
        let (sender, changed) = mpsc::channel(1);
        let notifier = match notifier(&directory, sender) {
            Ok(notifier) => Some(notifier),
            Err(error) => {
                warn!(%error, "no notification of changes: looking every {LOOK_AGAIN:?}");
                None
            }
        };
        let files = Files::default();
        let mut watcher = Self {
            directory,
            files,
            snapshot,
            metrics,
            changed,
            _notifier: notifier,
        };
        match watcher.files.refresh(&watcher.directory) {
            Ok(_) => watcher.publish(),
            Err(source) => {
                return Err(WatchError {
                    directory: watcher.directory,
                    source,
                });
            }
        }
        Ok(watcher)
    }

    /// Follows changes until told to stop.
    pub async fn follow(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(()) = self.changed.recv() => {
                    sleep(QUIET).await;
                    // What was told meanwhile is covered by the look that follows.
                    while self.changed.try_recv().is_ok() {}
                }
                () = sleep(LOOK_AGAIN) => {}
            }
            match self.files.refresh(&self.directory) {
                Ok(true) => self.publish(),
                Ok(false) => {}
                Err(error) => {
                    if self.files.keep(&self.directory, &error) {
                        self.publish();
                    }
                }
            }
        }
    }

    fn publish(&self) {
        let objects = self.files.objects().cloned().collect();
        let errors: Vec<_> = self.files.errors().cloned().collect();
        for error in &errors {
            let file = error.file.display();
            let (object, field) = (&error.object, &error.field);
            warn!(%file, document = error.document, object, field, "{}", error.message);
        }
        self.metrics
            .inventory_errors
            .set(i64::try_from(errors.len()).unwrap_or(i64::MAX));
        let next = self
            .snapshot
            .load()
            .next(objects, errors, SystemTime::now());
        let generation = next.generation();
        self.metrics
            .inventory_generation
            .set(i64::try_from(generation).unwrap_or(i64::MAX));
        let sizes = next.sizes();
        info!(
            generation,
            pods = sizes.pods,
            policies = sizes.network_policies,
            "inventory in force"
        );
        self.snapshot.store(Arc::new(next));
    }
}

fn notifier(directory: &Path, changed: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let mut notifier = notify::recommended_watcher(move |_| {
        // One pending notice is enough: whoever takes it looks at everything.
        let _ = changed.try_send(());
    })?;
    notifier.watch(directory, RecursiveMode::Recursive)?;
    Ok(notifier)
}
