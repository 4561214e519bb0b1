//! How well each export works: written by exports, read by `GetStatus`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::{info, warn};

use crate::flow::{Lost, Stage};
use crate::metrics::Metrics;
use crate::status::Status;

/// One export, and what becomes of what it is given.
pub struct Export {
    name: &'static str,
    target: String,
    metrics: Metrics,
    status: Arc<Status>,
    state: Mutex<State>,
}

/// What can be told of an export.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Lines or Events written since the start.
    pub written: u64,
    /// What keeps it from taking more, in plain words, and since when.
    pub trouble: Option<(String, SystemTime)>,
}

impl Export {
    /// An export that has written nothing. `name` is also its label in metrics.
    pub(crate) fn new(
        name: &'static str,
        target: String,
        metrics: Metrics,
        status: Arc<Status>,
    ) -> Self {
        metrics.export_works(name, true);
        Self {
            name,
            target,
            metrics,
            status,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every write below leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its name, the same in flags, metrics and status.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it writes to.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.lock().clone()
    }

    /// Notes that one line or Event was taken.
    pub(crate) fn wrote(&self) {
        self.metrics.exported(self.name);
        let mut state = self.lock();
        state.written += 1;
        if state.trouble.take().is_some() {
            self.metrics.export_works(self.name, true);
            info!(export = self.name, target = %self.target, "written to again");
        }
    }

    /// Notes what keeps it from taking more, and logs it where it is news; counted each time.
    pub(crate) fn failed(&self, why: String) {
        self.metrics.export_failed(self.name);
        let mut state = self.lock();
        let since = match &state.trouble {
            Some((known, _)) if *known == why => return,
            Some((_, since)) => *since,
            None => SystemTime::now(),
        };
        warn!(export = self.name, target = %self.target, "cannot be written to: {why}");
        self.metrics.export_works(self.name, false);
        state.trouble = Some((why, since));
    }

    /// Counts what it could not take.
    pub(crate) fn lost(&self, reason: &'static str, count: u64) -> Lost {
        let lost = Lost {
            stage: Stage::Subscriber,
            reason,
            count,
            time: SystemTime::now(),
        };
        self.metrics.lost(lost.stage, reason, count);
        self.status.add_lost(&lost);
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_stands_until_something_is_written_and_keeps_its_beginning() {
        let export = Export::new("log", "/l".into(), Metrics::default(), Arc::default());
        export.failed("disk full".into());
        let (_, since) = export.state().trouble.unwrap();
        export.failed("read-only file system".into());
        let state = export.state();
        assert_eq!(
            state.trouble,
            Some(("read-only file system".to_owned(), since))
        );
        export.wrote();
        let state = export.state();
        assert_eq!((state.written, state.trouble), (1, None));
    }
}
