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
    /// What kept lines from being written since all flows were last taken in.
    failure: Option<Failure>,
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
            failure: None,
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
                Err(TryRecvError::Empty | TryRecvError::Closed) => {
                    if self.retry.is_none() {
                        self.failure = None;
                    }
                    return;
                }
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
        match self.failure {
            None => C::LOSSES.behind,
            Some(Failure::NoSpace) => C::LOSSES.no_space,
            Some(Failure::Unwritable) => C::LOSSES.unwritable,
        }
    }

    /// Writes what waits, as far as that succeeds.
    fn write(&mut self) {
        while let Some(line) = self.waiting.front() {
            if let Err(error) = self.sink.write(line.as_bytes()) {
                self.failure = Some(Failure::from(&error));
                self.retry = Some(Instant::now() + TRY_AGAIN);
                self.export.failed(error.to_string());
                return;
            }
            self.waiting.pop_front();
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::UNIX_EPOCH;

    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;
    use crate::convert::Converter;
    use crate::export::blocked_log::BlockedLog;
    use crate::export::{Limits, Target};
    use crate::flow::{ObservedVerdict, Stage};
    use crate::log::{FlowLog, Selection};
    use crate::metrics::Metrics;
    use crate::status::Status;
    use crate::testing::flow;

    /// A log of blocked connections in a directory that does not exist yet.
    struct Scene {
        directory: TempDir,
        flows: FlowLog,
        status: Arc<Status>,
        export: Arc<Export>,
        stop: CancellationToken,
        ended: oneshot::Receiver<()>,
    }

    impl Scene {
        fn new(backlog: usize) -> Self {
            let directory = TempDir::new().unwrap();
            let flows = FlowLog::new(16, backlog);
            let status = Arc::<Status>::default();
            let path = directory.path().join("later/blocked.json");
            let (metrics, status_too) = (Metrics::default(), status.clone());
            let target = path.display().to_string();
            let export = Arc::new(Export::new("blocked-log", target, metrics, status_too));
            let content = BlockedLog {
                converter: Converter {
                    node: "node-a".into(),
                    run: "r".into(),
                },
            };
            let limits = Limits {
                bytes: 1 << 20,
                files: 2,
            };
            let sink = Sink::new(Target::File(path), limits);
            let (_, live) = flows.subscribe(Selection::Blocked);
            let stop = CancellationToken::new();
            let log = LineLog::new(content, sink, export.clone(), live);
            let ended = log.start(stop.clone()).unwrap();
            Self {
                directory,
                flows,
                status,
                export,
                stop,
                ended,
            }
        }

        fn block(&self, ids: impl IntoIterator<Item = u64>) {
            for id in ids {
                let mut flow = flow(id);
                flow.observed.verdict = ObservedVerdict::Dropped;
                self.flows.publish(Arc::new(flow));
            }
        }

        async fn until(&self, what: impl Fn(&Export) -> bool) {
            let reached = async {
                while !what(&self.export) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(Duration::from_secs(10), reached).await.unwrap();
        }

        /// Ends it in order and gives its lines, the directory having been made at last.
        async fn lines(self) -> Vec<serde_json::Value> {
            self.stop.cancel();
            self.ended.await.unwrap();
            let text = fs::read_to_string(self.directory.path().join("later/blocked.json"));
            let text = text.unwrap_or_default();
            let lines = text.lines().map(serde_json::from_str);
            lines.map(Result::unwrap).collect()
        }
    }

    #[tokio::test]
    async fn lines_wait_until_they_can_be_written() {
        let scene = Scene::new(64);
        scene.block([1]);
        scene.until(|export| export.state().trouble.is_some()).await;
        scene.block(2..=10);
        fs::create_dir(scene.directory.path().join("later")).unwrap();
        scene.until(|export| export.state().written == 10).await;
        assert_eq!(scene.export.state().trouble, None);
        scene.block([11]);
        assert!(scene.status.lost().is_empty());
        // What came just before the end is written too.
        assert_eq!(scene.lines().await.len(), 11);
    }

    #[tokio::test]
    async fn what_found_no_room_is_counted_with_its_reason_and_told_in_the_log() {
        let scene = Scene::new(8);
        scene.block([1]);
        scene.until(|export| export.state().trouble.is_some()).await;
        scene.block(2..=1000);
        fs::create_dir(scene.directory.path().join("later")).unwrap();
        scene.until(|export| export.state().written >= 9).await;
        let lost = scene.status.lost();
        let [lost] = lost.as_slice() else {
            panic!("{lost:?}")
        };
        assert_eq!(lost.reason, "blocked_log_unwritable");
        let lines = scene.lines().await;
        let of_type = |kind: &str| lines.iter().filter(|line| line["type"] == kind).count();
        assert_eq!(of_type("flow") as u64 + lost.count, 1000);
        assert_eq!(of_type("lost"), 1);
        assert_eq!(lines[1]["count"], lost.count);
    }

    #[tokio::test]
    async fn what_is_left_at_the_end_is_counted() {
        let scene = Scene::new(64);
        scene.block(1..=7);
        scene.until(|export| export.state().trouble.is_some()).await;
        scene.flows.publish_lost(Lost {
            stage: Stage::Kernel,
            reason: "ring_full",
            count: 1,
            time: UNIX_EPOCH,
        });
        let status = scene.status.clone();
        assert!(scene.lines().await.is_empty());
        assert_eq!(status.lost()[0].count, 8);
    }
}
