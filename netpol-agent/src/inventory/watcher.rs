//! Follows a directory of manifests: by notification, and by looking again now and then, since notifications get lost
//! (full queues, network file systems).

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::files::Files;
use super::publisher::Publisher;

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
pub(super) struct Watcher {
    directory: PathBuf,
    files: Files,
    publisher: Publisher,
    changed: mpsc::Receiver<()>,
    /// Ends notifications when dropped.
    _notifier: Option<RecommendedWatcher>,
}

impl Watcher {
    /// Reads the directory once, and arranges to be told of changes.
    ///
    /// # Errors
    /// When the directory cannot be read. What its files say is never an error here: see [`Snapshot::report`].
    pub(super) fn start(directory: PathBuf, publisher: Publisher) -> Result<Self, WatchError> {
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
            publisher,
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
    pub(super) async fn follow(mut self, stop: CancellationToken) {
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

    fn publish(&mut self) {
        let report = self.files.report();
        self.publisher.publish(self.files.take_changes(), report);
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
