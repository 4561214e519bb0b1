//! How far something long is, for a person who waits.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::text::clean;

/// Nobody needs to be told about less.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two lines.
const PAUSE: Duration = Duration::from_millis(200);

/// Rewrites one line of standard error, if that is a terminal.
pub(crate) struct Reporter {
    started: Instant,
    last: Option<Instant>,
    is_terminal: bool,
}

impl Reporter {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            last: None,
            is_terminal: io::stderr().is_terminal(),
        }
    }

    /// After each step of many. `line` is only asked for when it is shown.
    pub(crate) fn hear(&mut self, line: impl FnOnce() -> String) {
        if !self.is_terminal {
            return;
        }
        let now = Instant::now();
        let is_due = match self.last {
            Some(last) => now - last >= PAUSE,
            None => now - self.started >= PATIENCE,
        };
        if is_due {
            self.last = Some(now);
            // Nowhere to report a failure to report.
            let _ = write!(io::stderr(), "\r\x1b[K{}", clean(&line()));
        }
    }

    /// Clears the line.
    pub(crate) fn finish(&self) {
        if self.last.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
