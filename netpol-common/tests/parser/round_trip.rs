//! Packets that another library wrote, read back.

use etherparse::{IpNumber, PacketBuilder, PacketBuilderStep};
use netpol_common::packet::network::mapped;
use netpol_common::packet::{LinkLayer, Packet, parse};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Addresses {
    V4([u8; 4], [u8; 4]),
    V6([u8; 16], [u8; 16]),
}

impl Addresses {
    fn mapped(&self) -> ([u8; 16], [u8; 16]) {
        match self {
            Self::V4(source, destination) => (mapped(*source), mapped(*destination)),
            Self::V6(source, destination) => (*source, *destination),
        }
    }
}

fn addresses() -> impl Strategy<Value = Addresses> {
    prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| Addresses::V4(a, b)),
        any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| Addresses::V6(a, b)),
    ]
}

fn headers(addresses: &Addresses, tags: u8) -> PacketBuilderStep<etherparse::IpHeaders> {
    let ethernet = PacketBuilder::ethernet2([1; 6], [2; 6]);
    macro_rules! network {
        ($step:expr) => {
            match addresses {
                Addresses::V4(source, destination) => $step.ipv4(*source, *destination, 64),
                Addresses::V6(source, destination) => $step.ipv6(*source, *destination, 64),
            }
        };
    }
    let id = |number: u16| number.try_into().unwrap();
    match tags {
        0 => network!(ethernet),
        1 => network!(ethernet.single_vlan(id(7))),
        _ => network!(ethernet.double_vlan(id(7), id(8))),
    }
}

fn read(frame: &[u8], addresses: &Addresses) -> Packet {
    let packet = parse(frame, LinkLayer::Ethernet).unwrap();
    assert_eq!(
        (packet.tuple.source, packet.tuple.destination),
        addresses.mapped()
    );
    packet
}

proptest! {
    #[test]
    fn tcp(
        addresses in addresses(),
        tags in 0u8..3,
        ports in any::<(u16, u16)>(),
        flags in any::<[bool; 5]>(),
        payload in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut step = headers(&addresses, tags).tcp(ports.0, ports.1, 1, 1024);
        let [fin, syn, rst, push, ack] = flags;
        if fin { step = step.fin(); }
        if syn { step = step.syn(); }
        if rst { step = step.rst(); }
        if push { step = step.psh(); }
        if ack { step = step.ack(1); }
        let mut frame = Vec::new();
        step.write(&mut frame, &payload).unwrap();
        let packet = read(&frame, &addresses);
        prop_assert_eq!(packet.protocol, 6);
        prop_assert_eq!((packet.tuple.source_port, packet.tuple.destination_port), ports);
        let bits = flags.iter().enumerate().map(|(bit, set)| u8::from(*set) << bit).sum::<u8>();
        prop_assert_eq!(packet.tcp_flags, bits);
    }

    #[test]
    fn udp(addresses in addresses(), tags in 0u8..3, ports in any::<(u16, u16)>()) {
        let mut frame = Vec::new();
        headers(&addresses, tags).udp(ports.0, ports.1).write(&mut frame, b"payload").unwrap();
        let packet = read(&frame, &addresses);
        prop_assert_eq!(packet.protocol, 17);
        prop_assert_eq!((packet.tuple.source_port, packet.tuple.destination_port), ports);
    }

    #[test]
    fn echo(addresses in addresses(), tags in 0u8..3, identifier: u16, sequence: u16) {
        let step = headers(&addresses, tags);
        let mut frame = Vec::new();
        match &addresses {
            Addresses::V4(..) => step.icmpv4_echo_request(identifier, sequence).write(&mut frame, b"ping"),
            Addresses::V6(..) => step.icmpv6_echo_request(identifier, sequence).write(&mut frame, b"ping"),
        }.unwrap();
        let packet = read(&frame, &addresses);
        prop_assert_eq!((packet.tuple.source_port, packet.tuple.destination_port), (identifier, identifier));
    }

    #[test]
    fn other_protocols(addresses in addresses(), tags in 0u8..3, protocol in 140u8..=252) {
        // 140 (Shim6) is an extension header in IPv6.
        prop_assume!(protocol != 140);
        let mut frame = Vec::new();
        headers(&addresses, tags).write(&mut frame, IpNumber(protocol), b"payload").unwrap();
        let packet = read(&frame, &addresses);
        prop_assert_eq!(packet.protocol, protocol);
        prop_assert_eq!((packet.tuple.source_port, packet.tuple.destination_port), (0, 0));
    }
}
