//! TCP, UDP, SCTP, ICMP: ports and what they say about their connection.

use netpol_common::packet::{ParseError, signal};

use super::frames::{
    ACK, FIN, Ipv4, RST, SYN, V6_SERVER, echo, icmp, ipv6, options, sctp, tcp, udp,
};
use super::{ip, ports};

fn signals(packet: &[u8]) -> u8 {
    ip(packet).unwrap().signals
}

#[test]
fn tcp_flags_say_one_thing_each() {
    let said = |flags| {
        let packet = ip(&Ipv4::new(6).carrying(&tcp(40000, 80, flags))).unwrap();
        assert_eq!(packet.tcp_flags, flags);
        packet.signals
    };
    assert_eq!(said(SYN), signal::OPENING);
    // ECN set-up (RFC 3168): SYN with ECE and CWR.
    assert_eq!(said(SYN | 0xc0), signal::OPENING);
    assert_eq!(said(SYN | ACK), signal::ANSWER);
    assert_eq!(said(FIN | ACK), signal::FINISH);
    assert_eq!(said(RST), signal::RESET);
    assert_eq!(said(RST | ACK), signal::RESET);
    assert_eq!(said(ACK), 0);
    assert_eq!(said(0), 0);
}

#[test]
fn flags_that_no_stack_combines_open_nothing() {
    for flags in 0..=u8::MAX {
        let packet = ip(&Ipv4::new(6).carrying(&tcp(40000, 80, flags))).unwrap();
        assert!(packet.signals.count_ones() <= 1, "{flags:#x}");
        if flags & (RST | FIN | ACK) != 0 || flags & SYN == 0 {
            assert!(!packet.has(signal::OPENING), "{flags:#x}");
        }
    }
}

#[test]
fn a_tcp_header_below_five_words_is_malformed() {
    for words in 0..5 {
        let mut header = tcp(40000, 80, SYN);
        header[12] = words << 4;
        assert_eq!(
            ip(&Ipv4::new(6).carrying(&header)),
            Err(ParseError::Malformed)
        );
        assert_eq!(ip(&ipv6(&[], 6, &header)), Err(ParseError::Malformed));
    }
}

#[test]
fn udp_has_ports_and_every_datagram_may_open() {
    for packet in [
        Ipv4::new(17).carrying(&udp(40000, 53, b"q")),
        ipv6(&[], 17, &udp(40000, 53, b"q")),
    ] {
        assert_eq!(ports(&packet), (40000, 53));
        assert_eq!(signals(&packet), signal::OPENING);
    }
}

#[test]
fn sctp_chunks_open_answer_and_end() {
    let said = |chunk| signals(&Ipv4::new(132).carrying(&sctp(40000, 9, chunk)));
    assert_eq!(said(1), signal::OPENING);
    assert_eq!(said(2), signal::ANSWER);
    assert_eq!(said(6), signal::RESET);
    // Each side says so once: SHUTDOWN the one that began, SHUTDOWN ACK the other.
    assert_eq!(said(7), signal::FINISH);
    assert_eq!(said(8), signal::FINISH);
    assert_eq!(said(0), 0);
    assert_eq!(ports(&ipv6(&[], 132, &sctp(40000, 9, 0))), (40000, 9));
}

#[test]
fn an_sctp_packet_without_a_chunk_has_ports_and_says_nothing() {
    let packet = Ipv4::new(132).carrying(&sctp(40000, 9, 1)[..12]);
    assert_eq!(ports(&packet), (40000, 9));
    assert_eq!(signals(&packet), 0);
}

#[test]
fn an_echo_identifier_stands_for_both_ports() {
    let cases = [
        (Ipv4::new(1).carrying(&echo(8, 0xbeef)), signal::OPENING),
        (Ipv4::new(1).carrying(&echo(0, 0xbeef)), signal::ANSWER),
        (ipv6(&[], 58, &echo(128, 0xbeef)), signal::OPENING),
        (ipv6(&[], 58, &echo(129, 0xbeef)), signal::ANSWER),
    ];
    for (packet, expected) in cases {
        assert_eq!(ports(&packet), (0xbeef, 0xbeef));
        assert_eq!(signals(&packet), expected);
    }
}

#[test]
fn other_icmp_questions_have_no_ports() {
    for kind in [9, 10, 13, 14, 17, 40] {
        let packet = ip(&Ipv4::new(1).carrying(&icmp(kind, 2, [9; 4], &[]))).unwrap();
        assert_eq!((packet.icmp_type, packet.icmp_code), (kind, 2));
        assert_eq!(
            (packet.tuple.source_port, packet.signals),
            (0, signal::OPENING)
        );
    }
}

#[test]
fn talk_between_neighbours_is_told_apart() {
    for kind in (130..=137).chain([143]) {
        let message = icmp(kind, 0, [0; 4], &V6_SERVER);
        assert_eq!(
            signals(&ipv6(&[], 58, &message)),
            signal::LINK_CONTROL,
            "type {kind}"
        );
        assert_eq!(
            signals(&ipv6(&[options(0, 0)], 58, &message)),
            signal::LINK_CONTROL
        );
    }
    // The same numbers mean nothing of the kind in ICMP of IPv4.
    let v4 = Ipv4::new(1).carrying(&icmp(135, 0, [0; 4], &[]));
    assert_eq!(signals(&v4), signal::OPENING);
}

#[test]
fn protocols_without_ports_are_kept_by_their_number() {
    // IGMP, GRE, ESP, no next header, "reserved".
    for protocol in [2, 47, 50, 59, 255] {
        let packet = ip(&ipv6(&[], protocol, &[1; 20])).unwrap();
        assert_eq!(
            (packet.protocol, packet.signals),
            (protocol, signal::OPENING)
        );
        assert_eq!(
            (packet.tuple.source_port, packet.tuple.destination_port),
            (0, 0)
        );
    }
}
