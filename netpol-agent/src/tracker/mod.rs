//! Puts together what was seen of each connection, and decides when there is something to publish.
//!
//! ```text
//! source's interface ──── tuple as dialled ───────────────┐
//! destination's interface ─ after DNAT + ct_original ─────┼─► one connection ─► revisions
//! drop ──────────────────── after DNAT + ct_original, ────┘
//!                           or before NAT
//! ```
//!
//! A connection's identity is the tuple as its source dialled it: conntrack's original tuple where a record has one,
//! else the packet's own, regardless of direction. The tracker reads no clock: `now` is CLOCK_BOOTTIME nanoseconds.

mod connection;
mod due;
mod outcome;
mod place;
mod sighting;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use netpol_common::record::flow_flag;
use netpol_common::record::{Address, DropKey, DropState, FlowKey, FlowState};

pub(crate) use connection::{Connection, Published};

use crate::drop_class::Names;
use crate::flow::{FlowId, State};

/// A node that rejects first sends its RST or ICMP error, which ends the connection, and then frees the packet: so much
/// later at most (nanoseconds).
const REJECT_LAG: u64 = 10_000_000;
/// How long an ended connection, or one that was seen in drops alone, is remembered for stragglers.
const LINGER: u64 = 30_000_000_000;
/// The same for a blocked one: retransmissions of a SYN come up to 64 s apart (`tcp_syn_retries` 6).
const BLOCKED_LINGER: u64 = 130_000_000_000;
/// How often remembered connections are looked through.
const LOOK_THROUGH: u64 = 5_000_000_000;

/// How long an open connection may go on before that is told without a revision.
const GOING_ON: u64 = 60_000_000_000;

/// Limits of the tracker.
#[derive(Clone, Copy, Debug)]
pub struct TrackerConfig {
    /// Connections remembered at once; the oldest is evicted.
    pub connections: usize,
    /// How long a connection may stay without an answer before it is called unanswered.
    pub answer_timeout: Duration,
    /// The node's own network namespace (inode number).
    pub node_netns: u32,
}

/// Whose an address is, as far as outcomes depend on it.
pub trait Holders: Send + Sync {
    /// Whether it is a node's: what a node answers in its own name is no rejection.
    fn is_node(&self, address: Address) -> bool;
    /// Whether it is a pod's: packets that come from it were made inside a pod.
    fn is_pod(&self, address: Address) -> bool;
}

/// Nothing is known of any address.
struct Nobody;

impl Holders for Nobody {
    fn is_node(&self, _: Address) -> bool {
        false
    }
    fn is_pod(&self, _: Address) -> bool {
        false
    }
}

/// Everything that was seen and is not over.
pub struct Tracker {
    config: TrackerConfig,
    names: Arc<dyn Names>,
    holders: Arc<dyn Holders>,
    /// Network namespaces of pods, by the interface that leads there.
    pod_netns: HashMap<u32, u32>,
    /// Interfaces on which something was seen.
    interfaces: BTreeSet<u32>,
    connections: HashMap<FlowId, Connection>,
    by_dialled: HashMap<FlowKey, FlowId>,
    by_interface: HashMap<FlowKey, FlowId>,
    by_drop: HashMap<DropKey, FlowId>,
    /// Oldest first; ids of connections that are gone are skipped.
    order: VecDeque<FlowId>,
    deadlines: BinaryHeap<Reverse<(u64, FlowId)>>,
    next_id: u64,
    looked_through: u64,
    looked_on: u64,
    evicted: u64,
}

/// A revision that is due.
pub(crate) struct Due<'a> {
    /// The connection.
    pub(crate) connection: &'a mut Connection,
    /// What there is to say; it counts as said by [`Connection::publish`].
    pub(crate) revision: Published,
}

impl Tracker {
    /// An empty tracker.
    #[must_use]
    pub fn new(config: TrackerConfig, names: Arc<dyn Names>) -> Self {
        Self {
            config,
            names,
            holders: Arc::new(Nobody),
            pod_netns: HashMap::new(),
            interfaces: BTreeSet::new(),
            connections: HashMap::new(),
            by_dialled: HashMap::new(),
            by_interface: HashMap::new(),
            by_drop: HashMap::new(),
            order: VecDeque::new(),
            deadlines: BinaryHeap::new(),
            next_id: 1,
            looked_through: 0,
            looked_on: 0,
            evicted: 0,
        }
    }

    /// Tells whose addresses are whose from now on.
    pub fn set_holders(&mut self, holders: Arc<dyn Holders>) {
        self.holders = holders;
    }

    /// Connections remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Connections evicted before they were over, since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    /// Takes a flow record from the ring buffer.
    pub fn flow(&mut self, key: FlowKey, state: FlowState, now: u64) {
        let id = self.place(key, state, now);
        self.update_deadline(id, now, false);
    }

    /// Takes what a sweep read: drops before connections, whose progress they bear on. A drop that is not known to have
    /// happened here comes last: it may be known by one of these connections, whose event the sweep has overtaken.
    pub fn sweep(
        &mut self,
        flows: Vec<(FlowKey, FlowState)>,
        drops: Vec<(DropKey, DropState)>,
        now: u64,
    ) {
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            drops.into_iter().partition(|(key, _)| self.is_here(key));
        for (key, state) in here {
            self.drop(key, state, now);
        }
        for (key, state) in flows {
            self.swept_flow(key, state, now);
        }
        for (key, state) in elsewhere {
            self.drop(key, state, now);
        }
    }

    /// Takes a flow entry as a sweep read it.
    pub fn swept_flow(&mut self, key: FlowKey, state: FlowState, now: u64) {
        if !self.by_interface.contains_key(&key) && is_over(&state, now) {
            return;
        }
        let id = self.place(key, state, now);
        self.update_deadline(id, now, true);
    }

    /// Takes the final counters of a connection that left the kernel's map.
    pub fn expired_flow(&mut self, key: FlowKey, state: FlowState, now: u64) {
        let known = self.by_interface.contains_key(&key);
        if !known && state.flags & flow_flag::NEW_REPORTED != 0 {
            return;
        }
        let id = self.place(key, state, now);
        self.by_interface.remove(&key);
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.answer_by = connection.answer_by.min(now);
        let changed = connection
            .published
            .as_ref()
            .is_none_or(|published| published.counters != connection.counters());
        if changed {
            Self::set_deadline(&mut self.deadlines, connection, now);
        }
    }

    /// Takes a drop, from the ring buffer or a sweep. What happens in namespaces that are neither the node's nor a pod's is
    /// none of this node's business.
    pub fn drop(&mut self, key: DropKey, state: DropState, now: u64) {
        if !self.is_here(&key) {
            return;
        }
        let id = match self
            .by_drop
            .get(&key)
            .filter(|id| self.connections.contains_key(id))
        {
            Some(id) => *id,
            None => self.place_drop(&key, &state, now),
        };
        let record = self.drop_record(key, state);
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        match connection.drops.iter_mut().find(|drop| drop.key == key) {
            // A sweep overtakes events that still wait in the ring: what is older than it says nothing new.
            Some(known) if record.state.last_seen < known.state.last_seen => return,
            Some(known) => known.state = record.state,
            None => {
                connection.learn_opener(record.dialled());
                connection.drops.push(record);
                self.by_drop.insert(key, id);
            }
        }
        self.update_deadline(id, now, true);
    }

    /// Forgets which connections an interface carried: its number may come again for another pod.
    pub fn interface_down(&mut self, ifindex: u32) {
        self.by_interface.retain(|key, _| key.ifindex != ifindex);
        self.pod_netns.remove(&ifindex);
        self.interfaces.remove(&ifindex);
    }

    /// The next revision that is due, if any.
    pub(crate) fn next_due(&mut self, now: u64) -> Option<Due<'_>> {
        loop {
            let &Reverse((deadline, id)) = self.deadlines.peek()?;
            if deadline > now {
                return None;
            }
            self.deadlines.pop();
            let Some(connection) = self.connections.get_mut(&id) else {
                continue;
            };
            if connection.deadline != Some(deadline) {
                continue;
            }
            connection.deadline = None;
            let to_node = self.holders.is_node(connection.destination().0);
            let revision = due::revision(connection, now, to_node);
            let is_told_again = std::mem::take(&mut connection.is_told_again);
            if connection.published.as_ref() == Some(&revision) && !is_told_again {
                continue;
            }
            break self.connections.get_mut(&id).map(|connection| Due {
                connection,
                revision,
            });
        }
    }

    /// Puts off what is due of a connection to this time at the latest.
    pub(crate) fn put_off(&mut self, id: FlowId, until: u64) {
        if let Some(connection) = self.connections.get_mut(&id) {
            Self::set_deadline(&mut self.deadlines, connection, until);
        }
    }

    /// Makes a revision of a connection due, since more is known of its ends. Nothing where it is forgotten.
    pub(crate) fn tell_again(&mut self, id: FlowId, now: u64) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_told_again = true;
            Self::set_deadline(&mut self.deadlines, connection, now);
        }
    }

    /// Forgets what is over. Cheap to call often.
    pub fn forget(&mut self, now: u64) {
        if now.saturating_sub(self.looked_through) < LOOK_THROUGH {
            return;
        }
        self.looked_through = now;
        let by_interface = &self.by_interface;
        let over: Vec<FlowId> = self
            .connections
            .values()
            .filter(|connection| connection.deadline.is_none())
            .filter(|connection| {
                let live = connection
                    .sightings
                    .iter()
                    .any(|seen| by_interface.get(&seen.key) == Some(&connection.id));
                let published = connection.published.as_ref();
                let blocked = published.is_some_and(|last| last.observed.verdict.is_blocked());
                let linger = if blocked { BLOCKED_LINGER } else { LINGER };
                let quiet = now.saturating_sub(connection.seen().1) > linger;
                quiet && (!live || connection.state() == State::Ended)
            })
            .map(|connection| connection.id)
            .collect();
        for id in over {
            self.remove(id);
        }
        let connections = &self.connections;
        self.order.retain(|id| connections.contains_key(id));
    }

    /// Open connections that have gone on for a while since anything was told of them. Cheap to call often.
    pub(crate) fn going_on(&mut self, now: u64) -> impl Iterator<Item = &Connection> {
        let is_due = now.saturating_sub(self.looked_on) >= LOOK_THROUGH;
        if is_due {
            self.looked_on = now;
        }
        let connections = is_due.then(|| self.connections.values_mut());
        connections.into_iter().flatten().filter_map(|connection| {
            let last = connection.seen().1;
            let is_told = connection.published.is_some();
            if !is_told || last < connection.told_at.saturating_add(GOING_ON) {
                return None;
            }
            connection.told_at = last;
            Some(&*connection)
        })
    }

    /// Decides when the next revision of a connection is due, if there is anything to tell.
    fn update_deadline(&mut self, id: FlowId, now: u64, swept: bool) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let to_node = self.holders.is_node(connection.destination().0);
        let due = due::at(connection, to_node, now, swept);
        if let Some(due) = due {
            Self::set_deadline(&mut self.deadlines, connection, due);
        }
    }

    /// Brings a deadline forward; a later one than what stands changes nothing.
    fn set_deadline(
        deadlines: &mut BinaryHeap<Reverse<(u64, FlowId)>>,
        connection: &mut Connection,
        due: u64,
    ) {
        if connection.deadline.is_none_or(|deadline| due < deadline) {
            connection.deadline = Some(due);
            deadlines.push(Reverse((due, connection.id)));
        }
    }
}

/// Every event of it was accepted, and it began too long ago to be still on its way: it was published and forgotten.
fn is_over(state: &FlowState, now: u64) -> bool {
    let reported = flow_flag::NEW_REPORTED | flow_flag::ENDED_REPORTED;
    state.flags & reported == reported && now.saturating_sub(state.first_seen) > LINGER
}
