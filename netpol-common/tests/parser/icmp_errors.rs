//! ICMP errors: what they quote, and which of them mean that something was not reached.

use netpol_common::packet::network::mapped;
use netpol_common::packet::{ParseError, signal};

use super::frames::{
    Ipv4, MORE_V4, SYN, V4_CLIENT, V4_SERVER, V6_CLIENT, V6_SERVER, echo, fragment_header, icmp,
    ipv6, ipv6_between, options, sctp, tcp, udp,
};
use super::ip;

/// The error comes from the server's side and quotes what the client sent.
fn unreachable4(quote: &[u8]) -> Vec<u8> {
    Ipv4::new(1).back().carrying(&icmp(3, 3, [0; 4], quote))
}

fn unreachable6(quote: &[u8]) -> Vec<u8> {
    ipv6_between(V6_SERVER, V6_CLIENT, &[], 58, &icmp(1, 4, [0; 4], quote))
}

#[test]
fn the_quoted_packet_is_read_as_its_sender_sent_it() {
    let transports = [
        (6, tcp(40000, 80, SYN), (40000, 80)),
        (17, udp(40000, 53, b""), (40000, 53)),
        (132, sctp(40000, 9, 1), (40000, 9)),
        (50, vec![1; 8], (0, 0)),
    ];
    for (protocol, header, expected) in transports {
        // RFC 792 promises 8 octets and no more.
        let quote = Ipv4::new(protocol).carrying(&header);
        let quote = &quote[..28];
        let v4 = ip(&unreachable4(quote)).unwrap();
        assert_eq!(
            (v4.tuple.source, v4.tuple.destination),
            (mapped(V4_CLIENT), mapped(V4_SERVER))
        );
        let v6 = ip(&unreachable6(&ipv6(&[], protocol, &header))).unwrap();
        assert_eq!(
            (v6.tuple.source, v6.tuple.destination),
            (V6_CLIENT, V6_SERVER)
        );
        for error in [v4, v6] {
            assert_eq!(error.protocol, protocol);
            assert_eq!(
                (error.tuple.source_port, error.tuple.destination_port),
                expected
            );
            assert_eq!(error.signals, signal::ICMP_ERROR | signal::UNREACHABLE);
        }
        assert_eq!((v4.icmp_type, v4.icmp_code), (3, 3));
        assert_eq!((v6.icmp_type, v6.icmp_code), (1, 4));
    }
}

#[test]
fn a_quoted_echo_has_its_identifier_and_other_questions_have_none() {
    let quoted = |message: &[u8]| {
        let tuple = ip(&unreachable4(&Ipv4::new(1).carrying(message)))
            .unwrap()
            .tuple;
        (tuple.source_port, tuple.destination_port)
    };
    assert_eq!(quoted(&echo(8, 0xbeef)), (0xbeef, 0xbeef));
    assert_eq!(quoted(&icmp(13, 0, [0xbe, 0xef, 0, 0], &[])), (0, 0));
    let v6 = ip(&unreachable6(&ipv6(&[], 58, &echo(128, 0xcafe)))).unwrap();
    assert_eq!((v6.protocol, v6.tuple.source_port), (58, 0xcafe));
}

#[test]
fn a_quoted_later_fragment_is_not_read_for_ports() {
    let quote = Ipv4::fragment(6, 1 | MORE_V4).carrying(&tcp(40000, 80, SYN));
    let error = ip(&unreachable4(&quote)).unwrap();
    assert_eq!(
        (error.tuple.source_port, error.tuple.destination_port),
        (0, 0)
    );
    assert_eq!(error.protocol, 6);
}

#[test]
fn quoted_extension_headers_are_not_followed() {
    for extension in [options(0, 0), fragment_header(9, false, 1)] {
        let number = extension.0;
        let error = ip(&unreachable6(&ipv6(&[extension], 6, &tcp(40000, 80, SYN)))).unwrap();
        assert_eq!((error.protocol, error.tuple.source_port), (number, 0));
    }
}

#[test]
fn a_quote_that_ends_too_early_is_truncated() {
    let quote = Ipv4::new(6).carrying(&tcp(40000, 80, SYN));
    for length in 0..24 {
        let result = ip(&unreachable4(&quote[..length]));
        assert_eq!(result, Err(ParseError::Truncated), "{length} bytes");
    }
    assert!(ip(&unreachable4(&quote[..24])).is_ok());
    let quote = ipv6(&[], 17, &udp(40000, 53, b""));
    for length in 0..44 {
        let result = ip(&unreachable6(&quote[..length]));
        assert_eq!(result, Err(ParseError::Truncated), "{length} bytes");
    }
    assert!(ip(&unreachable6(&quote[..44])).is_ok());
}

#[test]
fn what_stops_nothing_is_an_error_but_not_unreachable() {
    let quote = Ipv4::new(6).carrying(&tcp(40000, 80, SYN));
    // Fragmentation needed, source quench, redirect, time exceeded, parameter problem.
    for (kind, code) in [(3, 4), (4, 0), (5, 1), (11, 0), (12, 0)] {
        let packet = ip(&Ipv4::new(1).carrying(&icmp(kind, code, [0; 4], &quote))).unwrap();
        assert_eq!(
            packet.signals,
            signal::ICMP_ERROR,
            "type {kind} code {code}"
        );
    }
    for kind in [2, 3, 4, 100, 127] {
        let packet = ip(&ipv6(&[], 58, &icmp(kind, 0, [0; 4], &quote))).unwrap();
        assert_eq!(packet.signals, signal::ICMP_ERROR, "type {kind}");
    }
}

#[test]
fn every_code_of_unreachable_counts_but_fragmentation_needed() {
    let quote = Ipv4::new(6).carrying(&tcp(40000, 80, SYN));
    for code in (0..16).filter(|code| *code != 4) {
        let packet = ip(&Ipv4::new(1).carrying(&icmp(3, code, [0; 4], &quote))).unwrap();
        assert!(packet.has(signal::UNREACHABLE), "code {code}");
    }
}
