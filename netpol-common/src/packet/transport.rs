//! TCP, UDP, SCTP, ICMP and ICMPv6: ports, and what a packet says about its connection.

use super::{ByteSource, Fragment, Packet, ParseError, network, signal};

/// IANA protocol number of ICMP.
pub const ICMP: u8 = 1;
/// IANA protocol number of TCP.
pub const TCP: u8 = 6;
/// IANA protocol number of UDP.
pub const UDP: u8 = 17;
/// IANA protocol number of ICMPv6.
pub const ICMPV6: u8 = 58;
/// IANA protocol number of SCTP.
pub const SCTP: u8 = 132;

/// TCP flag bits (RFC 9293, 3.1).
pub mod tcp_flag {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push.
    pub const PSH: u8 = 0x08;
    /// The acknowledgment field counts.
    pub const ACK: u8 = 0x10;
}

/// SCTP chunk types (RFC 9260, 3.2).
mod chunk {
    pub(super) const INIT: u8 = 1;
    pub(super) const INIT_ACK: u8 = 2;
    pub(super) const ABORT: u8 = 6;
    pub(super) const SHUTDOWN: u8 = 7;
    pub(super) const SHUTDOWN_ACK: u8 = 8;
}

/// SCTP's common header (RFC 9260, 3.1) and the header of its first chunk.
const SCTP_HEADER: usize = 12;
const SCTP_CHUNK: usize = 4;

/// Fills in ports, flags and signals from the transport header at `offset` of a packet that says to stop at `end`.
#[inline(always)]
pub(super) fn parse<S: ByteSource + ?Sized>(
    source: &S,
    offset: usize,
    end: usize,
    packet: &mut Packet,
) -> Result<(), ParseError> {
    if offset + least(packet.protocol) > end {
        return Err(ParseError::Truncated);
    }
    match packet.protocol {
        TCP => {
            ports(source, offset, packet)?;
            // Offset and flags stand in octets 12 and 13.
            let [data_offset, flags] = source.bytes(offset + 12).ok_or(ParseError::Truncated)?;
            if data_offset >> 4 < 5 {
                return Err(ParseError::Malformed);
            }
            packet.tcp_flags = flags;
            packet.signals = tcp_signals(flags);
        }
        UDP => {
            ports(source, offset, packet)?;
            packet.signals = signal::OPENING;
        }
        SCTP => {
            ports(source, offset, packet)?;
            // A first fragment may be too short for any chunk.
            if offset + SCTP_HEADER + SCTP_CHUNK <= end
                && let Some([kind]) = source.bytes(offset + SCTP_HEADER)
            {
                packet.signals = sctp_signals(kind);
            }
        }
        ICMP => icmp(source, offset, packet, false)?,
        ICMPV6 => icmp(source, offset, packet, true)?,
        _ => packet.signals = signal::OPENING,
    }
    Ok(())
}

/// Length of the shortest header of a protocol (RFC 9293, RFC 768, RFC 9260, RFC 792).
#[inline(always)]
fn least(protocol: u8) -> usize {
    match protocol {
        TCP => 20,
        SCTP => SCTP_HEADER,
        UDP | ICMP | ICMPV6 => 8,
        _ => 0,
    }
}

#[inline(always)]
fn ports<S: ByteSource + ?Sized>(
    source: &S,
    offset: usize,
    packet: &mut Packet,
) -> Result<(), ParseError> {
    let [a, b, c, d] = source.bytes(offset).ok_or(ParseError::Truncated)?;
    packet.tuple.source_port = u16::from_be_bytes([a, b]);
    packet.tuple.destination_port = u16::from_be_bytes([c, d]);
    Ok(())
}

/// What TCP flags say. A SYN with RST or FIN is no opening: no stack sends it.
#[inline(always)]
#[must_use]
pub fn tcp_signals(flags: u8) -> u8 {
    let mut signals = 0;
    if flags & tcp_flag::RST != 0 {
        signals |= signal::RESET;
    } else if flags & tcp_flag::FIN != 0 {
        signals |= signal::FINISH;
    } else if flags & tcp_flag::SYN != 0 {
        signals |= if flags & tcp_flag::ACK == 0 {
            signal::OPENING
        } else {
            signal::ANSWER
        };
    }
    signals
}

#[inline(always)]
fn sctp_signals(chunk: u8) -> u8 {
    match chunk {
        chunk::INIT => signal::OPENING,
        chunk::INIT_ACK => signal::ANSWER,
        chunk::ABORT => signal::RESET,
        chunk::SHUTDOWN | chunk::SHUTDOWN_ACK => signal::FINISH,
        _ => 0,
    }
}

/// Echo carries its identifier as both ports. An error takes over the tuple of the packet that it is about.
#[inline(always)]
fn icmp<S: ByteSource + ?Sized>(
    source: &S,
    offset: usize,
    packet: &mut Packet,
    v6: bool,
) -> Result<(), ParseError> {
    let [kind, code] = source.bytes(offset).ok_or(ParseError::Truncated)?;
    packet.icmp_type = kind;
    packet.icmp_code = code;
    let echo = echo(kind, v6);
    if echo != 0 {
        identifier(source, offset, packet)?;
        packet.signals = echo;
        return Ok(());
    }
    // Multicast listener discovery (RFC 2710, RFC 9777) and neighbour discovery (RFC 4861).
    if v6 && matches!(kind, 130..=137 | 143) {
        packet.signals = signal::LINK_CONTROL;
        return Ok(());
    }
    let (error, unreachable) = if v6 {
        (kind < 128, kind == 1)
    } else {
        // Code 4 asks for smaller packets and stops nothing.
        (matches!(kind, 3 | 4 | 5 | 11 | 12), kind == 3 && code != 4)
    };
    if !error {
        packet.signals = signal::OPENING;
        return Ok(());
    }
    packet.signals = signal::ICMP_ERROR;
    if unreachable {
        packet.signals |= signal::UNREACHABLE;
        embedded(source, offset + 8, packet)?;
    }
    Ok(())
}

/// The signal of an echo request or reply; 0 for any other type.
#[inline(always)]
fn echo(kind: u8, v6: bool) -> u8 {
    match (v6, kind) {
        (false, 8) | (true, 128) => signal::OPENING,
        (false, 0) | (true, 129) => signal::ANSWER,
        _ => 0,
    }
}

/// Takes an echo's identifier for both ports.
#[inline(always)]
fn identifier<S: ByteSource + ?Sized>(
    source: &S,
    offset: usize,
    packet: &mut Packet,
) -> Result<(), ParseError> {
    let [a, b] = source.bytes(offset + 4).ok_or(ParseError::Truncated)?;
    packet.tuple.source_port = u16::from_be_bytes([a, b]);
    packet.tuple.destination_port = packet.tuple.source_port;
    Ok(())
}

/// The packet that an ICMP error quotes: its network header and at least 8 octets more (RFC 792, RFC 4443).
#[inline(always)]
fn embedded<S: ByteSource + ?Sized>(
    source: &S,
    offset: usize,
    packet: &mut Packet,
) -> Result<(), ParseError> {
    let quoted = network::header(source, offset, false)?;
    packet.tuple.source = quoted.source;
    packet.tuple.destination = quoted.destination;
    packet.protocol = quoted.protocol;
    if matches!(quoted.fragment, Fragment::Later { .. }) {
        return Ok(());
    }
    match quoted.protocol {
        TCP | UDP | SCTP => ports(source, quoted.payload, packet)?,
        ICMP | ICMPV6 => {
            let [kind] = source.bytes(quoted.payload).ok_or(ParseError::Truncated)?;
            if echo(kind, quoted.protocol == ICMPV6) != 0 {
                identifier(source, quoted.payload, packet)?;
            }
        }
        _ => {}
    }
    Ok(())
}
