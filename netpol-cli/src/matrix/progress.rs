//! How far a long computation is, for a person who waits.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use netpol_policy::matrix::Progress;

/// Nobody needs to be told about less.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two lines.
const PAUSE: Duration = Duration::from_millis(200);

/// Rewrites one line of standard error, if that is a terminal.
pub(super) struct Reporter {
    started: Instant,
    last: Option<Instant>,
    is_terminal: bool,
}

impl Reporter {
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            last: None,
            is_terminal: io::stderr().is_terminal(),
        }
    }

    pub(super) fn hear(&mut self, progress: Progress) {
        let now = Instant::now();
        let is_due = match self.last {
            Some(last) => now - last >= PAUSE,
            None => now - self.started >= PATIENCE,
        };
        if self.is_terminal && is_due {
            self.last = Some(now);
            let Progress { done, total } = progress;
            // Nowhere to report a failure to report.
            let _ = write!(io::stderr(), "\r{done} of {total} pairs");
        }
    }

    /// Clears the line.
    pub(super) fn finish(&self) {
        if self.last.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
