//! The life of one connection on one interface: a state machine over packets, run in the kernel and tested on the host.

use core::marker::PhantomData;

use crate::packet::{Packet, signal, transport};
use crate::record::{Crossing, EventKind, FlowKey, FlowState, Tuple, flow_flag};

/// One packet as the flow table sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// Which way it crossed the interface.
    pub crossing: Crossing,
    /// CLOCK_BOOTTIME nanoseconds.
    pub now: u64,
    /// Network-layer bytes.
    pub bytes: u64,
    /// Packets it stands for: segments of a GSO train, else 1.
    pub segments: u32,
    /// Made by this node itself: it goes to the pod and came in by no interface.
    pub node_made: bool,
}

impl FlowKey {
    /// The key of a packet's connection on an interface; the same for both directions.
    #[inline(always)]
    #[must_use]
    pub fn new(tuple: &Tuple, protocol: u8, ifindex: u32) -> Self {
        if source_is_low(tuple) {
            Self {
                low: tuple.source,
                high: tuple.destination,
                low_port: tuple.source_port,
                high_port: tuple.destination_port,
                ifindex,
                protocol,
                reserved: [0; 3],
            }
        } else {
            Self {
                low: tuple.destination,
                high: tuple.source,
                low_port: tuple.destination_port,
                high_port: tuple.source_port,
                ifindex,
                protocol,
                reserved: [0; 3],
            }
        }
    }
}

/// Whether the source's (address, port) is the lower, or both are equal.
#[inline(always)]
fn source_is_low(tuple: &Tuple) -> bool {
    let source = u128::from_be_bytes(tuple.source);
    let destination = u128::from_be_bytes(tuple.destination);
    source < destination || (source == destination && tuple.source_port <= tuple.destination_port)
}

impl FlowState {
    /// State for a connection's first packet, nothing counted yet.
    #[inline(always)]
    #[must_use]
    pub fn open(packet: &Packet, sighting: &Sighting) -> Self {
        let to_pod = matches!(sighting.crossing, Crossing::ToPod);
        let mut flags = 0;
        if source_is_low(&packet.tuple) != to_pod {
            flags |= flow_flag::POD_IS_LOW;
        }
        let opened_to_pod = if packet.has(signal::OPENING) {
            flags |= flow_flag::OPENING_SEEN;
            to_pod
        } else {
            flags |= flow_flag::INFERRED;
            // An answer proves that its receiver opened; of anything else the sender is taken for the opener.
            to_pod != packet.has(signal::ANSWER)
        };
        if opened_to_pod {
            flags |= flow_flag::OPENED_TO_POD;
        }
        Self {
            first_seen: sighting.now,
            last_seen: sighting.now,
            flags,
            icmp: u16::from_be_bytes([packet.icmp_type, packet.icmp_code]),
            ..Self::default()
        }
    }

    /// Whether a packet opens a new connection on the ports of this, ended, one. Only a handshake can tell: the next
    /// datagram or echo request after an ICMP error belongs to the same conversation.
    #[inline(always)]
    #[must_use]
    pub fn is_succeeded_by(&self, packet: &Packet) -> bool {
        self.flags & flow_flag::ENDED != 0
            && packet.has(signal::OPENING)
            && matches!(packet.protocol, transport::TCP | transport::SCTP)
    }

    /// Flags that a packet adds. Its addresses say whose it is, not its crossing: a pod that forwards packets sends out
    /// again what was sent to it.
    #[inline(always)]
    fn learnt(flags: u32, packet: &Packet, sighting: &Sighting) -> u32 {
        let pod_is_low = flags & flow_flag::POD_IS_LOW != 0;
        let opened_to_pod = flags & flow_flag::OPENED_TO_POD != 0;
        let to_pod = source_is_low(&packet.tuple) != pod_is_low;
        let mut learnt = 0;
        if to_pod != opened_to_pod {
            if sighting.node_made && packet.has(signal::RESET) {
                learnt |= flow_flag::NODE_RST;
            } else {
                if packet.has(signal::RESET) && flags & flow_flag::REPLY_SEEN == 0 {
                    learnt |= flow_flag::PEER_RST;
                }
                learnt |= flow_flag::REPLY_SEEN;
            }
        }
        if packet.has(signal::FINISH) {
            learnt |= if to_pod {
                flow_flag::FIN_TO_POD
            } else {
                flow_flag::FIN_FROM_POD
            };
        }
        let finished = flow_flag::FIN_TO_POD | flow_flag::FIN_FROM_POD;
        if packet.has(signal::RESET) || (flags | learnt) & finished == finished {
            learnt |= flow_flag::ENDED;
        }
        learnt
    }
}

/// The event that is due for a connection's flags: something happened that the ring buffer has not accepted yet.
#[inline(always)]
#[must_use]
pub fn due_event(flags: u32) -> Option<EventKind> {
    if flags & flow_flag::NEW_REPORTED == 0 {
        Some(EventKind::FlowNew)
    } else if flags & flow_flag::ENDED != 0 && flags & flow_flag::ENDED_REPORTED == 0 {
        Some(EventKind::FlowEnded)
    } else if flags & flow_flag::REPLY_SEEN != 0 && flags & flow_flag::ESTABLISHED_REPORTED == 0 {
        Some(EventKind::FlowEstablished)
    } else {
        None
    }
}

/// Flags that are reported once an event that carried `flags` was accepted.
#[inline(always)]
#[must_use]
pub fn reported(flags: u32) -> u32 {
    let mut reported = flow_flag::NEW_REPORTED;
    if flags & flow_flag::REPLY_SEEN != 0 {
        reported |= flow_flag::ESTABLISHED_REPORTED;
    }
    if flags & flow_flag::ENDED != 0 {
        reported |= flow_flag::ENDED_REPORTED;
    }
    reported
}

/// Changes to memory that other CPUs change at the same time. The kernel side's target has instructions for them that
/// `core::sync::atomic` does not offer there.
pub trait Atomic {
    /// `*at += value`.
    ///
    /// # Safety
    /// `at` is valid, aligned, and changed by others only through this trait.
    unsafe fn add(at: *mut u64, value: u64);
    /// `*at |= bits`.
    ///
    /// # Safety
    /// As for `add`.
    unsafe fn or(at: *mut u32, bits: u32);
}

/// A map value that other CPUs count into at the same time.
#[derive(Debug)]
pub struct SharedFlow<A> {
    state: *mut FlowState,
    atomic: PhantomData<A>,
}

impl<A> Clone for SharedFlow<A> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for SharedFlow<A> {}

impl<A: Atomic> SharedFlow<A> {
    /// Takes a pointer to a live map value.
    ///
    /// # Safety
    /// `state` is non-null, aligned, and stays valid while the value is used; others access it only as this type does.
    #[inline(always)]
    #[must_use]
    pub unsafe fn new(state: *mut FlowState) -> Self {
        Self {
            state,
            atomic: PhantomData,
        }
    }

    /// Counts a packet and returns the flags after it.
    #[inline(always)]
    pub fn count(self, packet: &Packet, sighting: &Sighting) -> u32 {
        self.count_bytes(sighting, u32::from(packet.tcp_flags), 0);
        let before = self.flags();
        self.add_flags(before, FlowState::learnt(before, packet, sighting))
    }

    /// Counts a later fragment, which says nothing about the connection's state.
    #[inline(always)]
    pub fn count_fragment(self, sighting: &Sighting) {
        self.count_bytes(sighting, 0, 1);
    }

    /// Adds flags to those `before`, and returns all.
    #[inline(always)]
    pub fn add_flags(self, before: u32, added: u32) -> u32 {
        if before & added != added {
            // SAFETY: by the contract of `new`.
            unsafe { A::or(&raw mut (*self.state).flags, added) };
        }
        before | added
    }

    /// Flags as of now.
    #[inline(always)]
    #[must_use]
    pub fn flags(self) -> u32 {
        // SAFETY: by the contract of `new`.
        unsafe { (&raw const (*self.state).flags).read_volatile() }
    }

    #[inline(always)]
    fn count_bytes(self, sighting: &Sighting, tcp_flags: u32, fragments: u64) {
        // SAFETY: by the contract of `new`. Of the time stamp the latest writer may win.
        unsafe {
            let counters = match sighting.crossing {
                Crossing::FromPod => &raw mut (*self.state).counters[0],
                Crossing::ToPod => &raw mut (*self.state).counters[1],
            };
            A::add(&raw mut (*counters).packets, u64::from(sighting.segments));
            A::add(&raw mut (*counters).bytes, sighting.bytes);
            if fragments != 0 {
                A::add(&raw mut (*counters).fragments, fragments);
            }
            let seen = (&raw const (*counters).tcp_flags).read_volatile();
            if seen & tcp_flags != tcp_flags {
                A::or(&raw mut (*counters).tcp_flags, tcp_flags);
            }
            (&raw mut (*self.state).last_seen).write_volatile(sighting.now);
        }
    }
}
