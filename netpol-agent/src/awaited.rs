//! Connections with an end that nobody is known for yet: a pod's first packets are often there before the inventory has
//! heard of its address.
//!
//! ```text
//! first revision due, an end unknown ─► held, for --address-wait from the first packet on
//!                                         ├─ learnt in time ─► published, with its name
//!                                         └─ not learnt ─────► published as unknown ─┬─ learnt within 30 s ─► told again
//!                                                                                    └─ forgotten
//! ```
//!
//! What is said of a connection is what held at its first packet, in all of these cases.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::flow::FlowId;
use crate::inventory::Snapshot;
use crate::metrics::{AddressWait, Metrics};

/// Connections held at most, and as many that may be told again.
const MOST: usize = 4096;
/// How long after a revision with an unknown end another one may follow, since the end is known (nanoseconds).
const TOLD_AGAIN: u64 = 30_000_000_000;
/// How long an address that was waited for in vain is not waited for again (nanoseconds): some are never known, such as
/// those of another node's bridges.
const IN_VAIN: u64 = 30_000_000_000;
/// A held connection that was not asked for so long after its time (nanoseconds) was forgotten by the tracker.
const OVERDUE: u64 = 1_000_000_000;

/// Addresses at the ends of a connection that nobody is known for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unnamed {
    /// Of the cluster's ranges, or behind a pod's interface: somebody's.
    pub(crate) unknown: Vec<IpAddr>,
    /// Outside, as far as is known: where nodes list no ranges, a pod's.
    pub(crate) world: Vec<IpAddr>,
}

impl Unnamed {
    pub(crate) fn is_empty(&self) -> bool {
        self.unknown.is_empty() && self.world.is_empty()
    }

    fn any_known(&self, snapshot: &Snapshot, at: SystemTime) -> bool {
        let mut addresses = self.unknown.iter().chain(&self.world);
        addresses.any(|address| snapshot.knows(*address, at))
    }
}

/// Connections that wait for an address to become known.
pub(crate) struct Awaited {
    /// Nanoseconds from the first packet on; 0 to hold nothing.
    wait: u64,
    waiting: HashMap<FlowId, Waiting>,
    /// When to look after those that are held, and how many of them are.
    held_until: VecDeque<(u64, FlowId)>,
    held: usize,
    /// When to forget those that were published; oldest first. Some may be forgotten already.
    told_until: VecDeque<(u64, FlowId)>,
    /// Addresses that were waited for in vain, until when they are not waited for again.
    in_vain: HashMap<IpAddr, u64>,
    metrics: Metrics,
}

struct Waiting {
    unnamed: Unnamed,
    at: SystemTime,
    is_held: bool,
}

/// A connection's first packet, and now.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// First packet, CLOCK_BOOTTIME in nanoseconds.
    pub(crate) first: u64,
    /// The same by the wall.
    pub(crate) at: SystemTime,
    /// Now, CLOCK_BOOTTIME in nanoseconds.
    pub(crate) now: u64,
}

impl Awaited {
    /// Holds connections for as long as `wait` from their first packet on.
    pub(crate) fn new(wait: Duration, metrics: Metrics) -> Self {
        Self {
            wait: u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX),
            waiting: HashMap::new(),
            held_until: VecDeque::new(),
            held: 0,
            told_until: VecDeque::new(),
            in_vain: HashMap::new(),
            metrics,
        }
    }

    /// Until when a connection that was not published yet is to be held, if at all.
    pub(crate) fn hold(&mut self, id: FlowId, unnamed: &Unnamed, times: Times) -> Option<u64> {
        let Times { first, at, now } = times;
        let until = first.saturating_add(self.wait);
        if unnamed.unknown.is_empty() || until <= now || self.is_in_vain(unnamed, now) {
            return None;
        }
        let waiting = Waiting {
            unnamed: unnamed.clone(),
            at,
            is_held: true,
        };
        if let Some(known) = self.waiting.get_mut(&id) {
            *known = waiting;
        } else if self.held < MOST {
            self.waiting.insert(id, waiting);
            self.held_until.push_back((until + OVERDUE, id));
            self.count(1);
        } else {
            self.metrics.address_wait(AddressWait::NoRoom);
            return None;
        }
        Some(until)
    }

    /// Takes note of a revision and of what it does not know.
    pub(crate) fn published(
        &mut self,
        id: FlowId,
        unnamed: &Unnamed,
        is_first: bool,
        times: Times,
    ) {
        let Times { at, now, .. } = times;
        let before = self.waiting.remove(&id);
        match &before {
            Some(before) if before.is_held => {
                self.count(-1);
                if unnamed.unknown.is_empty() {
                    self.metrics.address_wait(AddressWait::Learnt);
                } else {
                    self.metrics.address_wait(AddressWait::GivenUp);
                    self.give_up(&unnamed.unknown, now);
                }
            }
            Some(_) if unnamed.is_empty() => self.metrics.address_wait(AddressWait::ToldAgain),
            _ => {}
        }
        if unnamed.is_empty() || before.is_none() && !is_first {
            return;
        }
        if is_first {
            self.told_until.push_back((now + TOLD_AGAIN, id));
        }
        let waiting = Waiting {
            unnamed: unnamed.clone(),
            at,
            is_held: false,
        };
        self.waiting.insert(id, waiting);
    }

    /// Connections of which more is known in this snapshot.
    pub(crate) fn learnt(&self, snapshot: &Snapshot) -> Vec<FlowId> {
        let waiting = self.waiting.iter();
        let learnt = waiting.filter(|(_, one)| one.unnamed.any_known(snapshot, one.at));
        learnt.map(|(id, _)| *id).collect()
    }

    /// Forgets what is not waited for any more.
    pub(crate) fn forget(&mut self, now: u64) {
        while let Some((until, id)) = self.told_until.front().copied()
            && (until <= now || self.told_until.len() > MOST)
        {
            self.told_until.pop_front();
            self.waiting.remove(&id);
        }
        while let Some((until, id)) = self.held_until.front().copied()
            && until <= now
        {
            self.held_until.pop_front();
            if self.waiting.get(&id).is_some_and(|one| one.is_held) {
                self.waiting.remove(&id);
                self.count(-1);
            }
        }
    }

    /// Whether all that is unknown was waited for in vain lately.
    fn is_in_vain(&self, unnamed: &Unnamed, now: u64) -> bool {
        let mut unknown = unnamed.unknown.iter();
        unknown.all(|address| self.in_vain.get(address).is_some_and(|until| now < *until))
    }

    fn give_up(&mut self, addresses: &[IpAddr], now: u64) {
        if self.in_vain.len() >= MOST {
            self.in_vain.retain(|_, until| now < *until);
        }
        if self.in_vain.len() < MOST {
            let addresses = addresses.iter();
            self.in_vain
                .extend(addresses.map(|address| (*address, now + IN_VAIN)));
        }
    }

    fn count(&mut self, change: isize) {
        self.held = self.held.saturating_add_signed(change);
        let held = i64::try_from(self.held).unwrap_or(i64::MAX);
        self.metrics.connections_held.set(held);
    }
}
