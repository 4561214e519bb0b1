//! Logs of flows for machines: lines of JSON, to standard output or to files.
//!
//! ```text
//!           ┌─ blocked ─► blocked_log ──────────────────┐                   ┌─► stdout
//! flow log ─┤                                           ├─ line_log ─► sink ┤
//!           └─ all ─────► allowed_log ─► groups ────────┘   own thread      └─► rotation ─► files
//!                          every interval, allowed_line      retries, losses
//! ```
//!
//! Each is a subscriber like any other: one that is slow loses items of its own, which are counted and told, and holds
//! nobody. How it goes stands in its [`Export`], for `flows status`.

mod allowed_line;
mod allowed_log;
mod blocked_log;
mod groups;
mod line_log;
mod rotation;
mod sink;
mod state;

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::convert::Converter;
use crate::log::{FlowLog, Selection};
use crate::metrics::Metrics;
use crate::status::Status;
use allowed_log::AllowedLog;
use blocked_log::BlockedLog;
use line_log::{Content, LineLog};
use sink::Sink;

pub use rotation::Limits;
pub use sink::Target;
pub use state::{Export, State};

/// Which logs to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Blocked connections.
    pub blocked: Option<Target>,
    /// Traffic that got through.
    pub allowed: Option<Target>,
    /// The time that a line of the allowed-traffic log is about.
    pub interval: Duration,
    /// Of files.
    pub limits: Limits,
}

/// What logs are written from and with.
pub(crate) struct Origin<'a> {
    pub(crate) log: &'a FlowLog,
    pub(crate) converter: &'a Converter,
    pub(crate) metrics: &'a Metrics,
    pub(crate) status: &'a Arc<Status>,
    pub(crate) stop: &'a CancellationToken,
}

/// Logs that are being written.
#[derive(Default)]
pub(crate) struct Running {
    pub(crate) exports: Vec<Arc<Export>>,
    ended: Vec<oneshot::Receiver<()>>,
}

impl Running {
    /// Waits until everything is written, after the stop.
    pub(crate) async fn end(self) {
        for ended in self.ended {
            // An error says that its thread is gone, one way or another.
            let _ = ended.await;
        }
    }
}

/// Starts to write logs.
///
/// # Errors
/// When no thread can be had; a file that cannot be written is no error, but tried again.
pub(crate) fn start(logs: &Logs, origin: &Origin<'_>) -> io::Result<Running> {
    let mut running = Running::default();
    if let Some(target) = &logs.blocked {
        let content = BlockedLog {
            converter: origin.converter.clone(),
        };
        let log = ("blocked-log", content, Selection::Blocked);
        running.add(log, target, logs.limits, origin)?;
    }
    if let Some(target) = &logs.allowed {
        let node = origin.converter.node.clone();
        let content = AllowedLog::new(node, logs.interval, SystemTime::now());
        let log = ("allowed-log", content, Selection::All);
        running.add(log, target, logs.limits, origin)?;
    }
    Ok(running)
}

impl Running {
    /// Adds that Events are posted to the API server of this URL.
    pub(crate) fn add_events(&mut self, server: &str, origin: &Origin<'_>) -> Arc<Export> {
        let (metrics, status) = (origin.metrics.clone(), origin.status.clone());
        let export = Arc::new(Export::new("events", server.to_owned(), metrics, status));
        self.exports.push(export.clone());
        export
    }

    fn add<C: Content>(
        &mut self,
        (name, content, selection): (&'static str, C, Selection),
        target: &Target,
        limits: Limits,
        origin: &Origin<'_>,
    ) -> io::Result<()> {
        let (metrics, status) = (origin.metrics.clone(), origin.status.clone());
        let export = Arc::new(Export::new(name, target.to_string(), metrics, status));
        let (_, live) = origin.log.subscribe(selection);
        let sink = Sink::new(target.clone(), limits);
        let log = LineLog::new(content, sink, export.clone(), live);
        self.ended.push(log.start(origin.stop.clone())?);
        self.exports.push(export);
        Ok(())
    }
}
