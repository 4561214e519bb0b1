//! The thread that remembers: takes flows in as they come, writes what changed, and gives copies to whoever reads.
//!
//! ```text
//! flow log ─► recorder ─► memory ──── every --history-interval ──► store, on a thread that may block
//!  what it     inventory, clocks ──┘ │
//!  missed is   every second          └──── a copy ──► readers
//!  counted
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use netpol_policy::history::History;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::figures::Shared;
use super::intervals::Moment;
use super::recorder::Recorder;
use super::writer::{Done, Writer};
use crate::clock::boottime;
use crate::flow::Progress;
use crate::inventory::Snapshot;
use crate::log::Item;
use crate::status::Status;

/// Items taken in between two looks at anything else.
const BATCH: usize = 1024;
/// How often items are taken in, when there are no more at once. Who waits for each one has to be woken by the event path.
const TAKE: Duration = Duration::from_millis(20);
/// How often clocks, losses and policies are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often pods, nodes and Services are looked at, where anything changed: all pods are counted then.
const COUNT: Duration = Duration::from_secs(10);
/// How often what is too old is looked for.
const FORGET: Duration = Duration::from_secs(600);

/// What the thread works with.
pub(super) struct Keeper {
    pub(super) recorder: Recorder,
    pub(super) writer: Writer,
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) status: Arc<Status>,
    pub(super) live: Receiver<Item>,
    /// How open connections go on.
    pub(super) open: Receiver<Arc<[Progress]>>,
    pub(super) readers: mpsc::Receiver<oneshot::Sender<History>>,
    pub(super) figures: Shared,
    /// How long what is not seen any more is remembered.
    pub(super) retention: Duration,
    /// How often what changed is written.
    pub(super) interval: Duration,
}

/// What is left of the items that came.
enum Taken {
    /// There may be more.
    More,
    /// Nothing, for now.
    All,
    /// Nothing, and there will be no more.
    Last,
}

impl Keeper {
    /// Runs until told to stop, or until there are no flows any more; then writes what is left.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let mut takes = every(TAKE);
        let mut looks = every(LOOK);
        let mut counts = every(COUNT);
        let mut forgets = every(FORGET);
        let mut writes = every(self.interval);
        // What the store holds first: nothing has to be moved then.
        self.writer.open();
        let opened = self.writer.done().await;
        self.take_in(opened);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = takes.tick() => match self.take_more(BATCH) {
                    Taken::More => takes.reset_immediately(),
                    Taken::All => {}
                    Taken::Last => break,
                },
                Ok(going_on) = self.open.recv() => {
                    going_on.iter().for_each(|one| self.recorder.go_on(one));
                }
                _ = looks.tick() => self.look(),
                _ = counts.tick() => self.count(),
                _ = forgets.tick() => self.recorder.memory.forget(SystemTime::now(), self.retention),
                _ = writes.tick() => self.write(),
                done = self.writer.done() => self.take_in(done),
                Some(reader) = self.readers.recv() => {
                    // Nobody waits for it any more, where it took too long.
                    let _ = reader.send(self.recorder.memory.history(SystemTime::now()));
                }
            }
        }
        self.finish().await;
    }

    fn take(&mut self, item: &Item) {
        if let Item::Flow(flow) = item {
            let snapshot = self.snapshot.load();
            self.recorder.take(flow, &snapshot, SystemTime::now());
        }
    }

    fn take_more(&mut self, most: usize) -> Taken {
        for _ in 0..most {
            match self.live.try_recv() {
                Ok(item) => self.take(&item),
                Err(TryRecvError::Lagged(count)) => self.recorder.missed(count),
                Err(TryRecvError::Empty) => return Taken::All,
                Err(TryRecvError::Closed) => return Taken::Last,
            }
        }
        Taken::More
    }

    /// Takes in what time it is, what was lost and which policies there are. Nothing counts as watched before the first
    /// inventory: nobody is known then.
    fn look(&mut self) {
        let snapshot = self.snapshot.load();
        let Ok(boottime) = boottime() else { return };
        if snapshot.generation() == 0 {
            return;
        }
        let now = Moment {
            wall: SystemTime::now(),
            boottime: Duration::from_nanos(boottime),
            monotonic: Instant::now(),
        };
        let memory = &mut self.recorder.memory;
        let interfaces = self.status.interfaces().into_iter();
        let unwatched = interfaces.filter(|one| one.interface.error.is_some());
        let unwatched = unwatched.count();
        memory.watch(now, self.status.lost(), unwatched);
        memory.policies.follow(&snapshot, now.wall);
        self.show();
    }

    fn show(&self) {
        self.recorder.show();
        let memory = &self.recorder.memory;
        let mut figures = self.figures.lock();
        figures.edges = memory.edges.len();
        figures.uses = memory.uses.len();
        figures.since = memory.intervals.first();
    }

    fn count(&mut self) {
        let snapshot = self.snapshot.load();
        if snapshot.generation() > 0 {
            self.recorder.follow(&snapshot, SystemTime::now());
        }
    }

    fn write(&mut self) {
        match (self.writer.is_due(), self.writer.is_open()) {
            (true, true) => self.writer.write(self.recorder.memory.take_changes()),
            (true, false) => self.writer.open(),
            (false, _) => {}
        }
    }

    fn take_in(&mut self, done: Done) {
        match done {
            Done::Opened(history) => self.recorder.load(*history),
            Done::Written => {
                self.recorder.memory.settle(true);
                self.figures.lock().written = Some(SystemTime::now());
            }
            Done::NotWritten => self.recorder.memory.settle(false),
            Done::BegunAnew => self.recorder.memory.begin_anew(),
            Done::NotOpened => {}
        }
    }

    /// Takes what came before the end, and writes what can be written.
    async fn finish(mut self) {
        self.take_more(usize::MAX);
        self.look();
        self.count();
        if self.writer.is_busy() {
            let done = self.writer.done().await;
            self.take_in(done);
        }
        // Once more where the store turns out to be gone.
        for _ in 0..2 {
            if !self.writer.is_open() {
                return;
            }
            self.writer.write(self.recorder.memory.take_changes());
            match self.writer.done().await {
                Done::BegunAnew => self.take_in(Done::BegunAnew),
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests;
