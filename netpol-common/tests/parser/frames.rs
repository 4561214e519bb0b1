//! Frames built byte by byte, so that a test can also say what no correct stack would send.

use netpol_common::packet::LinkLayer;

pub(crate) const V4_CLIENT: [u8; 4] = [10, 244, 1, 7];
pub(crate) const V4_SERVER: [u8; 4] = [10, 244, 2, 9];
pub(crate) const V6_CLIENT: [u8; 16] = [0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
pub(crate) const V6_SERVER: [u8; 16] = [0xfd, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const VLAN: u16 = 0x8100;
pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
pub(crate) const ARP: u16 = 0x0806;

pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// "More fragments" in the IPv4 fragment field.
pub(crate) const MORE_V4: u16 = 0x2000;

/// An Ethernet frame with the given tag types in front of the last EtherType.
pub(crate) fn ethernet(tags: &[u16], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for tag in tags {
        frame.extend(tag.to_be_bytes());
        frame.extend([0x00, 0x64]);
    }
    frame.extend(ether_type.to_be_bytes());
    frame.extend(payload);
    frame
}

/// An IPv4 header's variable parts.
#[derive(Clone)]
pub(crate) struct Ipv4 {
    pub(crate) source: [u8; 4],
    pub(crate) destination: [u8; 4],
    pub(crate) protocol: u8,
    pub(crate) identification: u16,
    pub(crate) fragment_field: u16,
    pub(crate) options: Vec<u8>,
    /// Total length, if not the true one.
    pub(crate) total: Option<u16>,
    /// First octet, if not the true one.
    pub(crate) first: Option<u8>,
}

impl Ipv4 {
    pub(crate) fn new(protocol: u8) -> Self {
        Self {
            source: V4_CLIENT,
            destination: V4_SERVER,
            protocol,
            identification: 0x1234,
            fragment_field: 0,
            options: Vec::new(),
            total: None,
            first: None,
        }
    }

    pub(crate) fn fragment(protocol: u8, field: u16) -> Self {
        Self {
            fragment_field: field,
            ..Self::new(protocol)
        }
    }

    /// The same header for the way back.
    pub(crate) fn back(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            ..self
        }
    }

    pub(crate) fn carrying(&self, payload: &[u8]) -> Vec<u8> {
        let length = 20 + self.options.len();
        let total = self.total.unwrap_or((length + payload.len()) as u16);
        let mut packet = vec![self.first.unwrap_or(0x40 | (length / 4) as u8), 0];
        packet.extend(total.to_be_bytes());
        packet.extend(self.identification.to_be_bytes());
        packet.extend(self.fragment_field.to_be_bytes());
        packet.extend([64, self.protocol, 0, 0]);
        packet.extend(self.source);
        packet.extend(self.destination);
        packet.extend(&self.options);
        packet.extend(payload);
        packet
    }
}

/// An IPv6 extension header: its number, and its bytes from the length octet on.
pub(crate) type Extension = (u8, Vec<u8>);

/// An extension header whose length counts octets in eights, with `more` eights behind the first.
pub(crate) fn options(number: u8, more: u8) -> Extension {
    let mut body = vec![more];
    body.resize(7 + 8 * usize::from(more), 0);
    (number, body)
}

/// An authentication header with an integrity check value of `words` words.
pub(crate) fn authentication(words: u8) -> Extension {
    let mut body = vec![words + 1];
    body.resize(11 + 4 * usize::from(words), 0);
    (51, body)
}

/// A fragment header; `offset` in units of 8 octets.
pub(crate) fn fragment_header(offset: u16, more: bool, identification: u32) -> Extension {
    let mut body = vec![0];
    body.extend((offset << 3 | u16::from(more)).to_be_bytes());
    body.extend(identification.to_be_bytes());
    (44, body)
}

/// An IPv6 packet from the client to the server.
pub(crate) fn ipv6(extensions: &[Extension], protocol: u8, payload: &[u8]) -> Vec<u8> {
    ipv6_between(V6_CLIENT, V6_SERVER, extensions, protocol, payload)
}

pub(crate) fn ipv6_between(
    source: [u8; 16],
    destination: [u8; 16],
    extensions: &[Extension],
    protocol: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut next: Vec<u8> = extensions.iter().map(|(number, _)| *number).collect();
    next.push(protocol);
    let mut rest = Vec::new();
    for ((_, body), next) in extensions.iter().zip(&next[1..]) {
        rest.push(*next);
        rest.extend(body);
    }
    rest.extend(payload);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((rest.len() as u16).to_be_bytes());
    packet.extend([next[0], 64]);
    packet.extend(source);
    packet.extend(destination);
    packet.extend(rest);
    packet
}

fn ports(source: u16, destination: u16) -> Vec<u8> {
    [source.to_be_bytes(), destination.to_be_bytes()].concat()
}

/// A TCP header without options.
pub(crate) fn tcp(source: u16, destination: u16, flags: u8) -> Vec<u8> {
    let mut header = ports(source, destination);
    header.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    header
}

/// A UDP datagram.
pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = ports(source, destination);
    datagram.extend((8 + payload.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    datagram
}

/// An SCTP packet with one empty chunk.
pub(crate) fn sctp(source: u16, destination: u16, chunk: u8) -> Vec<u8> {
    let mut packet = ports(source, destination);
    packet.extend([0, 0, 0, 0, 0, 0, 0, 0, chunk, 0, 0, 4]);
    packet
}

/// An ICMP or ICMPv6 message; `rest` stands in octets 4 to 7.
pub(crate) fn icmp(kind: u8, code: u8, rest: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, code, 0, 0];
    message.extend(rest);
    message.extend(body);
    message
}

/// An echo message with an identifier.
pub(crate) fn echo(kind: u8, identifier: u16) -> Vec<u8> {
    let [high, low] = identifier.to_be_bytes();
    icmp(kind, 0, [high, low, 0, 1], b"ping")
}

/// Network-layer packets of every kind that the parser tells apart, each readable.
pub(crate) fn readable() -> Vec<(&'static str, Vec<u8>)> {
    let v4 = |protocol: u8, payload: Vec<u8>| Ipv4::new(protocol).carrying(&payload);
    let with_options = Ipv4 {
        options: vec![1; 8],
        ..Ipv4::new(6)
    };
    let quoted_v4 = Ipv4::new(6).carrying(&tcp(40000, 80, SYN));
    let quoted_v6 = ipv6(&[], 17, &udp(40000, 53, b"query"));
    let every_extension = [
        options(0, 1),
        options(60, 0),
        options(43, 2),
        fragment_header(0, true, 77),
        authentication(4),
        options(135, 0),
    ];
    vec![
        ("tcp4_syn", v4(6, tcp(40000, 80, SYN))),
        ("tcp4_options", with_options.carrying(&tcp(40001, 80, ACK))),
        ("tcp4_rst", v4(6, tcp(40002, 80, RST))),
        ("udp4", v4(17, udp(40003, 53, b"query"))),
        ("sctp4_init", v4(132, sctp(40004, 9, 1))),
        ("icmp4_echo", v4(1, echo(8, 0xbeef))),
        ("icmp4_timestamp", v4(1, icmp(13, 0, [0; 4], &[0; 12]))),
        ("icmp4_unreachable", v4(1, icmp(3, 3, [0; 4], &quoted_v4))),
        (
            "icmp4_time_exceeded",
            v4(1, icmp(11, 0, [0; 4], &quoted_v4)),
        ),
        ("esp4", v4(50, vec![7; 16])),
        (
            "tcp4_first_fragment",
            Ipv4::fragment(6, MORE_V4).carrying(&tcp(40005, 80, ACK)),
        ),
        (
            "udp4_later_fragment",
            Ipv4::fragment(17, 0x00b9).carrying(b"no ports in here"),
        ),
        ("tcp6_syn", ipv6(&[], 6, &tcp(40006, 443, SYN))),
        ("udp6", ipv6(&[], 17, &udp(40007, 53, b"query"))),
        (
            "tcp6_extensions",
            ipv6(&every_extension, 6, &tcp(40008, 443, SYN | ACK)),
        ),
        (
            "udp6_later_fragment",
            ipv6(&[fragment_header(185, false, 77)], 17, b"no ports in here"),
        ),
        ("icmp6_echo", ipv6(&[], 58, &echo(128, 0xcafe))),
        (
            "icmp6_unreachable",
            ipv6(&[], 58, &icmp(1, 4, [0; 4], &quoted_v6)),
        ),
        (
            "icmp6_too_big",
            ipv6(&[], 58, &icmp(2, 0, [0, 0, 5, 0], &quoted_v6)),
        ),
        (
            "icmp6_solicitation",
            ipv6(&[], 58, &icmp(135, 0, [0; 4], &V6_SERVER)),
        ),
        (
            "mld6_report",
            ipv6(&[options(0, 0)], 58, &icmp(143, 0, [0; 4], &[])),
        ),
        ("none6", ipv6(&[], 59, &[])),
    ]
}

/// The same packets as frames, in the ways an interface may deliver them.
pub(crate) fn delivered(packet: &[u8]) -> Vec<(LinkLayer, Vec<u8>)> {
    let ether_type = if packet[0] >> 4 == 4 { IPV4 } else { IPV6 };
    vec![
        (LinkLayer::None, packet.to_vec()),
        (LinkLayer::Ethernet, ethernet(&[], ether_type, packet)),
        (LinkLayer::Ethernet, ethernet(&[VLAN], ether_type, packet)),
        (
            LinkLayer::Ethernet,
            ethernet(&[SERVICE_VLAN, VLAN], ether_type, packet),
        ),
    ]
}
