//! What one record shows of a connection: an interface's entry, or a drop.

use std::sync::Arc;

use netpol_common::record::{Address, Counters as Counted, DropKey, DropState, FlowKey, FlowState};
use netpol_common::record::{Crossing, Tuple, drop_flag, flow_flag};

use crate::flow::{Counters, DropClass};

/// IANA protocol number of TCP.
pub(crate) const TCP: u8 = 6;
const SYN: u32 = 0x02;
const ACK: u32 = 0x10;

/// How sure it is who opened a connection. Never decided by port numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Opener {
    /// Whoever was first seen to speak.
    Inferred,
    /// Conntrack's original direction.
    Conntrack,
    /// The opening packet was seen.
    Seen,
}

/// A tuple as its opener dialled it, and how sure that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialled {
    pub(crate) tuple: Tuple,
    pub(crate) opener: Opener,
}

/// A connection on one interface.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    pub(crate) key: FlowKey,
    pub(crate) state: FlowState,
    /// When the kernel's entry was made; `state.first_seen` is older where an entry before it was evicted.
    pub(crate) entry: u64,
    /// Counted in entries before that.
    pub(crate) earlier: [Counted; 2],
}

impl Sighting {
    pub(crate) fn new(key: FlowKey, state: FlowState) -> Self {
        Self {
            key,
            state,
            entry: state.first_seen,
            earlier: [Counted::default(); 2],
        }
    }

    pub(super) fn has(&self, flag: u32) -> bool {
        self.state.flags & flag != 0
    }

    /// The end behind the interface, and the other one.
    pub(super) fn pod_and_remote(&self) -> ((Address, u16), (Address, u16)) {
        let low = (self.key.low, self.key.low_port);
        let high = (self.key.high, self.key.high_port);
        if self.has(flow_flag::POD_IS_LOW) {
            (low, high)
        } else {
            (high, low)
        }
    }

    /// What the opener dialled, as far as this interface tells.
    pub(crate) fn dialled(&self) -> Dialled {
        let seen = self.has(flow_flag::OPENING_SEEN);
        if self.has(flow_flag::CT_ORIGINAL) {
            let opener = if seen {
                Opener::Seen
            } else {
                Opener::Conntrack
            };
            return Dialled {
                tuple: self.state.ct_original,
                opener,
            };
        }
        let (pod, remote) = self.pod_and_remote();
        let (source, destination) = if self.has(flow_flag::OPENED_TO_POD) {
            (remote, pod)
        } else {
            (pod, remote)
        };
        let opener = if seen { Opener::Seen } else { Opener::Inferred };
        Dialled {
            tuple: tuple(source, destination),
            opener,
        }
    }

    /// Whether the end behind the interface is the connection's source. Nothing is translated yet where the source's
    /// packets enter the node, so there the tuple is the dialled one.
    pub(super) fn is_sources(&self, dialled: &Tuple) -> bool {
        self.pod_and_remote().0 == (dialled.source, dialled.source_port)
    }

    pub(super) fn counters(&self, crossing: Crossing) -> Counters {
        let index = crossing as usize;
        let (now, earlier) = (&self.state.counters[index], &self.earlier[index]);
        Counters {
            packets: now.packets + earlier.packets,
            bytes: now.bytes + earlier.bytes,
            tcp_flags: u8::try_from((now.tcp_flags | earlier.tcp_flags) & 0xff).unwrap_or(0),
        }
    }
}

/// One kind of drop of a connection's packets.
#[derive(Clone, Debug)]
pub(crate) struct DropRecord {
    pub(crate) key: DropKey,
    pub(crate) state: DropState,
    pub(crate) reason: Arc<str>,
    pub(crate) location: Arc<str>,
    pub(crate) class: DropClass,
    pub(crate) in_node_netns: bool,
}

impl DropRecord {
    pub(crate) fn dialled(&self) -> Dialled {
        let opening = self.state.flags & drop_flag::OPENING != 0;
        if self.state.flags & drop_flag::CT_ORIGINAL != 0 {
            let opener = if opening {
                Opener::Seen
            } else {
                Opener::Conntrack
            };
            return Dialled {
                tuple: self.state.ct_original,
                opener,
            };
        }
        let answer =
            self.key.protocol == TCP && u32::from(self.state.tcp_flags) & (SYN | ACK) == SYN | ACK;
        if answer {
            return Dialled {
                tuple: reversed(&self.key.tuple),
                opener: Opener::Inferred,
            };
        }
        let opener = if opening {
            Opener::Seen
        } else {
            Opener::Inferred
        };
        Dialled {
            tuple: self.key.tuple,
            opener,
        }
    }

    /// Whether the packets went against the opener's direction.
    pub(super) fn is_of_reply(&self, dialled: &Tuple) -> bool {
        if self.state.flags & drop_flag::CT_ORIGINAL != 0 {
            let turned = self.state.ct_original != *dialled;
            return (self.state.flags & drop_flag::CT_REPLY_DIRECTION != 0) != turned;
        }
        let packet = &self.key.tuple;
        (packet.destination, packet.destination_port) == (dialled.source, dialled.source_port)
            && (packet.source, packet.source_port) != (dialled.source, dialled.source_port)
    }
}

fn tuple(source: (Address, u16), destination: (Address, u16)) -> Tuple {
    Tuple {
        source: source.0,
        destination: destination.0,
        source_port: source.1,
        destination_port: destination.1,
    }
}

fn reversed(packet: &Tuple) -> Tuple {
    tuple(
        (packet.destination, packet.destination_port),
        (packet.source, packet.source_port),
    )
}
