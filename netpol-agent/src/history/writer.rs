//! Writes to the store, one thing at a time, on a thread that may block. What fails is tried again, later each time.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use netpol_policy::history::History;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::changes::Changes;
use crate::export::Export;

/// How soon what failed is tried again, at first and at last.
const RETRY: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(60)];

/// What remembers beyond the end of the process.
pub(super) trait Journal: Send + 'static {
    /// Opens it, and reads all that it holds.
    ///
    /// # Errors
    /// Why it cannot be opened now, in plain words.
    fn open(&mut self) -> Result<History, String>;

    /// Writes a batch, whole or not at all.
    ///
    /// # Errors
    /// It was not written.
    fn write(&mut self, changes: &Changes) -> Result<(), NotWritten>;
}

/// Why changes were not written, in plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotWritten {
    /// The store is as it was.
    Trouble(String),
    /// There is a new one, which holds nothing.
    BegunAnew(String),
}

/// What came of what was begun last.
pub(super) enum Done {
    /// The store was opened and holds this.
    Opened(Box<History>),
    /// It was not.
    NotOpened,
    /// Changes were written.
    Written,
    /// They were not.
    NotWritten,
    /// They were not, and there is another store now, which holds nothing.
    BegunAnew,
}

/// The journal, given back, and what came of it; with why, where it failed.
type Outcome = (Box<dyn Journal>, Done, Option<String>);

/// The store, and how it goes.
pub(super) struct Writer {
    /// `None` while something is done with it.
    journal: Option<Box<dyn Journal>>,
    under_way: Option<JoinHandle<Outcome>>,
    export: Arc<Export>,
    is_open: bool,
    retry: Option<Instant>,
    wait: Duration,
}

impl Writer {
    pub(super) fn new(journal: Box<dyn Journal>, export: Arc<Export>) -> Self {
        Self {
            journal: Some(journal),
            under_way: None,
            export,
            is_open: false,
            retry: None,
            wait: RETRY[0],
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether it is free, and has waited long enough after a failure.
    pub(super) fn is_due(&self) -> bool {
        self.journal.is_some() && self.retry.is_none_or(|retry| Instant::now() >= retry)
    }

    /// Begins to open the store; nothing where something is under way.
    pub(super) fn open(&mut self) {
        self.begin(|journal| match journal.open() {
            Ok(history) => (Done::Opened(Box::new(history)), None),
            Err(why) => (Done::NotOpened, Some(why)),
        });
    }

    /// Begins to write; nothing where something is under way.
    pub(super) fn write(&mut self, changes: Changes) {
        self.begin(move |journal| match journal.write(&changes) {
            Ok(()) => (Done::Written, None),
            Err(NotWritten::Trouble(why)) => (Done::NotWritten, Some(why)),
            Err(NotWritten::BegunAnew(why)) => (Done::BegunAnew, Some(why)),
        });
    }

    fn begin(
        &mut self,
        work: impl FnOnce(&mut dyn Journal) -> (Done, Option<String>) + Send + 'static,
    ) {
        let Some(mut journal) = self.journal.take() else {
            return;
        };
        self.under_way = Some(spawn_blocking(move || {
            let (done, why) = work(&mut *journal);
            (journal, done, why)
        }));
    }

    /// Waits until what is under way has ended; for ever where nothing is. May be given up and asked again.
    pub(super) async fn done(&mut self) -> Done {
        let Some(under_way) = &mut self.under_way else {
            return pending().await;
        };
        let ended = under_way.await;
        self.under_way = None;
        let (journal, done, why) = match ended {
            Ok(outcome) => outcome,
            Err(error) => {
                // Its thread panicked, and the journal went with it.
                self.export.failed(error.to_string());
                return Done::NotWritten;
            }
        };
        self.journal = Some(journal);
        match why {
            // Nothing stands in the way of writing to it.
            Some(why) if matches!(done, Done::BegunAnew) => self.export.failed(why),
            Some(why) => {
                self.export.failed(why);
                self.retry = Some(Instant::now() + self.wait);
                self.wait = (self.wait * 2).min(RETRY[1]);
            }
            None => {
                (self.retry, self.wait) = (None, RETRY[0]);
            }
        }
        match done {
            Done::Opened(_) => self.is_open = true,
            Done::Written => self.export.wrote(),
            Done::NotOpened | Done::NotWritten | Done::BegunAnew => {}
        }
        done
    }
}
