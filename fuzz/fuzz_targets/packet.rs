//! The packet parser on both link layers: no panic, and what it says holds together.

#![no_main]

use libfuzzer_sys::fuzz_target;
use netpol_common::packet::{Fragment, LinkLayer, parse, signal, transport};
use netpol_common::record::{FlowKey, Tuple};

fuzz_target!(|bytes: &[u8]| {
    for link in [LinkLayer::Ethernet, LinkLayer::None] {
        let Ok(packet) = parse(bytes, link) else {
            continue;
        };
        let tuple = packet.tuple;
        if let Fragment::Later { .. } = packet.fragment {
            assert_eq!((tuple.source_port, tuple.destination_port), (0, 0));
            assert_eq!(packet.signals, 0);
        }
        assert!(packet.tcp_flags == 0 || packet.protocol == transport::TCP);
        assert!(!packet.has(signal::UNREACHABLE) || packet.has(signal::ICMP_ERROR));
        let back = Tuple {
            source: tuple.destination,
            destination: tuple.source,
            source_port: tuple.destination_port,
            destination_port: tuple.source_port,
        };
        assert_eq!(
            FlowKey::new(&tuple, packet.protocol, 1),
            FlowKey::new(&back, packet.protocol, 1)
        );
    }
});
