//! What is said of a flow, and when.

use super::*;

#[test]
fn a_rejection_is_published_at_once_and_never_as_a_drop_first() {
    let mut tracker = tracker(100);
    let flags = f::OPENING_SEEN | f::NODE_RST | f::ENDED;
    let (key, reset) = state(&direct(), CLIENT, MS, flags, [1, 1]);
    tracker.flow(key, reset, MS);
    assert_eq!(due(&mut tracker, MS), []);
    let (key, drop) = dropped(&direct(), 1, MS, 1);
    tracker.drop(key, drop, 2 * MS);
    let all = due(&mut tracker, 2 * MS);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].2.verdict, ObservedVerdict::Rejected);
    assert_eq!(all[0].2.node_reply, Some(NodeReply::TcpReset));
    assert!(!all[0].2.reply_seen);
}

#[test]
fn a_retransmission_after_an_icmp_error_is_still_the_blocked_flow() {
    let mut tracker = tracker(100);
    let flags = f::OPENING_SEEN | f::NODE_ICMP | f::ENDED;
    let (key, refused) = state(&direct(), CLIENT, MS, flags, [1, 0]);
    let (drop_key, drop) = dropped(&direct(), 1, MS, 1);
    tracker.drop(drop_key, drop, MS);
    tracker.flow(key, refused, MS);
    assert_eq!(due(&mut tracker, 60 * MS).len(), 1);
    let (key, again) = state(&direct(), CLIENT, 1000 * MS, flags, [1, 0]);
    tracker.flow(key, again, 1000 * MS);
    tracker.drop(drop_key, DropState { packets: 2, ..drop }, 1000 * MS);
    let all = due(&mut tracker, 1060 * MS);
    assert_eq!(tracker.len(), 1);
    assert_eq!(all[0].2.verdict, ObservedVerdict::Rejected);
    assert_eq!(all[0].2.drop.as_ref().map(|drop| drop.packets), Some(2));
}

#[test]
fn a_packet_that_waited_for_its_neighbour_is_dropped_in_the_same_flow() {
    let mut tracker = tracker(100);
    let flags = f::OPENING_SEEN | f::NODE_ICMP | f::ENDED;
    let (key, syn) = state(&direct(), CLIENT, MS, flags, [1, 0]);
    tracker.flow(key, syn, 3000 * MS);
    let (key, drop) = dropped(&direct(), 1, 3000 * MS, 1);
    tracker.drop(key, drop, 3000 * MS);
    assert_eq!(due(&mut tracker, 3060 * MS).len(), 1);
    assert_eq!(tracker.len(), 1);
}

struct OneNode(Address);

impl Holders for OneNode {
    fn is_node(&self, address: Address) -> bool {
        address == self.0
    }
    fn is_pod(&self, _: Address) -> bool {
        false
    }
}

#[test]
fn what_is_sent_to_oneself_is_no_flow() {
    let mut tracker = tracker(100);
    let node = record_address("192.0.2.10".parse().unwrap());
    tracker.set_holders(Arc::new(OneNode(node)));
    let pod_netns = NODE + 1;
    // A pod of this node, so that drops inside of it are told.
    let (key, mut seen) = state(&direct(), CLIENT, MS, f::OPENING_SEEN, [1, 1]);
    seen.pod_netns = pod_netns;
    tracker.flow(key, seen, MS);
    let before = tracker.len();
    for (source, destination, netns) in [
        ("127.0.0.1", "127.0.0.1", NODE),
        ("127.0.0.1", "127.0.0.53", pod_netns),
        ("::1", "::1", NODE),
        ("192.0.2.10", "192.0.2.10", NODE),
        ("10.0.0.1", "10.0.0.1", pod_netns),
    ] {
        let (key, drop) = dropped(&tuple(source, 40000, destination, 81), 2, MS, 1);
        tracker.drop(DropKey { netns, ..key }, drop, MS);
        assert_eq!(tracker.len(), before, "{source} {destination}");
    }
    // Through a Service, on the pod's interface and back.
    let (key, drop) = dropped(&tuple("10.0.0.1", 40000, "10.0.0.1", 81), 1, MS, 1);
    tracker.drop(key, drop, MS);
    assert_eq!(tracker.len(), before + 1);
}

#[test]
fn a_nodes_own_reset_is_a_refusal() {
    let mut tracker = tracker(100);
    tracker.set_holders(Arc::new(OneNode(direct().destination)));
    let flags = f::OPENING_SEEN | f::NODE_RST | f::ENDED;
    let (key, reset) = state(&direct(), CLIENT, MS, flags, [1, 1]);
    tracker.flow(key, reset, MS);
    let all = due(&mut tracker, 60 * MS);
    assert_eq!(all[0].2.verdict, ObservedVerdict::Forwarded);
    assert!(all[0].2.refused_by_peer);
}

#[test]
fn a_dropped_reply_belongs_to_the_flow_and_is_no_flow_of_its_own() {
    let mut tracker = tracker(100);
    let (key, syn) = state(&direct(), CLIENT, MS, f::OPENING_SEEN, [1, 0]);
    tracker.flow(key, syn, MS);
    let back = tuple("10.0.1.1", 80, "10.0.0.1", 40000);
    let (mut key, mut drop) = dropped(&back, 1, 2 * MS, 1);
    key.input_ifindex = SERVER;
    drop.flags = 0;
    drop.tcp_flags = 0x12;
    tracker.drop(key, drop, 2 * MS);
    let all = due(&mut tracker, 60 * MS);
    assert_eq!(tracker.len(), 1);
    assert_eq!(all[0].2.verdict, ObservedVerdict::Forwarded);
    assert!(all[0].2.drop.as_ref().is_some_and(|drop| drop.of_reply));
}

#[test]
fn silence_is_unanswered_and_a_late_reply_corrects_it() {
    let mut tracker = tracker(100);
    let (key, syn) = state(&direct(), CLIENT, MS, f::OPENING_SEEN, [1, 0]);
    tracker.flow(key, syn, MS);
    assert_eq!(due(&mut tracker, 2000 * MS), []);
    let first = due(&mut tracker, 2001 * MS);
    assert_eq!(first[0].2.verdict, ObservedVerdict::Unanswered);
    let (key, answered) = state(
        &direct(),
        CLIENT,
        MS,
        f::OPENING_SEEN | f::REPLY_SEEN,
        [1, 1],
    );
    tracker.flow(key, answered, 2500 * MS);
    let second = due(&mut tracker, 2500 * MS);
    assert_eq!(
        (second[0].1, second[0].2.verdict),
        (2, ObservedVerdict::Forwarded)
    );
}

#[test]
fn an_open_connection_that_is_cut_off_becomes_blocked() {
    let mut tracker = tracker(100);
    let (key, open) = state(
        &direct(),
        CLIENT,
        MS,
        f::OPENING_SEEN | f::REPLY_SEEN,
        [5, 5],
    );
    tracker.flow(key, open, MS);
    assert_eq!(due(&mut tracker, MS).len(), 1);
    let (key, mut drop) = dropped(&direct(), 1, 900 * MS, 1);
    drop.flags = drop_flag::CT_ORIGINAL;
    drop.ct_original = direct();
    tracker.drop(key, drop, 900 * MS);
    let one = due(&mut tracker, 1000 * MS);
    assert_eq!(one[0].2.verdict, ObservedVerdict::Forwarded);
    drop.packets = 3;
    drop.last_seen = 2000 * MS;
    tracker.drop(key, drop, 2000 * MS);
    let cut = due(&mut tracker, 2100 * MS);
    assert_eq!(cut[0].2.verdict, ObservedVerdict::Dropped);
}

#[test]
fn what_is_freed_behind_our_hook_was_not_delivered() {
    let mut tracker = tracker(100);
    let (key, syn) = state(
        &direct(),
        SERVER,
        MS,
        f::OPENING_SEEN | f::OPENED_TO_POD,
        [1, 0],
    );
    tracker.flow(key, syn, MS);
    let (mut key, drop) = dropped(&direct(), 3, MS, 1);
    key.ifindex = SERVER;
    tracker.drop(key, drop, MS);
    let all = due(&mut tracker, 60 * MS);
    assert_eq!(all[0].2.verdict, ObservedVerdict::Dropped);
    assert!(!all[0].2.delivered);
}

#[test]
fn a_closed_port_of_a_pod_is_a_refusal_not_a_block() {
    let mut tracker = tracker(100);
    let flags = f::OPENING_SEEN | f::REPLY_SEEN | f::PEER_RST | f::ENDED;
    let (mut key, drop) = dropped(&direct(), 2, MS, 1);
    key.netns = NODE + 1;
    tracker.drop(key, drop, MS);
    let (key, reset) = state(&direct(), CLIENT, MS, flags, [1, 1]);
    tracker.flow(key, reset, 2 * MS);
    let all = due(&mut tracker, 60 * MS);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].2.verdict, ObservedVerdict::Forwarded);
    assert!(all[0].2.refused_by_peer);
}
