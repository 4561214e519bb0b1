//! What crosses from the kernel to user space: map keys, map values and ring-buffer records.
//!
//! Every layout is `repr(C)` without implicit padding, and asserted at compile time. Change one and [`ABI_VERSION`]
//! changes with it: pinned maps carry it in their directory's name.

/// Version of every layout in this module.
pub const ABI_VERSION: u32 = 1;

/// An IPv6 address, or an IPv4 address mapped into `::ffff:0:0/96` (RFC 4291, 2.5.5.2); network byte order.
pub type Address = [u8; 16];

/// Source and destination as they stand in one packet. Ports in host byte order; 0 where the protocol has none. For
/// ICMP echo both ports hold the identifier.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tuple {
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

/// One connection on one interface, the same for both directions: the lower (address, port) stands first.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// Lower end's address.
    pub low: Address,
    /// Higher end's address.
    pub high: Address,
    /// Lower end's port.
    pub low_port: u16,
    /// Higher end's port.
    pub high_port: u16,
    /// Host-side interface on which it was seen.
    pub ifindex: u32,
    /// IANA protocol number.
    pub protocol: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

/// Which way a packet crossed the host side of a pod's interface.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Crossing {
    /// From the pod (ingress of the host-side device).
    FromPod = 0,
    /// To the pod (egress of the host-side device).
    ToPod = 1,
}

/// Counters of one crossing. Bytes count the network layer, header included.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets (a GSO segment train counts as its segments).
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Later fragments that were counted to this flow, included in `packets`.
    pub fragments: u64,
    /// Union of TCP flags (RFC 9293, low 8 bits).
    pub tcp_flags: u32,
    /// Zero.
    pub reserved: u32,
}

/// Bits of [`FlowState::flags`].
pub mod flow_flag {
    /// The first packet seen opened the connection: SYN without ACK, an SCTP INIT, an ICMP echo request, or the first
    /// packet of a protocol without an opening.
    pub const OPENING_SEEN: u32 = 1 << 0;
    /// The first packet went to the pod, so the remote end spoke first (or the direction was turned round, see
    /// `INFERRED`).
    pub const OPENED_TO_POD: u32 = 1 << 1;
    /// Opener inferred from something other than an opening packet.
    pub const INFERRED: u32 = 1 << 2;
    /// A packet against the opener's direction was seen.
    pub const REPLY_SEEN: u32 = 1 << 3;
    /// RST seen, or FIN from both sides.
    pub const ENDED: u32 = 1 << 4;
    /// A RST made by this node (`ingress_ifindex` 0) went to the pod.
    pub const NODE_RST: u32 = 1 << 5;
    /// An ICMP error made by this node about this flow went to the pod.
    pub const NODE_ICMP: u32 = 1 << 6;
    /// A RST from the far side, which came in by an interface.
    pub const PEER_RST: u32 = 1 << 7;
    /// An ICMP error from the far side, which came in by an interface.
    pub const PEER_ICMP: u32 = 1 << 8;
    /// `ct_original` is set.
    pub const CT_ORIGINAL: u32 = 1 << 9;
    /// `ct_reply` is set.
    pub const CT_REPLY: u32 = 1 << 10;
    /// The pod behind the interface is the lower end of the key; without it, the higher one.
    pub const POD_IS_LOW: u32 = 1 << 11;
    /// FIN seen from the pod.
    pub const FIN_FROM_POD: u32 = 1 << 12;
    /// FIN seen to the pod.
    pub const FIN_TO_POD: u32 = 1 << 13;
    /// The "new" event was accepted by the ring buffer.
    pub const NEW_REPORTED: u32 = 1 << 16;
    /// The "established" event was accepted by the ring buffer.
    pub const ESTABLISHED_REPORTED: u32 = 1 << 17;
    /// The "ended" event was accepted by the ring buffer.
    pub const ENDED_REPORTED: u32 = 1 << 18;
}

/// What is known of one connection on one interface.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowState {
    /// CLOCK_BOOTTIME nanoseconds of the first packet.
    pub first_seen: u64,
    /// CLOCK_BOOTTIME nanoseconds of the latest packet.
    pub last_seen: u64,
    /// By [`Crossing`].
    pub counters: [Counters; 2],
    /// Of [`flow_flag`].
    pub flags: u32,
    /// ICMP type (high byte) and code (low byte) of the first packet; 0 for other protocols.
    pub icmp: u16,
    /// Zero.
    pub reserved: u16,
    /// Conntrack's original tuple, where one was readable.
    pub ct_original: Tuple,
    /// Conntrack's reply tuple (its source is the backend that answers), where one was readable.
    pub ct_reply: Tuple,
    /// Inode number of the pod's network namespace, by the socket that a packet from the pod came from; 0 where none was
    /// seen.
    pub pod_netns: u32,
    /// Zero.
    pub reserved_end: u32,
}

/// One kind of drop of one tuple.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DropKey {
    /// Kernel address that freed the packet.
    pub location: u64,
    /// As in the packet when it was freed.
    pub tuple: Tuple,
    /// Number of `enum skb_drop_reason` of the running kernel.
    pub reason: u32,
    /// `skb->dev`; 0 where there was none.
    pub ifindex: u32,
    /// `skb->skb_iif`; 0 where there was none.
    pub input_ifindex: u32,
    /// Inode number of the network namespace; 0 where not known.
    pub netns: u32,
    /// IANA protocol number.
    pub protocol: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

/// Bits of [`DropState::flags`].
pub mod drop_flag {
    /// `ct_original` is set.
    pub const CT_ORIGINAL: u32 = 1 << 0;
    /// The packet went in conntrack's reply direction.
    pub const CT_REPLY_DIRECTION: u32 = 1 << 1;
    /// The first packet opened a connection (SYN without ACK) or its protocol has no opening.
    pub const OPENING: u32 = 1 << 2;
    /// The first-drop event was accepted by the ring buffer.
    pub const REPORTED: u32 = 1 << 16;
}

/// Counters of one [`DropKey`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropState {
    /// CLOCK_BOOTTIME nanoseconds of the first drop.
    pub first_seen: u64,
    /// CLOCK_BOOTTIME nanoseconds of the latest drop.
    pub last_seen: u64,
    /// Packets dropped.
    pub packets: u64,
    /// Network-layer bytes dropped.
    pub bytes: u64,
    /// Of [`drop_flag`].
    pub flags: u32,
    /// Union of TCP flags.
    pub tcp_flags: u8,
    /// ICMP type.
    pub icmp_type: u8,
    /// ICMP code.
    pub icmp_code: u8,
    /// Zero.
    pub reserved: u8,
    /// Conntrack's original tuple, where one was readable.
    pub ct_original: Tuple,
    /// Zero.
    pub reserved_end: [u8; 4],
}

/// What a ring-buffer record tells.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A connection's first packet on an interface: [`FlowEvent`].
    FlowNew = 1,
    /// Its first reply: [`FlowEvent`].
    FlowEstablished = 2,
    /// RST, or FIN from both sides: [`FlowEvent`].
    FlowEnded = 3,
    /// First drop of a [`DropKey`]: [`DropEvent`].
    Drop = 4,
}

/// First bytes of every ring-buffer record.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventHeader {
    /// [`ABI_VERSION`].
    pub abi: u32,
    /// An [`EventKind`].
    pub kind: u32,
}

/// A connection and its state at the moment of the event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowEvent {
    /// Kind: one of the `Flow…` kinds.
    pub header: EventHeader,
    /// Which connection.
    pub key: FlowKey,
    /// Zero.
    pub reserved: u32,
    /// State right after the packet was counted.
    pub state: FlowState,
}

/// A drop and its state at the moment of the event.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropEvent {
    /// Kind: [`EventKind::Drop`].
    pub header: EventHeader,
    /// Which drop.
    pub key: DropKey,
    /// State after the first packet.
    pub state: DropState,
}

/// Per-CPU counters, indexes into one array map. Only ever grow while the map lives.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Counter {
    /// Packets seen by the tc programs.
    PacketsSeen = 0,
    /// Packets that are neither IPv4 nor IPv6 (ARP and the like): not flows.
    NotIp = 1,
    /// Packets whose headers are truncated.
    Truncated = 2,
    /// Packets whose headers contradict themselves, or exceed the parser's bounds.
    Malformed = 3,
    /// Later fragments whose first fragment is not known.
    FragmentsUnmatched = 4,
    /// New entries in the flow map.
    FlowsInserted = 5,
    /// Entries the kernel side deleted itself (a port pair used again).
    FlowsDeleted = 6,
    /// Flow-map insertions that failed.
    FlowsFailed = 7,
    /// Flow events that the ring buffer accepted.
    FlowEventsSent = 8,
    /// Flow events that the ring buffer refused.
    FlowEventsLost = 9,
    /// Dropped packets counted.
    DropsSeen = 10,
    /// New entries in the drop map.
    DropsInserted = 11,
    /// Drop-map insertions that failed.
    DropsFailed = 12,
    /// Drop events that the ring buffer accepted.
    DropEventsSent = 13,
    /// Drop events that the ring buffer refused.
    DropEventsLost = 14,
    /// Dropped packets whose headers could not be read.
    DropsUnparsed = 15,
    /// New entries in the fragment map.
    FragmentsInserted = 16,
}

impl Counter {
    /// Number of counters; the length of the map.
    pub const COUNT: u32 = 17;
}

/// Key of the fragment map: what every fragment of one packet shares (RFC 791; RFC 8200, 4.5).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FragmentKey {
    /// Source address.
    pub source: Address,
    /// Destination address.
    pub destination: Address,
    /// Identification (16 bits in IPv4).
    pub identification: u32,
    /// Host-side interface.
    pub ifindex: u32,
    /// IANA protocol number for IPv4; 0 for IPv6, where only the first fragment tells the transport.
    pub protocol: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

/// Transport and ports of a packet whose first fragment was seen.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FragmentPorts {
    /// Source port, host byte order.
    pub source_port: u16,
    /// Destination port, host byte order.
    pub destination_port: u16,
    /// IANA protocol number of the transport.
    pub protocol: u8,
    /// Zero.
    pub reserved: [u8; 3],
}

const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(size_of::<Tuple>() == 36);
    assert!(size_of::<FlowKey>() == 44);
    assert!(offset_of!(FlowKey, ifindex) == 36);
    assert!(size_of::<Counters>() == 32);
    assert!(size_of::<FlowState>() == 168);
    assert!(offset_of!(FlowState, flags) == 80);
    assert!(offset_of!(FlowState, ct_original) == 88);
    assert!(size_of::<DropKey>() == 64);
    assert!(offset_of!(DropKey, reason) == 44);
    assert!(size_of::<DropState>() == 80);
    assert!(offset_of!(DropState, ct_original) == 40);
    assert!(size_of::<FlowEvent>() == 224);
    assert!(offset_of!(FlowEvent, state) == 56);
    assert!(size_of::<DropEvent>() == 152);
    assert!(size_of::<FragmentKey>() == 44);
};
