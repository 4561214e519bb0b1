//! Nothing is read that is not there: prefixes, padding, arbitrary bytes.

use netpol_common::packet::{Fragment, LinkLayer, Packet, ParseError, parse};
use proptest::prelude::*;

use super::frames::{Ipv4, SYN, delivered, icmp, ipv6, readable, sctp, tcp, udp};
use super::ip;

#[test]
fn a_prefix_says_the_same_as_the_whole_or_that_it_is_truncated() {
    for (name, packet) in readable() {
        for (link, frame) in delivered(&packet) {
            let whole = parse(&frame[..], link).unwrap();
            let mut readable_before = false;
            for length in 0..frame.len() {
                match parse(&frame[..length], link) {
                    Err(error) => {
                        assert_eq!(error, ParseError::Truncated, "{name}, {length} bytes");
                        assert!(
                            !readable_before,
                            "{name}: {length} bytes say less than fewer did"
                        );
                    }
                    // An SCTP packet cut before its first chunk still has its ports.
                    Ok(packet) => {
                        readable_before = true;
                        assert_eq!(
                            Packet {
                                signals: whole.signals,
                                ..packet
                            },
                            whole,
                            "{name}"
                        );
                        assert!(
                            packet.signals == whole.signals || packet.signals == 0,
                            "{name}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn padding_behind_the_declared_length_is_no_header() {
    let headers = [
        (6, tcp(40000, 80, SYN), 20),
        (17, udp(40000, 53, b""), 8),
        (132, sctp(40000, 9, 1), 12),
        (1, icmp(8, 0, [1; 4], b""), 8),
    ];
    for (protocol, header, least) in headers {
        for declared in 0..header.len() {
            let total = Some(20 + declared as u16);
            let v4 = ip(&Ipv4 {
                total,
                ..Ipv4::new(protocol)
            }
            .carrying(&header));
            assert_eq!(
                v4.is_ok(),
                declared >= least,
                "protocol {protocol}: {declared} declared"
            );
            if declared > 0 {
                let mut v6 = ipv6(&[], protocol, &header);
                v6[4..6].copy_from_slice(&(declared as u16).to_be_bytes());
                let v6 = ip(&v6);
                assert_eq!(
                    v6.is_ok(),
                    declared >= least,
                    "protocol {protocol}: {declared} declared"
                );
            }
        }
    }
}

#[test]
fn an_sctp_chunk_in_the_padding_is_not_read() {
    let header = Ipv4 {
        total: Some(32),
        ..Ipv4::new(132)
    };
    assert_eq!(ip(&header.carrying(&sctp(40000, 9, 1))).unwrap().signals, 0);
}

/// Bytes that get past the first checks more often than chance would have it.
fn likely() -> impl Strategy<Value = Vec<u8>> {
    let frames: Vec<Vec<u8>> = readable()
        .into_iter()
        .flat_map(|(_, packet)| delivered(&packet))
        .map(|(_, frame)| frame)
        .collect();
    let mutations = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (
        prop::sample::select(frames),
        mutations,
        any::<prop::sample::Index>(),
    )
        .prop_map(|(mut frame, mutations, cut)| {
            for (place, byte) in mutations {
                let place = place.index(frame.len());
                frame[place] = byte;
            }
            frame.truncate(cut.index(frame.len()) + 1);
            frame
        })
}

fn holds_together(bytes: &[u8]) {
    for link in [LinkLayer::Ethernet, LinkLayer::None] {
        let Ok(packet) = parse(bytes, link) else {
            continue;
        };
        if let Fragment::Later { .. } = packet.fragment {
            assert_eq!(
                (packet.tuple.source_port, packet.tuple.destination_port),
                (0, 0)
            );
            assert_eq!(packet.signals, 0);
        }
        assert!(packet.tcp_flags == 0 || packet.protocol == 6);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_harmless(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        holds_together(&bytes);
    }

    #[test]
    fn broken_frames_are_harmless(bytes in likely()) {
        holds_together(&bytes);
    }
}
