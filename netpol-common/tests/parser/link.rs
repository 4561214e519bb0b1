//! Ethernet and VLAN tags.

use netpol_common::packet::{LinkLayer, ParseError, network_offset, parse};

use super::frames::{
    ARP, IPV4, IPV6, Ipv4, SERVICE_VLAN, SYN, V4_CLIENT, V4_SERVER, VLAN, delivered, ethernet,
    ipv6, readable, tcp,
};

#[test]
fn the_way_a_packet_is_delivered_changes_nothing_of_what_it_says() {
    for (name, packet) in readable() {
        let expected = parse(&packet[..], LinkLayer::None).unwrap();
        for (link, frame) in delivered(&packet) {
            assert_eq!(parse(&frame[..], link), Ok(expected), "{name}");
            assert_eq!(
                network_offset(&frame[..], link),
                Ok(frame.len() - packet.len()),
                "{name}"
            );
        }
    }
}

#[test]
fn a_third_tag_is_refused() {
    let packet = Ipv4::new(6).carrying(&tcp(1, 2, SYN));
    for tags in [[VLAN; 3], [SERVICE_VLAN, SERVICE_VLAN, VLAN]] {
        let frame = ethernet(&tags, IPV4, &packet);
        assert_eq!(
            parse(&frame[..], LinkLayer::Ethernet),
            Err(ParseError::NotIp)
        );
    }
}

#[test]
fn other_ether_types_are_not_ip_under_tags_too() {
    for tags in [&[][..], &[VLAN], &[SERVICE_VLAN, VLAN]] {
        // 0x05dc is the greatest length of an 802.3 frame, which has no type at all.
        for ether_type in [ARP, 0x8847, 0x05dc, 0x0000, 0xffff] {
            let frame = ethernet(tags, ether_type, &[0x45; 60]);
            assert_eq!(
                parse(&frame[..], LinkLayer::Ethernet),
                Err(ParseError::NotIp)
            );
        }
    }
}

#[test]
fn a_frame_that_ends_in_its_link_header_is_truncated() {
    for tags in [&[][..], &[VLAN], &[SERVICE_VLAN, VLAN]] {
        let frame = ethernet(tags, IPV6, &[]);
        for length in 0..=frame.len() {
            let result = parse(&frame[..length], LinkLayer::Ethernet);
            assert_eq!(result, Err(ParseError::Truncated), "{length} bytes");
        }
    }
}

#[test]
fn the_version_decides_where_the_ether_type_says_otherwise() {
    let packet = ipv6(&[], 6, &tcp(1, 2, SYN));
    let frame = ethernet(&[], IPV4, &packet);
    let read = parse(&frame[..], LinkLayer::Ethernet);
    assert_eq!(read, parse(&packet[..], LinkLayer::None));
    let v4 = Ipv4::new(6).carrying(&tcp(1, 2, SYN));
    let read = parse(&ethernet(&[], IPV6, &v4)[..], LinkLayer::Ethernet).unwrap();
    assert_eq!(read.tuple.source[12..], V4_CLIENT);
    assert_eq!(read.tuple.destination[12..], V4_SERVER);
}
