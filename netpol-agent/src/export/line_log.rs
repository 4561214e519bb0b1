//! Writes lines as they come, on a thread of its own: a disk or a pipe that stands still holds nobody else.
//!
//! While lines cannot be written, those that were made wait here and further flows wait in the broadcast; beyond its
//! bound they are lost, which is counted, told, and written once there is room again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::sink::{Failure, Sink};
use super::state::Export;
use crate::flow::Lost;
use crate::log::Item;

/// How soon a failed line is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// Items taken in between two looks at anything else.
const BATCH: usize = 256;

/// What a log makes of flows.
pub(super) trait Content: Send + 'static {
    /// Reasons for losses.
    const LOSSES: Losses;
    /// How often [`Content::tick`] is due.
    fn period(&self) -> Duration;
    /// Takes an item in, and gives the line that it makes at once.
    fn take(&mut self, item: Item) -> Option<String>;
    /// Takes in that something was lost here, and gives the line that it makes at once.
    fn lost(&mut self, lost: &Lost) -> Option<String>;
    /// Lines that are due by now.
    fn tick(&mut self, now: SystemTime) -> Vec<String>;
    /// Whether it can take items in while lines wait to be written: its memory has to be bounded.
    const TAKES_ALWAYS: bool;
}

/// Reasons for losses, as metrics and status name them.
pub(super) struct Losses {
    /// Flows came faster than they could be written.
    pub(super) behind: &'static str,
    /// The disk is full.
    pub(super) no_space: &'static str,
    /// Lines cannot be written for another reason.
    pub(super) unwritable: &'static str,
}

/// A log and what waits for it.
pub(super) struct LineLog<C> {
    content: C,
    sink: Sink,
    export: Arc<Export>,
    live: Receiver<Item>,
    waiting: VecDeque<String>,
    failing: Option<Failure>,
    /// When what failed is tried again.
    retry: Option<Instant>,
}

impl<C: Content> LineLog<C> {
    pub(super) fn new(content: C, sink: Sink, export: Arc<Export>, live: Receiver<Item>) -> Self {
        Self {
            content,
            sink,
            export,
            live,
            waiting: VecDeque::new(),
            failing: None,
            retry: None,
        }
    }

    /// Starts its thread. The receiver hears when everything is written after `stop`; the thread of a log that stands
    /// still ends with the process.
    ///
    /// # Errors
    /// When no thread can be had, or the signal not be heard.
    pub(super) fn start(self, stop: CancellationToken) -> std::io::Result<oneshot::Receiver<()>> {
        let reopen = signal(SignalKind::hangup())?;
        let (done, ended) = oneshot::channel();
        let runtime = Handle::current();
        let name = self.export.name().to_owned();
        thread::Builder::new().name(name).spawn(move || {
            runtime.block_on(self.run(reopen, stop));
            // Nobody waits for it any more, where it took too long.
            let _ = done.send(());
        })?;
        Ok(ended)
    }

    async fn run(mut self, mut reopen: Signal, stop: CancellationToken) {
        let mut ticks = interval(self.content.period());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first comes at once.
        ticks.tick().await;
        loop {
            let is_free = self.waiting.is_empty();
            let retry = self.retry;
            tokio::select! {
                () = stop.cancelled() => break,
                _ = reopen.recv() => self.sink.reopen(),
                received = self.live.recv(), if is_free || C::TAKES_ALWAYS => match received {
                    Ok(item) => {
                        self.take(item);
                        self.take_more(BATCH);
                    }
                    Err(RecvError::Lagged(count)) => self.lagged(count),
                    Err(RecvError::Closed) => break,
                },
                _ = ticks.tick(), if is_free => self.tick(),
                () = async { sleep_until(retry.unwrap_or_else(Instant::now)).await }, if retry.is_some() => {
                    self.retry = None;
                }
            }
            if self.retry.is_none() {
                self.write();
            }
        }
        self.finish();
    }

    fn take(&mut self, item: Item) {
        self.waiting.extend(self.content.take(item));
    }

    fn take_more(&mut self, most: usize) {
        for _ in 0..most {
            match self.live.try_recv() {
                Ok(item) => self.take(item),
                Err(TryRecvError::Lagged(count)) => self.lagged(count),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn tick(&mut self) {
        let lines = self.content.tick(SystemTime::now());
        self.waiting.extend(lines);
    }

    fn lagged(&mut self, count: u64) {
        let lost = self.export.lost(self.reason(), count);
        self.waiting.extend(self.content.lost(&lost));
    }

    fn reason(&self) -> &'static str {
        match self.failing {
            None => C::LOSSES.behind,
            Some(Failure::NoSpace) => C::LOSSES.no_space,
            Some(Failure::Unwritable) => C::LOSSES.unwritable,
        }
    }

    /// Writes what waits, as far as that succeeds.
    fn write(&mut self) {
        while let Some(line) = self.waiting.front() {
            if let Err(error) = self.sink.write(line.as_bytes()) {
                self.failing = Some(Failure::from(&error));
                self.retry = Some(Instant::now() + TRY_AGAIN);
                self.export.failed(error.to_string());
                return;
            }
            self.waiting.pop_front();
            self.failing = None;
            self.export.wrote();
        }
    }

    /// Takes what came before the end, and writes what can be written.
    fn finish(&mut self) {
        self.take_more(usize::MAX);
        self.tick();
        self.write();
        let left = u64::try_from(self.waiting.len()).unwrap_or(u64::MAX);
        if left > 0 {
            self.export.lost(self.reason(), left);
            tracing::warn!(export = self.export.name(), lines = left, "not written");
        }
    }
}
