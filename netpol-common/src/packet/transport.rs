//! TCP, UDP, SCTP, ICMP and ICMPv6: ports, and what a packet says about its connection.

use super::{ByteSource, Packet, ParseError, network, signal};

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
}

/// Fills in ports, flags and signals from the transport header at `offset`.
#[inline(always)]
pub(super) fn parse<S: ByteSource + ?Sized>(
    source: &S,
    offset: usize,
    packet: &mut Packet,
) -> Result<(), ParseError> {
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
            // Behind the common header of 12 octets; a packet may carry none in its first fragment.
            if let Some([kind]) = source.bytes(offset + 12) {
                packet.signals = sctp_signals(kind);
            }
        }
        ICMP => icmp(source, offset, packet, false)?,
        ICMPV6 => icmp(source, offset, packet, true)?,
        _ => packet.signals = signal::OPENING,
    }
    Ok(())
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
        chunk::SHUTDOWN => signal::FINISH,
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
    let (request, reply) = if v6 { (128, 129) } else { (8, 0) };
    if kind == request || kind == reply {
        let [a, b] = source.bytes(offset + 4).ok_or(ParseError::Truncated)?;
        let identifier = u16::from_be_bytes([a, b]);
        packet.tuple.source_port = identifier;
        packet.tuple.destination_port = identifier;
        packet.signals = if kind == request {
            signal::OPENING
        } else {
            signal::ANSWER
        };
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
        (
            matches!(kind, 3 | 4 | 5 | 11 | 12),
            kind == 3 && code != 4,
        )
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
    match quoted.protocol {
        TCP | UDP | SCTP => ports(source, quoted.payload, packet)?,
        ICMP | ICMPV6 => {
            let [a, b] = source
                .bytes(quoted.payload + 4)
                .ok_or(ParseError::Truncated)?;
            let identifier = u16::from_be_bytes([a, b]);
            packet.tuple.source_port = identifier;
            packet.tuple.destination_port = identifier;
        }
        _ => {}
    }
    Ok(())
}
