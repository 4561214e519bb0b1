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
mod outcome;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use netpol_common::record::{Address, DropKey, DropState, FlowKey, FlowState};
use netpol_common::record::{Counters as Counted, drop_flag, flow_flag};

pub(crate) use connection::Connection;
use connection::{Dialled, DropRecord, Published, Sighting, TCP};

use crate::drop_class::{DropFacts, Names, classify};
use crate::flow::{FlowId, Observed, ObservedVerdict, State};

/// How long a drop, or an answer made by the node, waits for the record that completes it.
const COMPLETION: u64 = 50_000_000;
/// How long the end of a published connection waits for its last counters.
const SETTLING: u64 = 1_500_000_000;
/// A node that rejects first sends its RST or ICMP error, which ends the connection, and then frees the packet: so much
/// later at most (nanoseconds).
const REJECT_LAG: u64 = 10_000_000;
/// How long an ended connection, or one that was seen in drops alone, is remembered for stragglers.
const LINGER: u64 = 30_000_000_000;
/// The same for a blocked one: retransmissions of a SYN come up to 64 s apart (`tcp_syn_retries` 6).
const BLOCKED_LINGER: u64 = 130_000_000_000;
/// How often remembered connections are looked through.
const LOOK_THROUGH: u64 = 5_000_000_000;

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

/// Everything that was seen and is not over.
pub struct Tracker {
    config: TrackerConfig,
    names: Arc<dyn Names>,
    node_addresses: HashSet<Address>,
    pod_addresses: HashSet<Address>,
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
    evicted: u64,
}

/// A revision that is due.
pub(crate) struct Due<'a> {
    /// The connection.
    pub(crate) connection: &'a mut Connection,
    /// What was seen of it.
    pub(crate) observed: Observed,
}

impl Tracker {
    /// An empty tracker.
    #[must_use]
    pub fn new(config: TrackerConfig, names: Arc<dyn Names>) -> Self {
        Self {
            config,
            names,
            node_addresses: HashSet::new(),
            pod_addresses: HashSet::new(),
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
            evicted: 0,
        }
    }

    /// Tells which addresses are nodes': what a node answers in its own name is no rejection.
    pub fn set_node_addresses(&mut self, addresses: HashSet<Address>) {
        self.node_addresses = addresses;
    }

    /// Addresses of pods: packets that come from them were made inside a pod.
    pub fn set_pod_addresses(&mut self, addresses: HashSet<Address>) {
        self.pod_addresses = addresses;
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

    /// Whether a drop happened on the node itself or inside one of its pods: a namespace known by an interface, one in
    /// which a packet with a pod's address was made, or one that a packet with this tuple was handed to.
    fn is_here(&self, key: &DropKey) -> bool {
        let on_node = key.netns == self.config.node_netns || key.netns == 0;
        let made_there = key.input_ifindex == 0 && self.pod_addresses.contains(&key.tuple.source);
        on_node
            || made_there
            || self.by_drop.contains_key(key)
            || self.pod_netns.values().any(|netns| *netns == key.netns)
            || self.was_delivered(key)
    }

    /// Whether a packet with this tuple went to a pod: what drops it then in another namespace is the pod. A packet that a
    /// pod sent may be dropped by anybody on its way.
    fn was_delivered(&self, key: &DropKey) -> bool {
        let destination = (key.tuple.destination, key.tuple.destination_port);
        self.on_any_interface(key)
            .and_then(|id| self.connections.get(&id))
            .is_some_and(|connection| {
                connection
                    .sightings
                    .iter()
                    .any(|seen| seen.pod_and_remote().0 == destination)
            })
    }

    /// The connection that has this tuple, translated as it is, on one of the pods' interfaces.
    fn on_any_interface(&self, key: &DropKey) -> Option<FlowId> {
        self.interfaces.iter().find_map(|ifindex| {
            let entry = FlowKey::new(&key.tuple, key.protocol, *ifindex);
            self.by_interface.get(&entry).copied()
        })
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
            let to_node = self.node_addresses.contains(&connection.destination().0);
            let published = snapshot(connection, now, to_node);
            if connection.published.as_ref() == Some(&published) {
                continue;
            }
            let observed = published.observed.clone();
            connection.revision += 1;
            connection.published = Some(published);
            break self.connections.get_mut(&id).map(|connection| Due {
                connection,
                observed,
            });
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

    /// Finds or makes the connection of a flow record, and brings it up to date.
    fn place(&mut self, key: FlowKey, state: FlowState, now: u64) -> FlowId {
        self.interfaces.insert(key.ifindex);
        if state.pod_netns != 0 {
            self.pod_netns.insert(key.ifindex, state.pod_netns);
        }
        let sighting = Sighting::new(key, state);
        let dialled = sighting.dialled();
        let dialled_key = FlowKey::new(&dialled.tuple, key.protocol, 0);
        let known = self.by_interface.get(&key).copied();
        let id = match known.filter(|id| self.continues(*id, &sighting, &dialled_key)) {
            Some(id) => id,
            None => {
                let joined = self.by_dialled.get(&dialled_key).copied();
                match joined.filter(|id| self.joins(*id, &sighting)) {
                    Some(id) => id,
                    None => self.open(dialled, key.protocol, now),
                }
            }
        };
        if let Some(stale) = known.filter(|stale| *stale != id) {
            self.leave(stale, &key, &dialled_key);
        }
        self.by_interface.insert(key, id);
        if let Some(connection) = self.connections.get_mut(&id) {
            match connection.sightings.iter_mut().find(|seen| seen.key == key) {
                Some(seen) => refresh(seen, state),
                None => connection.sightings.push(sighting),
            }
            connection.learn_opener(dialled);
            connection.note_progress();
        }
        id
    }

    /// Whether a record is about the connection that its interface entry belonged to so far.
    fn continues(&self, id: FlowId, sighting: &Sighting, dialled: &FlowKey) -> bool {
        let Some(connection) = self.connections.get(&id) else {
            return false;
        };
        if connection.key != *dialled {
            return false;
        }
        is_same_entry_or_retry(connection, sighting)
    }

    /// Whether a record from another interface is about this connection, and not about a later one on the same ports.
    fn joins(&self, id: FlowId, sighting: &Sighting) -> bool {
        let Some(connection) = self.connections.get(&id) else {
            return false;
        };
        let opening = sighting.state.flags & flow_flag::OPENING_SEEN != 0;
        let ended = connection.state() == State::Ended && !is_retried(connection);
        let is_later = opening && ended && sighting.state.first_seen > connection.seen().1;
        !is_later && is_same_entry_or_retry(connection, sighting)
    }

    /// Takes a sighting away from a connection that it turned out not to belong to, or whose ports are used again.
    fn leave(&mut self, id: FlowId, key: &FlowKey, dialled: &FlowKey) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        let mistaken = connection.key != *dialled;
        if mistaken && connection.published.is_none() {
            connection.sightings.retain(|seen| seen.key != *key);
            if connection.sightings.is_empty() && connection.drops.is_empty() {
                self.remove(id);
            }
        }
    }

    /// Finds or makes the connection of a drop that is seen for the first time.
    fn place_drop(&mut self, key: &DropKey, state: &DropState, now: u64) -> FlowId {
        let record = self.drop_record(*key, *state);
        let dialled = record.dialled();
        let tracked = state.flags & drop_flag::CT_ORIGINAL != 0;
        let on_interface = [key.input_ifindex, key.ifindex]
            .into_iter()
            .find_map(|ifindex| {
                let entry = FlowKey::new(&key.tuple, key.protocol, ifindex);
                self.by_interface.get(&entry).copied()
            });
        let of_dialled = || {
            let entry = FlowKey::new(&dialled.tuple, key.protocol, 0);
            self.by_dialled.get(&entry).copied()
        };
        let found = if !record.in_node_netns {
            self.on_any_interface(key).or_else(of_dialled)
        } else if tracked {
            of_dialled()
        } else {
            on_interface.or_else(of_dialled)
        };
        let opening = state.flags & drop_flag::OPENING != 0 && key.protocol == TCP;
        let found = found.filter(|id| {
            self.connections.get(id).is_some_and(|connection| {
                let later = state.first_seen > connection.seen().1 + REJECT_LAG;
                let ended = connection.state() == State::Ended && !is_retried(connection);
                !(opening && later && ended)
            })
        });
        found.unwrap_or_else(|| self.open(dialled, key.protocol, now))
    }

    fn drop_record(&self, key: DropKey, mut state: DropState) -> DropRecord {
        let reason = self.names.reason(key.reason);
        let location = self.names.location(key.location);
        let class = classify(&DropFacts {
            reason: &reason,
            location,
            tracked: state.flags & drop_flag::CT_ORIGINAL != 0,
            opening: state.flags & drop_flag::OPENING != 0,
            tcp: key.protocol == TCP,
        });
        let in_node_netns = key.netns == self.config.node_netns;
        if !in_node_netns {
            // A pod's conntrack does not know what the node has translated.
            state.flags &= !(drop_flag::CT_ORIGINAL | drop_flag::CT_REPLY_DIRECTION);
        }
        DropRecord {
            class,
            reason: Arc::from(reason.as_ref()),
            location: Arc::from(location.unwrap_or_default()),
            in_node_netns,
            key,
            state,
        }
    }

    fn open(&mut self, dialled: Dialled, protocol: u8, now: u64) -> FlowId {
        while self.connections.len() >= self.config.connections.max(1) {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(connection) = self.connections.get(&oldest) {
                let told = connection.published.is_some() && connection.deadline.is_none();
                if !told || connection.state() != State::Ended {
                    self.evicted += 1;
                }
                self.remove(oldest);
            }
        }
        let id = FlowId(self.next_id);
        self.next_id += 1;
        let wait = u64::try_from(self.config.answer_timeout.as_nanos()).unwrap_or(u64::MAX);
        let connection = Connection::new(id, dialled, protocol, now.saturating_add(wait));
        self.by_dialled.insert(connection.key, id);
        self.connections.insert(id, connection);
        self.order.push_back(id);
        id
    }

    fn remove(&mut self, id: FlowId) {
        let Some(connection) = self.connections.remove(&id) else {
            return;
        };
        let keys = connection.sightings.iter().map(|seen| seen.key);
        for (map, key) in keys
            .map(|key| (true, key))
            .chain(std::iter::once((false, connection.key)))
        {
            let map = if map {
                &mut self.by_interface
            } else {
                &mut self.by_dialled
            };
            if map.get(&key) == Some(&id) {
                map.remove(&key);
            }
        }
        for drop in &connection.drops {
            if self.by_drop.get(&drop.key) == Some(&id) {
                self.by_drop.remove(&drop.key);
            }
        }
    }

    /// Decides when the next revision of a connection is due, if there is anything to tell.
    fn update_deadline(&mut self, id: FlowId, now: u64, swept: bool) {
        let Some(connection) = self.connections.get_mut(&id) else {
            return;
        };
        connection.note_progress();
        let to_node = self.node_addresses.contains(&connection.destination().0);
        let evidence = connection.evidence(now, to_node);
        let due = match &connection.published {
            None if evidence.is_settled() => Some(now),
            None if evidence.is_partial() => Some(now + COMPLETION),
            None => Some(connection.answer_by.max(now)),
            Some(published) => {
                let verdict = evidence.outcome();
                let counted = published.counters != connection.counters()
                    || published.observed.drop != connection.shown_drop();
                let newly_ended =
                    published.state != State::Ended && connection.state() == State::Ended;
                let changed = published.observed.verdict != verdict
                    || published.observed.refused_by_peer != evidence.is_refused()
                    || published.state == State::New && connection.state() == State::Established
                    || published.dialled != connection.dialled.tuple
                    || published.destination != connection.destination();
                let first_drop = published.observed.drop.is_none() && !connection.drops.is_empty();
                if changed && verdict.is_blocked() && evidence.node_reply.is_none() || first_drop {
                    Some(now + COMPLETION)
                } else if changed {
                    Some(now)
                } else if newly_ended {
                    Some(if swept { now } else { now + SETTLING })
                } else if swept && counted && verdict.is_blocked() {
                    Some(now)
                } else {
                    None
                }
            }
        };
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

/// Whether a record agrees with what its interface showed of a connection before: the same entry of the kernel's map, a
/// later one for the middle of the connection, or another try to open it. After an answer, an opening packet begins
/// another connection; an ICMP error alone is none, since hosts go on trying (RFC 1122, 4.2.3.9).
fn is_same_entry_or_retry(connection: &Connection, sighting: &Sighting) -> bool {
    let opening = sighting.state.flags & flow_flag::OPENING_SEEN != 0;
    let mut before = connection
        .sightings
        .iter()
        .filter(|seen| seen.key == sighting.key);
    before.all(|seen| {
        let answered = seen.state.flags & (flow_flag::ENDED | flow_flag::REPLY_SEEN) != 0
            && !has_icmp_alone(&seen.state);
        sighting.state.first_seen <= seen.entry || !(opening && answered)
    })
}

/// Whether an ICMP error is all that came back.
fn has_icmp_alone(state: &FlowState) -> bool {
    let has = |flags: u32| state.flags & flags != 0;
    has(flow_flag::NODE_ICMP | flow_flag::PEER_ICMP)
        && !has(flow_flag::NODE_RST | flow_flag::PEER_RST | flow_flag::REPLY_SEEN)
}

/// Whether an ended connection goes on when it is opened again on the same ports: nothing but ICMP errors ended it. Their
/// packets may also have waited for the error, as those do that wait for a neighbour.
fn is_retried(connection: &Connection) -> bool {
    let mut ended = connection
        .sightings
        .iter()
        .filter(|seen| seen.state.flags & flow_flag::ENDED != 0);
    ended.all(|seen| has_icmp_alone(&seen.state))
}

/// Every event of it was accepted, and it began too long ago to be still on its way: it was published and forgotten.
fn is_over(state: &FlowState, now: u64) -> bool {
    let reported = flow_flag::NEW_REPORTED | flow_flag::ENDED_REPORTED;
    state.flags & reported == reported && now.saturating_sub(state.first_seen) > LINGER
}

/// Replaces a sighting's state. Where the kernel's entry was evicted and made anew, what it had counted is kept.
fn refresh(seen: &mut Sighting, state: FlowState) {
    if state.first_seen > seen.entry {
        for (earlier, counted) in seen.earlier.iter_mut().zip(seen.state.counters) {
            *earlier = Counted {
                packets: earlier.packets + counted.packets,
                bytes: earlier.bytes + counted.bytes,
                fragments: earlier.fragments + counted.fragments,
                tcp_flags: earlier.tcp_flags | counted.tcp_flags,
                ..*earlier
            };
        }
        seen.entry = state.first_seen;
    } else if state.last_seen < seen.state.last_seen {
        return;
    }
    let first_seen = seen.state.first_seen;
    let first_flags = seen.state.flags;
    seen.state = FlowState {
        flags: first_flags | state.flags,
        first_seen,
        ..state
    };
}

fn snapshot(connection: &Connection, now: u64, to_node: bool) -> Published {
    let evidence = connection.evidence(now, to_node);
    let verdict = evidence.outcome();
    Published {
        observed: Observed {
            verdict,
            delivered: evidence.delivered,
            reply_seen: evidence.replied,
            refused_by_peer: evidence.is_refused(),
            node_reply: evidence
                .node_reply
                .filter(|_| verdict != ObservedVerdict::Forwarded),
            drop: connection.shown_drop(),
        },
        state: connection.state(),
        dialled: connection.dialled.tuple,
        destination: connection.destination(),
        counters: connection.counters(),
    }
}
