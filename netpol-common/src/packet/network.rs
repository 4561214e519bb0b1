//! IPv4 (RFC 791) and IPv6 (RFC 8200) with its extension headers.

use super::{ByteSource, Fragment, Packet, ParseError, transport};
use crate::record::{Address, Tuple};

/// Longest chain of IPv6 extension headers that is followed. Longer chains are counted as malformed.
pub const MAX_EXTENSION_HEADERS: usize = 6;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// IANA numbers of IPv6 extension headers.
mod extension {
    pub(super) const HOP_BY_HOP: u8 = 0;
    pub(super) const ROUTING: u8 = 43;
    pub(super) const FRAGMENT: u8 = 44;
    pub(super) const AUTHENTICATION: u8 = 51;
    pub(super) const DESTINATION_OPTIONS: u8 = 60;
    pub(super) const MOBILITY: u8 = 135;
    pub(super) const HOST_IDENTITY: u8 = 139;
    pub(super) const SHIM6: u8 = 140;
}

/// What the network header says, and where the transport header begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Network {
    pub(super) source: Address,
    pub(super) destination: Address,
    pub(super) protocol: u8,
    pub(super) fragment: Fragment,
    pub(super) payload: usize,
    /// Where the packet ends by its own length field: what follows is padding of the link. No limit where the field is 0,
    /// which stands for a length above 65535 (segmentation offload, RFC 2675).
    pub(super) end: usize,
}

/// Reads a packet whose IP header stands at `offset`. The version nibble decides, not the link layer.
///
/// # Errors
/// [`ParseError`].
#[inline(always)]
pub fn parse<S: ByteSource + ?Sized>(source: &S, offset: usize) -> Result<Packet, ParseError> {
    let network = header(source, offset, true)?;
    let mut packet = Packet {
        tuple: Tuple {
            source: network.source,
            destination: network.destination,
            source_port: 0,
            destination_port: 0,
        },
        protocol: network.protocol,
        signals: 0,
        tcp_flags: 0,
        icmp_type: 0,
        icmp_code: 0,
        fragment: network.fragment,
    };
    if !matches!(network.fragment, Fragment::Later { .. }) {
        transport::parse(source, network.payload, network.end, &mut packet)?;
    }
    Ok(packet)
}

/// Reads the network header alone. Without `extensions` an extension header is taken as the protocol.
#[inline(always)]
pub(super) fn header<S: ByteSource + ?Sized>(
    source: &S,
    offset: usize,
    extensions: bool,
) -> Result<Network, ParseError> {
    let [first] = source.bytes(offset).ok_or(ParseError::Truncated)?;
    match first >> 4 {
        4 => ipv4(source, offset),
        6 => ipv6(source, offset, extensions),
        _ => Err(ParseError::Malformed),
    }
}

#[inline(always)]
fn ipv4<S: ByteSource + ?Sized>(source: &S, offset: usize) -> Result<Network, ParseError> {
    let header: [u8; IPV4_HEADER] = source.bytes(offset).ok_or(ParseError::Truncated)?;
    let length = ((header[0] & 0x0f) as usize) * 4;
    if length < IPV4_HEADER {
        return Err(ParseError::Malformed);
    }
    let total = u16::from_be_bytes([header[2], header[3]]) as usize;
    if total != 0 && total < length {
        return Err(ParseError::Malformed);
    }
    let identification = u32::from(u16::from_be_bytes([header[4], header[5]]));
    let fragment_field = u16::from_be_bytes([header[6], header[7]]);
    let fragment = fragment(
        fragment_field & 0x1fff != 0,
        fragment_field & 0x2000 != 0,
        identification,
    );
    Ok(Network {
        source: mapped([header[12], header[13], header[14], header[15]]),
        destination: mapped([header[16], header[17], header[18], header[19]]),
        protocol: header[9],
        fragment,
        payload: offset + length,
        end: end(offset, total),
    })
}

#[inline(always)]
fn ipv6<S: ByteSource + ?Sized>(
    source: &S,
    offset: usize,
    extensions: bool,
) -> Result<Network, ParseError> {
    let [high, low, protocol] = source.bytes(offset + 4).ok_or(ParseError::Truncated)?;
    let length = u16::from_be_bytes([high, low]) as usize;
    let mut network = Network {
        source: source.bytes(offset + 8).ok_or(ParseError::Truncated)?,
        destination: source.bytes(offset + 24).ok_or(ParseError::Truncated)?,
        protocol,
        fragment: Fragment::Whole,
        payload: offset + IPV6_HEADER,
        end: end(offset + IPV6_HEADER, length),
    };
    if !extensions {
        return Ok(network);
    }
    for _ in 0..MAX_EXTENSION_HEADERS {
        if !is_extension(network.protocol) {
            return Ok(network);
        }
        let [next, length] = source.bytes(network.payload).ok_or(ParseError::Truncated)?;
        let size = match network.protocol {
            extension::FRAGMENT => {
                let [_, _, high, low, a, b, c, d] = source
                    .bytes::<8>(network.payload)
                    .ok_or(ParseError::Truncated)?;
                let field = u16::from_be_bytes([high, low]);
                network.fragment = fragment(
                    field & 0xfff8 != 0,
                    field & 1 != 0,
                    u32::from_be_bytes([a, b, c, d]),
                );
                8
            }
            // RFC 4302: in units of 4 octets, minus 2.
            extension::AUTHENTICATION => (length as usize + 2) * 4,
            // RFC 8200: in units of 8 octets, not counting the first.
            _ => (length as usize + 1) * 8,
        };
        network.protocol = next;
        network.payload += size;
        if matches!(network.fragment, Fragment::Later { .. }) {
            return Ok(network);
        }
    }
    if is_extension(network.protocol) {
        return Err(ParseError::Malformed);
    }
    Ok(network)
}

/// Where `length` bytes from `start` end.
#[inline(always)]
fn end(start: usize, length: usize) -> usize {
    if length == 0 {
        usize::MAX
    } else {
        start + length
    }
}

#[inline(always)]
fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        extension::HOP_BY_HOP
            | extension::ROUTING
            | extension::FRAGMENT
            | extension::AUTHENTICATION
            | extension::DESTINATION_OPTIONS
            | extension::MOBILITY
            | extension::HOST_IDENTITY
            | extension::SHIM6
    )
}

#[inline(always)]
fn fragment(later: bool, more: bool, identification: u32) -> Fragment {
    if later {
        Fragment::Later { identification }
    } else if more {
        Fragment::First { identification }
    } else {
        Fragment::Whole
    }
}

/// Whether an address is an IPv4 one.
#[inline(always)]
#[must_use]
pub fn is_mapped(address: &Address) -> bool {
    u128::from_be_bytes(*address) >> 32 == 0xffff
}

/// `::ffff:a.b.c.d`, as all addresses are kept.
#[inline(always)]
#[must_use]
pub fn mapped(v4: [u8; 4]) -> Address {
    let mut address = [0; 16];
    address[10] = 0xff;
    address[11] = 0xff;
    address[12] = v4[0];
    address[13] = v4[1];
    address[14] = v4[2];
    address[15] = v4[3];
    address
}
