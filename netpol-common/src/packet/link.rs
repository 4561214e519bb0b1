//! Ethernet II and VLAN tags (IEEE 802.1Q, 802.1ad).

use super::{ByteSource, ParseError};

const ETHERNET_HEADER: usize = 14;
const VLAN_TAG: usize = 4;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const SERVICE_VLAN: u16 = 0x88a8;

/// Offset of the IP header behind Ethernet and at most two tags.
///
/// # Errors
/// [`ParseError::NotIp`] for another EtherType (a third tag included), [`ParseError::Truncated`] for a short frame.
#[inline(always)]
pub fn network_offset<S: ByteSource + ?Sized>(source: &S) -> Result<usize, ParseError> {
    let outer = ether_type(source, ETHERNET_HEADER)?;
    if is_ip(outer) {
        return Ok(ETHERNET_HEADER);
    }
    if outer != VLAN && outer != SERVICE_VLAN {
        return Err(ParseError::NotIp);
    }
    let tagged = ether_type(source, ETHERNET_HEADER + VLAN_TAG)?;
    if is_ip(tagged) {
        return Ok(ETHERNET_HEADER + VLAN_TAG);
    }
    if tagged != VLAN && tagged != SERVICE_VLAN {
        return Err(ParseError::NotIp);
    }
    let twice = ether_type(source, ETHERNET_HEADER + 2 * VLAN_TAG)?;
    if is_ip(twice) {
        return Ok(ETHERNET_HEADER + 2 * VLAN_TAG);
    }
    Err(ParseError::NotIp)
}

/// The type field right before `end`.
#[inline(always)]
fn ether_type<S: ByteSource + ?Sized>(source: &S, end: usize) -> Result<u16, ParseError> {
    source
        .bytes::<2>(end - 2)
        .map(u16::from_be_bytes)
        .ok_or(ParseError::Truncated)
}

#[inline(always)]
fn is_ip(ether_type: u16) -> bool {
    ether_type == IPV4 || ether_type == IPV6
}
