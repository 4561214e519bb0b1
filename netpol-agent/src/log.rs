//! The bounded flow log: what happened lately, and a subscription to what happens next.
//!
//! ```text
//!                 ┌─ kept: all ────── oldest out when full
//! revision ─► log ┤
//!                 └─ kept: blocked ── a flood of allowed flows cannot push these out
//!                 └─ live: all, and blocked alone ─► subscribers, each at its own pace
//! ```
//!
//! A revision replaces the one before it in place, and moves it to the young end.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::flow::{Flow, FlowId, Lost, Progress};

/// Rounds of open connections that wait for who follows them: each has all that went on.
const ROUNDS: usize = 16;

/// An item of a subscription.
#[derive(Clone, Debug)]
pub enum Item {
    /// A revision.
    Flow(Arc<Flow>),
    /// Something was lost before the log.
    Lost(Arc<Lost>),
}

/// Which flows a reader wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every connection.
    All,
    /// Blocked ones, from a log and a channel of their own; and of those the revision that is blocked no more.
    Blocked,
}

/// Kept flows and their subscribers.
pub struct FlowLog {
    all: Channel,
    blocked: Channel,
    going_on: broadcast::Sender<Arc<[Progress]>>,
    revisions: AtomicU64,
    seen: AtomicU64,
    blocked_seen: AtomicU64,
}

struct Channel {
    kept: Mutex<Kept>,
    live: broadcast::Sender<Item>,
}

/// Kept flows by age, oldest first.
#[derive(Default)]
struct Kept {
    capacity: usize,
    next: u64,
    by_age: BTreeMap<u64, Arc<Flow>>,
    age_of: HashMap<FlowId, u64>,
}

impl Kept {
    /// Puts a revision at the young end and returns whether the connection was already there.
    fn put(&mut self, flow: Arc<Flow>) -> bool {
        let age = self.next;
        self.next += 1;
        let before = self.age_of.insert(flow.id, age);
        if let Some(before) = before {
            self.by_age.remove(&before);
        }
        self.by_age.insert(age, flow);
        while self.by_age.len() > self.capacity {
            let Some((_, oldest)) = self.by_age.pop_first() else {
                break;
            };
            self.age_of.remove(&oldest.id);
        }
        before.is_some()
    }

    fn remove(&mut self, id: FlowId) {
        if let Some(age) = self.age_of.remove(&id) {
            self.by_age.remove(&age);
        }
    }
}

impl Channel {
    fn new(capacity: usize, backlog: usize) -> Self {
        let kept = Kept {
            capacity,
            ..Kept::default()
        };
        Self {
            kept: Mutex::new(kept),
            live: broadcast::Sender::new(backlog),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic while it was held leaves at worst one flow missing; readers go on.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FlowLog {
    /// A log of `capacity` flows and as many blocked ones. A subscriber may fall `backlog` items behind before it loses
    /// any.
    #[must_use]
    pub fn new(capacity: usize, backlog: usize) -> Self {
        Self {
            all: Channel::new(capacity, backlog),
            blocked: Channel::new(capacity, backlog),
            going_on: broadcast::Sender::new(ROUNDS),
            revisions: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            blocked_seen: AtomicU64::new(0),
        }
    }

    /// Keeps a revision and hands it to every subscriber. Never waits for one.
    pub fn publish(&self, flow: Arc<Flow>) {
        self.revisions.fetch_add(1, Ordering::Relaxed);
        if flow.revision == 1 {
            self.seen.fetch_add(1, Ordering::Relaxed);
        }
        // Sending happens under the lock, so that a reader which takes history and subscribes under it misses nothing
        // and sees nothing twice. An error only says that nobody listens.
        {
            let mut kept = self.all.kept();
            kept.put(flow.clone());
            let _ = self.all.live.send(Item::Flow(flow.clone()));
        }
        let mut kept = self.blocked.kept();
        if flow.is_blocked() {
            if !kept.put(flow.clone()) {
                self.blocked_seen.fetch_add(1, Ordering::Relaxed);
            }
            let _ = self.blocked.live.send(Item::Flow(flow));
        } else if flow.was_blocked() {
            kept.remove(flow.id);
            let _ = self.blocked.live.send(Item::Flow(flow));
        }
    }

    /// Tells every subscriber of a loss.
    pub fn publish_lost(&self, lost: Lost) {
        let lost = Arc::new(lost);
        for channel in [&self.all, &self.blocked] {
            let _ = channel.live.send(Item::Lost(lost.clone()));
        }
    }

    /// Whether anybody follows how open connections go on.
    #[must_use]
    pub fn follows_open(&self) -> bool {
        self.going_on.receiver_count() > 0
    }

    /// Tells who follows them that these connections went on. It is no revision, and kept nowhere.
    pub fn publish_open(&self, going_on: Vec<Progress>) {
        // An error only says that nobody listens.
        let _ = self.going_on.send(going_on.into());
    }

    /// How open connections go on, from now on.
    #[must_use]
    pub fn subscribe_open(&self) -> broadcast::Receiver<Arc<[Progress]>> {
        self.going_on.subscribe()
    }

    /// Kept flows, oldest first, and what follows them without gap or overlap.
    #[must_use]
    pub fn subscribe(&self, selection: Selection) -> (Vec<Arc<Flow>>, broadcast::Receiver<Item>) {
        let channel = match selection {
            Selection::All => &self.all,
            Selection::Blocked => &self.blocked,
        };
        let kept = channel.kept();
        (
            kept.by_age.values().cloned().collect(),
            channel.live.subscribe(),
        )
    }

    /// Figures for the status.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let kept = self.all.kept();
        Figures {
            kept: kept.by_age.len(),
            capacity: kept.capacity,
            seen: self.seen.load(Ordering::Relaxed),
            blocked: self.blocked_seen.load(Ordering::Relaxed),
            revisions: self.revisions.load(Ordering::Relaxed),
        }
    }
}

/// How full the log is, and what went through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Flows kept now.
    pub kept: usize,
    /// Flows kept at most.
    pub capacity: usize,
    /// Connections published since the start.
    pub seen: u64,
    /// Blocked ones among them.
    pub blocked: u64,
    /// Revisions published since the start.
    pub revisions: u64,
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast::error::{RecvError, TryRecvError};

    use super::*;
    use crate::flow::{ObservedVerdict, Previous};
    use crate::testing::flow;

    fn put(log: &FlowLog, id: u64, revision: u64, verdict: ObservedVerdict) {
        log.publish(Arc::new(revised(id, revision, verdict)));
    }

    fn revised(id: u64, revision: u64, verdict: ObservedVerdict) -> Flow {
        let mut flow = flow(id);
        flow.revision = revision;
        flow.observed.verdict = verdict;
        flow
    }

    fn ids(flows: &[Arc<Flow>]) -> Vec<(u64, u64)> {
        flows
            .iter()
            .map(|flow| (flow.id.0, flow.revision))
            .collect()
    }

    #[test]
    fn the_oldest_leaves_and_a_revision_takes_its_predecessors_place() {
        let log = FlowLog::new(2, 16);
        put(&log, 1, 1, ObservedVerdict::Forwarded);
        put(&log, 2, 1, ObservedVerdict::Forwarded);
        put(&log, 1, 2, ObservedVerdict::Forwarded);
        put(&log, 3, 1, ObservedVerdict::Forwarded);
        assert_eq!(ids(&log.subscribe(Selection::All).0), [(1, 2), (3, 1)]);
        assert_eq!(log.figures().seen, 3);
    }

    #[test]
    fn a_flood_of_allowed_flows_leaves_blocked_ones_alone() {
        let log = FlowLog::new(4, 4);
        let (_, mut live) = log.subscribe(Selection::Blocked);
        put(&log, 1, 1, ObservedVerdict::Dropped);
        for id in 2..1000 {
            put(&log, id, 1, ObservedVerdict::Forwarded);
        }
        put(&log, 1000, 1, ObservedVerdict::Rejected);
        assert_eq!(
            ids(&log.subscribe(Selection::Blocked).0),
            [(1, 1), (1000, 1)]
        );
        for expected in [1, 1000] {
            match live.try_recv() {
                Ok(Item::Flow(flow)) => assert_eq!(flow.id.0, expected),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(live.try_recv(), Err(TryRecvError::Empty)));
        assert_eq!(log.figures().blocked, 2);
    }

    #[test]
    fn a_flow_that_gets_through_after_all_leaves_the_blocked_log() {
        let log = FlowLog::new(4, 4);
        let (_, mut live) = log.subscribe(Selection::Blocked);
        put(&log, 1, 1, ObservedVerdict::Dropped);
        let mut through = revised(1, 2, ObservedVerdict::Forwarded);
        through.previous = Some(Previous {
            verdict: ObservedVerdict::Dropped,
            forward: through.forward,
            reply: through.reply,
            was_of_other_ends: false,
        });
        log.publish(Arc::new(through));
        assert!(log.subscribe(Selection::Blocked).0.is_empty());
        for revision in [1, 2] {
            assert!(matches!(live.try_recv(), Ok(Item::Flow(flow)) if flow.revision == revision));
        }
    }

    #[tokio::test]
    async fn history_and_live_join_without_gap_or_overlap() {
        let log = FlowLog::new(8, 8);
        put(&log, 1, 1, ObservedVerdict::Forwarded);
        let (history, mut live) = log.subscribe(Selection::All);
        put(&log, 2, 1, ObservedVerdict::Forwarded);
        assert_eq!(ids(&history), [(1, 1)]);
        assert!(matches!(live.recv().await, Ok(Item::Flow(flow)) if flow.id.0 == 2));
    }

    #[tokio::test]
    async fn what_a_slow_subscriber_misses_is_counted_exactly() {
        let log = FlowLog::new(8, 8);
        let (_, mut live) = log.subscribe(Selection::All);
        for id in 1..=100 {
            put(&log, id, 1, ObservedVerdict::Forwarded);
        }
        let lost = match live.recv().await {
            Err(RecvError::Lagged(lost)) => lost,
            other => panic!("{other:?}"),
        };
        let mut received = 0;
        while live.try_recv().is_ok() {
            received += 1;
        }
        assert_eq!(received + lost, 100);
    }
}
