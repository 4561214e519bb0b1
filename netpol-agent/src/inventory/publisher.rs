//! Puts inventories in force, one after the other: what every source of them shares.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use tracing::{debug, info, warn};

use super::change::Change;
use super::report::{Problem, Report};
use super::snapshot::Snapshot;
use crate::metrics::Metrics;

/// Writes the snapshot that everybody reads. There is one, and one source that feeds it.
pub(super) struct Publisher {
    snapshot: Arc<ArcSwap<Snapshot>>,
    metrics: Metrics,
    /// Kinds that were logged as not evaluated or left out.
    told: BTreeSet<String>,
}

impl Publisher {
    pub(super) fn new(snapshot: Arc<ArcSwap<Snapshot>>, metrics: Metrics) -> Self {
        Self {
            snapshot,
            metrics,
            told: BTreeSet::new(),
        }
    }

    /// What is in force.
    pub(super) fn in_force(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Puts in force what follows from these changes, and logs what is new in the report.
    pub(super) fn publish(&mut self, changes: Vec<Change>, report: Report) {
        let before = self.snapshot.load();
        self.log_news(before.report(), &report);
        let count = changes.len();
        let next = before.next(changes, report, SystemTime::now());
        self.metrics.inventory(&next);
        let (generation, pods) = (next.generation(), next.sizes().pods);
        let policies = next.sizes().policies.values().sum::<u32>();
        if generation == 1 {
            info!(generation, pods, policies, "inventory in force");
        } else {
            debug!(
                generation,
                pods,
                policies,
                changes = count,
                "inventory in force"
            );
        }
        self.snapshot.store(Arc::new(next));
    }

    /// Logs what was not there before; kinds once for as long as the daemon runs.
    fn log_news(&mut self, before: &Report, now: &Report) {
        for problem in new(&now.errors, &before.errors) {
            let (file, object, field) = (file(problem), &problem.object, &problem.field);
            let document = problem.document;
            warn!(file, document, object, field, "{}", problem.message);
        }
        for problem in new(&now.warnings, &before.warnings) {
            let (file, object, field) = (file(problem), &problem.object, &problem.field);
            let document = problem.document;
            info!(
                file,
                document, object, field, "worth a look: {}", problem.message
            );
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

/// The problems that are not among those known.
fn new<'a>(problems: &'a [Problem], known: &[Problem]) -> impl Iterator<Item = &'a Problem> {
    let known: HashSet<&Problem> = known.iter().collect();
    let new = problems.iter().filter(|problem| !known.contains(problem));
    new.collect::<Vec<_>>().into_iter()
}

/// Where a problem stands, if that is in a file.
fn file(problem: &Problem) -> Option<String> {
    let file = problem.file.as_ref()?;
    Some(file.display().to_string())
}
