//! Follows a directory of manifests: by notification, and by looking again now and then, since notifications get lost
//! (full queues, network file systems). The one writer of the inventory.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::files::Files;
use super::report::{Problem, Report};
use super::snapshot::Snapshot;
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
    /// Kinds that were logged as not evaluated or left out.
    told: BTreeSet<String>,
    changed: mpsc::Receiver<()>,
    /// Ends notifications when dropped.
    _notifier: Option<RecommendedWatcher>,
}

impl Watcher {
    /// Reads the directory once, and arranges to be told of changes.
    ///
    /// # Errors
    /// When the directory cannot be read. What its files say is never an error here: see [`Snapshot::report`].
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
            told: BTreeSet::new(),
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

    fn publish(&mut self) {
        let before = self.snapshot.load();
        let report = self.files.report();
        self.log_news(before.report(), &report);
        let next = before.next(self.files.take_changes(), report, SystemTime::now());
        self.metrics.inventory(&next);
        info!(
            generation = next.generation(),
            pods = next.sizes().pods,
            policies = next.sizes().policies.values().sum::<u32>(),
            "inventory in force"
        );
        self.snapshot.store(Arc::new(next));
    }

    /// Logs what was not there before; kinds once for as long as the daemon runs.
    fn log_news(&mut self, before: &Report, now: &Report) {
        let new = |problems: &[Problem], known: &[Problem]| -> Vec<Problem> {
            let known: HashSet<&Problem> = known.iter().collect();
            let new = problems.iter().filter(|problem| !known.contains(problem));
            new.cloned().collect()
        };
        for problem in new(&now.errors, &before.errors) {
            let (file, object, field) = (problem.file.display(), &problem.object, &problem.field);
            warn!(%file, document = problem.document, object, field, "{}", problem.message);
        }
        for problem in new(&now.warnings, &before.warnings) {
            let (file, object, field) = (problem.file.display(), &problem.object, &problem.field);
            info!(%file, document = problem.document, object, field, "worth a look: {}", problem.message);
        }
        for (kind, count) in &now.not_evaluated {
            if self
                .told
                .insert(format!("{} {}", kind.api_version, kind.kind))
            {
                let (api_version, kind) = (&kind.api_version, &kind.kind);
                warn!(
                    api_version,
                    kind, count, "policies that are not evaluated: they may change any answer"
                );
            }
        }
        for kind in &now.ignored {
            if self.told.insert(kind.clone()) {
                info!(
                    kind,
                    "left out: says nothing about which traffic is allowed"
                );
            }
        }
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
