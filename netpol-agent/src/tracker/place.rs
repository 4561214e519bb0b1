//! Which connection a record is about: an interface's entry, another interface's view of the same, a drop on the way.

use std::sync::Arc;

use netpol_common::record::{Counters as Counted, DropKey, DropState, FlowKey, FlowState, Tuple};
use netpol_common::record::{drop_flag, flow_flag};

use super::connection::Connection;
use super::sighting::{Dialled, DropRecord, Sighting, TCP};
use super::{REJECT_LAG, Tracker};
use crate::drop_class::{DropFacts, classify};
use crate::flow::{FlowId, State, ip_address};

impl Tracker {
    /// Finds or makes the connection of a flow record, and brings it up to date.
    pub(super) fn place(&mut self, key: FlowKey, state: FlowState, now: u64) -> FlowId {
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
    pub(super) fn place_drop(&mut self, key: &DropKey, state: &DropState, now: u64) -> FlowId {
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

    pub(super) fn drop_record(&self, key: DropKey, mut state: DropState) -> DropRecord {
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

    pub(super) fn open(&mut self, dialled: Dialled, protocol: u8, now: u64) -> FlowId {
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

    pub(super) fn remove(&mut self, id: FlowId) {
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

    /// Whether a drop happened on the node itself or inside one of its pods: a namespace known by an interface, one in
    /// which a packet with a pod's address was made, or one that a packet with this tuple was handed to.
    /// What somebody sends to itself never comes by a pod's interface, and no policy has a say in it.
    pub(super) fn is_here(&self, key: &DropKey) -> bool {
        let on_node = key.netns == self.config.node_netns || key.netns == 0;
        let Tuple {
            source,
            destination,
            ..
        } = key.tuple;
        let is_loopback = [source, destination]
            .into_iter()
            .any(|end| ip_address(end).is_loopback());
        // A pod that reaches itself through a Service is seen on its interface.
        let to_itself = source == destination && (!on_node || self.holders.is_node(source));
        if is_loopback || to_itself {
            return false;
        }
        let made_there = key.input_ifindex == 0 && self.holders.is_pod(key.tuple.source);
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
