//! One packet's headers, read by the same code in the kernel and on the host.
//!
//! ```text
//! link (Ethernet, VLAN) ─► network (IPv4, IPv6 with extension headers) ─► transport (TCP, UDP, SCTP, ICMP)
//! ```
//!
//! Everything is bounded: at most two VLAN tags, at most [`network::MAX_EXTENSION_HEADERS`] extension headers. Nothing is
//! read twice, nothing is allocated, and a length field is never trusted further than the packet reaches.

pub mod link;
pub mod network;
mod source;
pub mod transport;

pub use source::ByteSource;

use crate::record::Tuple;

/// What an interface puts in front of the network header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkLayer {
    /// Ethernet II, with up to two VLAN tags.
    Ethernet,
    /// Nothing: the packet begins with its IP header (netkit in L3 mode, tun).
    None,
}

/// Why a packet could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// Neither IPv4 nor IPv6: ARP and the like.
    NotIp,
    /// A header does not fit into the packet.
    Truncated,
    /// A header contradicts itself, or exceeds the parser's bounds.
    Malformed,
}

/// A packet's place in a fragmented datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fragment {
    /// Not fragmented.
    Whole,
    /// The fragment that carries the transport header.
    First {
        /// Identification shared by all fragments of the datagram.
        identification: u32,
    },
    /// A fragment without transport header: its ports are not in it.
    Later {
        /// Identification shared by all fragments of the datagram.
        identification: u32,
    },
}

/// What a packet says about the life of its connection.
pub mod signal {
    /// It asks for a connection: TCP SYN without ACK, SCTP INIT, ICMP echo request; every packet of a protocol that has
    /// no opening.
    pub const OPENING: u8 = 1 << 0;
    /// It answers an opening and so proves who opened: TCP SYN with ACK, SCTP INIT ACK, ICMP echo reply.
    pub const ANSWER: u8 = 1 << 1;
    /// It aborts: TCP RST, SCTP ABORT.
    pub const RESET: u8 = 1 << 2;
    /// Its sender has finished: TCP FIN, SCTP SHUTDOWN and SHUTDOWN ACK.
    pub const FINISH: u8 = 1 << 3;
    /// It is an ICMP error about another packet, and no connection of its own.
    pub const ICMP_ERROR: u8 = 1 << 4;
    /// It is talk between neighbours on one link (ICMPv6 neighbour and router discovery, multicast listener reports): never
    /// forwarded, and no connection.
    pub const LINK_CONTROL: u8 = 1 << 6;
    /// The ICMP error says the destination cannot be reached (ICMP type 3 but for "fragmentation needed", ICMPv6 type 1).
    pub const UNREACHABLE: u8 = 1 << 5;
}

/// What the headers of one packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Addresses and ports. For [`signal::UNREACHABLE`]: those of the packet that the error is about, as its sender sent it.
    pub tuple: Tuple,
    /// IANA protocol number of the transport; for [`signal::UNREACHABLE`], of the packet that it is about.
    pub protocol: u8,
    /// Of [`signal`].
    pub signals: u8,
    /// TCP flags (RFC 9293, low 8 bits); 0 for other protocols.
    pub tcp_flags: u8,
    /// ICMP type and code; 0 for other protocols.
    pub icmp_type: u8,
    /// See `icmp_type`.
    pub icmp_code: u8,
    /// Place in a fragmented datagram.
    pub fragment: Fragment,
}

impl Packet {
    /// Whether every given [`signal`] is set.
    #[inline(always)]
    #[must_use]
    pub fn has(&self, signals: u8) -> bool {
        self.signals & signals == signals
    }
}

/// Reads a packet that begins with its link-layer header.
///
/// # Errors
/// [`ParseError`], for what is not IP, too short, or inconsistent.
#[inline(always)]
pub fn parse<S: ByteSource + ?Sized>(source: &S, link: LinkLayer) -> Result<Packet, ParseError> {
    let offset = match link {
        LinkLayer::Ethernet => link::network_offset(source)?,
        LinkLayer::None => 0,
    };
    network::parse(source, offset)
}

/// Offset of the network header, for counting network-layer bytes.
///
/// # Errors
/// As [`parse`].
#[inline(always)]
pub fn network_offset<S: ByteSource + ?Sized>(
    source: &S,
    link: LinkLayer,
) -> Result<usize, ParseError> {
    match link {
        LinkLayer::Ethernet => link::network_offset(source),
        LinkLayer::None => Ok(0),
    }
}
