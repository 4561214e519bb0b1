//! The packet parser against frames of every kind, whole and broken.
//!
//! ```text
//! frames                    builds frames byte by byte
//! link, network, transport  one header each: what is read, what is refused
//! icmp_errors               quoted packets
//! bounds                    every prefix of every frame, padding, arbitrary bytes
//! round_trip                packets that another library wrote
//! ```

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod bounds;
mod frames;
mod icmp_errors;
mod link;
mod network;
mod round_trip;
mod transport;

use netpol_common::packet::{LinkLayer, Packet, ParseError, parse};

/// Parses a packet that begins with its IP header.
fn ip(packet: &[u8]) -> Result<Packet, ParseError> {
    parse(packet, LinkLayer::None)
}

/// Source and destination port of a packet that has to be readable.
fn ports(packet: &[u8]) -> (u16, u16) {
    let tuple = ip(packet).unwrap().tuple;
    (tuple.source_port, tuple.destination_port)
}
