//! IPv4, IPv6 and extension headers.

use netpol_common::packet::network::{MAX_EXTENSION_HEADERS, mapped};
use netpol_common::packet::{Fragment, ParseError};

use super::frames::{
    ACK, Extension, Ipv4, MORE_V4, SYN, V4_CLIENT, V4_SERVER, V6_CLIENT, V6_SERVER, authentication,
    fragment_header, ipv6, options, tcp, udp,
};
use super::{ip, ports};

#[test]
fn addresses_are_mapped_in_ipv4_and_plain_in_ipv6() {
    let v4 = ip(&Ipv4::new(6).carrying(&tcp(1, 2, SYN))).unwrap().tuple;
    assert_eq!(
        (v4.source, v4.destination),
        (mapped(V4_CLIENT), mapped(V4_SERVER))
    );
    let v6 = ip(&ipv6(&[], 6, &tcp(1, 2, SYN))).unwrap().tuple;
    assert_eq!((v6.source, v6.destination), (V6_CLIENT, V6_SERVER));
}

#[test]
fn ports_stand_behind_options_of_every_length() {
    for words in 0..=10 {
        let header = Ipv4 {
            options: vec![1; words * 4],
            ..Ipv4::new(6)
        };
        assert_eq!(
            ports(&header.carrying(&tcp(40000, 80, SYN))),
            (40000, 80),
            "{words} words"
        );
    }
}

#[test]
fn a_header_that_contradicts_itself_is_malformed() {
    let payload = tcp(1, 2, SYN);
    for first in [0x40, 0x44, 0x05, 0x15, 0x55, 0x75, 0xf5] {
        let header = Ipv4 {
            first: Some(first),
            ..Ipv4::new(6)
        };
        assert_eq!(
            ip(&header.carrying(&payload)),
            Err(ParseError::Malformed),
            "{first:#x}"
        );
    }
    for total in [1, 19] {
        let header = Ipv4 {
            total: Some(total),
            ..Ipv4::new(6)
        };
        assert_eq!(
            ip(&header.carrying(&payload)),
            Err(ParseError::Malformed),
            "total {total}"
        );
    }
    let header = Ipv4 {
        options: vec![1; 8],
        total: Some(27),
        ..Ipv4::new(6)
    };
    assert_eq!(ip(&header.carrying(&payload)), Err(ParseError::Malformed));
}

#[test]
fn length_zero_stands_for_a_segment_train() {
    let v4 = Ipv4 {
        total: Some(0),
        ..Ipv4::new(6)
    }
    .carrying(&tcp(40000, 80, ACK));
    assert_eq!(ports(&v4), (40000, 80));
    let mut v6 = ipv6(&[], 6, &tcp(40000, 80, ACK));
    v6[4..6].fill(0);
    assert_eq!(ports(&v6), (40000, 80));
}

#[test]
fn a_first_fragment_has_ports_and_a_later_one_none() {
    let first = ip(&Ipv4::fragment(17, MORE_V4).carrying(&udp(40000, 53, b""))).unwrap();
    assert_eq!(
        first.fragment,
        Fragment::First {
            identification: 0x1234
        }
    );
    assert_eq!(first.tuple.source_port, 40000);
    // Middle and last, down to the smallest offset.
    for field in [1, 1 | MORE_V4, 0x1fff, 0x1fff | MORE_V4] {
        for protocol in [1, 6, 17, 132] {
            let packet = Ipv4::fragment(protocol, field).carrying(&tcp(40000, 80, SYN));
            let later = ip(&packet).unwrap();
            assert_eq!(
                later.fragment,
                Fragment::Later {
                    identification: 0x1234
                }
            );
            assert_eq!(
                (later.tuple.source_port, later.tuple.destination_port),
                (0, 0)
            );
            assert_eq!((later.signals, later.tcp_flags, later.icmp_type), (0, 0, 0));
        }
    }
}

#[test]
fn do_not_fragment_and_the_reserved_bit_make_no_fragment() {
    for field in [0x4000, 0x8000] {
        let packet = Ipv4::fragment(6, field).carrying(&tcp(1, 2, SYN));
        assert_eq!(ip(&packet).unwrap().fragment, Fragment::Whole);
    }
}

#[test]
fn every_extension_header_is_passed_over() {
    let one_each = [
        options(0, 0),
        options(43, 3),
        fragment_header(0, false, 5),
        authentication(1),
        authentication(3),
        options(60, 31),
        options(135, 0),
        options(139, 4),
        options(140, 0),
    ];
    for extension in one_each {
        let packet = ip(&ipv6(
            std::slice::from_ref(&extension),
            6,
            &tcp(40000, 80, SYN),
        ))
        .unwrap();
        let number = extension.0;
        assert_eq!(packet.protocol, 6, "extension {number}");
        assert_eq!(packet.tuple.source_port, 40000, "extension {number}");
        assert_eq!(packet.fragment, Fragment::Whole, "extension {number}");
    }
}

#[test]
fn the_chain_is_followed_to_its_bound_and_no_further() {
    let chain = |length: usize| -> Vec<Extension> { vec![options(60, 0); length] };
    let payload = tcp(40000, 80, SYN);
    let longest = ipv6(&chain(MAX_EXTENSION_HEADERS), 6, &payload);
    assert_eq!(ports(&longest), (40000, 80));
    for length in [MAX_EXTENSION_HEADERS + 1, MAX_EXTENSION_HEADERS + 20] {
        let longer = ipv6(&chain(length), 6, &payload);
        assert_eq!(ip(&longer), Err(ParseError::Malformed), "{length} headers");
    }
}

#[test]
fn ipv6_fragments_are_told_apart() {
    let payload = udp(40000, 53, b"");
    let first = ip(&ipv6(
        &[fragment_header(0, true, 0xdead_beef)],
        17,
        &payload,
    ))
    .unwrap();
    assert_eq!(
        first.fragment,
        Fragment::First {
            identification: 0xdead_beef
        }
    );
    assert_eq!(first.tuple.source_port, 40000);
    for (offset, more) in [(1, true), (1, false), (0x1fff, false)] {
        let header = fragment_header(offset, more, 0xdead_beef);
        let later = ip(&ipv6(&[options(0, 0), header], 17, &payload)).unwrap();
        assert_eq!(
            later.fragment,
            Fragment::Later {
                identification: 0xdead_beef
            }
        );
        assert_eq!((later.protocol, later.tuple.source_port), (17, 0));
    }
}

#[test]
fn extension_headers_of_a_later_fragment_are_not_looked_for_in_its_data() {
    let later = ipv6(&[fragment_header(3, false, 1)], 60, &tcp(40000, 80, SYN));
    let packet = ip(&later).unwrap();
    assert_eq!((packet.protocol, packet.tuple.source_port), (60, 0));
}

#[test]
fn an_extension_header_that_leaves_the_packet_is_truncated() {
    let (number, mut body) = options(60, 0);
    body[0] = 255;
    let packet = ipv6(&[(number, body)], 6, &tcp(40000, 80, SYN));
    assert_eq!(ip(&packet), Err(ParseError::Truncated));
}
