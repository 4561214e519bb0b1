use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use netpol_common::record::{
    DropKey, DropState, FlowKey, FlowState, Tuple, drop_flag, flow_flag as f,
};

use super::sighting::TCP;
use super::*;
use crate::flow::{NodeReply, record_address};

const NODE: u32 = 4026531840;
const MS: u64 = 1_000_000;
const CLIENT: u32 = 10;
const SERVER: u32 = 20;

struct Table;

impl Names for Table {
    fn reason(&self, number: u32) -> Cow<'_, str> {
        Cow::Borrowed(match number {
            1 => "NETFILTER_DROP",
            2 => "NO_SOCKET",
            3 => "TC_EGRESS",
            _ => "NOT_SPECIFIED",
        })
    }
    fn location(&self, _: u64) -> Option<&str> {
        Some("nft_do_chain")
    }
}

fn tuple(source: &str, source_port: u16, destination: &str, destination_port: u16) -> Tuple {
    Tuple {
        source: record_address(source.parse().unwrap()),
        destination: record_address(destination.parse().unwrap()),
        source_port,
        destination_port,
    }
}

fn direct() -> Tuple {
    tuple("10.0.0.1", 40000, "10.0.1.1", 80)
}

fn dialled() -> Tuple {
    tuple("10.0.0.1", 40000, "10.96.0.1", 443)
}

fn tracker(connections: usize) -> Tracker {
    let config = TrackerConfig {
        connections,
        answer_timeout: Duration::from_secs(2),
        node_netns: NODE,
    };
    Tracker::new(config, Arc::new(Table))
}

/// State of a connection as an interface sees it, opened by `opener`.
fn state(
    opener: &Tuple,
    ifindex: u32,
    at: u64,
    flags: u32,
    packets: [u64; 2],
) -> (FlowKey, FlowState) {
    let key = FlowKey::new(opener, TCP, ifindex);
    let to_pod = flags & f::OPENED_TO_POD != 0;
    let opener_is_low = key.low == opener.source && key.low_port == opener.source_port;
    let mut state = FlowState {
        first_seen: at,
        last_seen: at,
        flags: flags | f::NEW_REPORTED,
        ..FlowState::default()
    };
    if opener_is_low != to_pod {
        state.flags |= f::POD_IS_LOW;
    }
    state.counters[usize::from(to_pod)].packets = packets[0];
    state.counters[usize::from(!to_pod)].packets = packets[1];
    (key, state)
}

fn dropped(packet: &Tuple, reason: u32, at: u64, packets: u64) -> (DropKey, DropState) {
    let key = DropKey {
        tuple: *packet,
        reason,
        ifindex: CLIENT,
        input_ifindex: CLIENT,
        netns: NODE,
        protocol: TCP,
        ..DropKey::default()
    };
    let state = DropState {
        first_seen: at,
        last_seen: at,
        packets,
        bytes: packets * 60,
        flags: drop_flag::OPENING,
        tcp_flags: 2,
        ..DropState::default()
    };
    (key, state)
}

/// Everything due: id, revision, outcome.
fn due(tracker: &mut Tracker, now: u64) -> Vec<(u64, u64, Observed)> {
    let mut all = Vec::new();
    while let Some(due) = tracker.next_due(now) {
        all.push((due.connection.id.0, due.connection.revision, due.observed));
    }
    all
}

#[test]
fn two_interfaces_and_a_service_are_one_flow() {
    let mut tracker = tracker(100);
    let (key, syn) = state(&dialled(), CLIENT, MS, f::OPENING_SEEN, [1, 0]);
    tracker.flow(key, syn, MS);
    let (key, mut seen) = state(
        &direct(),
        SERVER,
        MS,
        f::OPENING_SEEN | f::OPENED_TO_POD | f::CT_ORIGINAL,
        [1, 0],
    );
    seen.ct_original = dialled();
    tracker.flow(key, seen, MS);
    assert_eq!(due(&mut tracker, MS), []);
    let (key, answered) = state(
        &dialled(),
        CLIENT,
        MS,
        f::OPENING_SEEN | f::REPLY_SEEN,
        [2, 1],
    );
    tracker.flow(key, answered, 2 * MS);

    assert_eq!(tracker.len(), 1);
    let due = tracker.next_due(2 * MS).unwrap();
    assert_eq!(due.observed.verdict, ObservedVerdict::Forwarded);
    assert!(due.observed.delivered && due.observed.reply_seen);
    assert_eq!(due.connection.destination(), (direct().destination, 80));
    assert_eq!(due.connection.dialled.tuple, dialled());
    assert_eq!(
        due.connection.counters().map(|counters| counters.packets),
        [2, 1]
    );
}

#[test]
fn the_backend_is_known_from_the_reply_tuple_alone() {
    let mut tracker = tracker(100);
    let (key, mut seen) = state(
        &dialled(),
        CLIENT,
        MS,
        f::OPENING_SEEN | f::REPLY_SEEN | f::CT_REPLY,
        [1, 1],
    );
    seen.ct_reply = tuple("10.0.1.1", 8443, "10.0.0.1", 40000);
    tracker.flow(key, seen, MS);
    let due = tracker.next_due(MS).unwrap();
    assert_eq!(due.connection.destination(), (direct().destination, 8443));
}

#[test]
fn a_drop_joins_by_conntracks_tuple_and_counts_retransmissions_once() {
    let mut tracker = tracker(100);
    let (key, syn) = state(&dialled(), CLIENT, MS, f::OPENING_SEEN, [1, 0]);
    tracker.flow(key, syn, MS);
    let (key, mut drop) = dropped(&direct(), 1, MS, 1);
    drop.flags |= drop_flag::CT_ORIGINAL;
    drop.ct_original = dialled();
    tracker.drop(key, drop, MS);
    assert_eq!(
        due(&mut tracker, MS),
        [],
        "waits for an answer that the node may make"
    );
    let first = due(&mut tracker, 51 * MS);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].2.verdict, ObservedVerdict::Dropped);

    drop.packets = 4;
    drop.last_seen = 7000 * MS;
    tracker.drop(key, drop, 7100 * MS);
    let second = due(&mut tracker, 7100 * MS);
    assert_eq!((second[0].0, second[0].1), (1, 2));
    assert_eq!(second[0].2.drop.as_ref().map(|drop| drop.packets), Some(4));
    assert_eq!(due(&mut tracker, 9000 * MS), [], "nothing changed");
}

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

#[test]
fn an_event_that_a_sweep_has_overtaken_does_not_count_backwards() {
    let mut tracker = tracker(100);
    let (key, event) = dropped(&direct(), 1, MS, 1);
    let swept = DropState {
        packets: 3,
        last_seen: 2 * MS,
        ..event
    };
    tracker.drop(key, swept, 3 * MS);
    tracker.drop(key, event, 3 * MS);
    let all = due(&mut tracker, 60 * MS);
    assert_eq!(all[0].2.drop.as_ref().map(|drop| drop.packets), Some(3));
}

#[test]
fn a_drop_inside_a_pod_that_never_spoke_joins_by_the_tuple_it_was_handed() {
    const POD: u32 = NODE + 1;
    let mut tracker = tracker(100);
    let (key, syn) = state(&dialled(), CLIENT, MS, f::OPENING_SEEN, [1, 0]);
    tracker.flow(key, syn, MS);
    let flags = f::OPENING_SEEN | f::OPENED_TO_POD | f::CT_ORIGINAL;
    let (key, mut delivered) = state(&direct(), SERVER, MS, flags, [1, 0]);
    delivered.ct_original = dialled();
    tracker.flow(key, delivered, MS);
    let (mut key, mut drop) = dropped(&direct(), 1, MS, 1);
    (key.netns, drop.ct_original) = (POD, direct());
    drop.flags |= drop_flag::CT_ORIGINAL;
    tracker.drop(key, drop, MS);
    let all = due(&mut tracker, 60 * MS);
    assert_eq!(tracker.len(), 1);
    assert_eq!(all[0].2.verdict, ObservedVerdict::Dropped);
    assert!(
        all[0]
            .2
            .drop
            .as_ref()
            .is_some_and(|drop| !drop.in_node_netns && !drop.of_reply)
    );

    let elsewhere = tuple("10.9.9.9", 1, "10.9.9.8", 2);
    let (mut key, drop) = dropped(&elsewhere, 1, MS, 1);
    key.netns = POD + 1;
    tracker.drop(key, drop, MS);
    assert_eq!(tracker.len(), 1, "a namespace that is none of ours");
}

/// A node has this address, nobody any other.
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
fn a_port_pair_used_again_is_another_flow() {
    let mut tracker = tracker(100);
    let ended = f::OPENING_SEEN | f::REPLY_SEEN | f::ENDED;
    let (key, first) = state(&direct(), CLIENT, MS, ended, [5, 5]);
    tracker.flow(key, first, MS);
    assert_eq!(due(&mut tracker, MS)[0].0, 1);
    let (key, second) = state(
        &direct(),
        CLIENT,
        100 * MS,
        f::OPENING_SEEN | f::REPLY_SEEN,
        [1, 1],
    );
    tracker.flow(key, second, 100 * MS);
    let (key, other_end) = state(
        &direct(),
        SERVER,
        100 * MS,
        f::OPENING_SEEN | f::OPENED_TO_POD,
        [1, 0],
    );
    tracker.flow(key, other_end, 100 * MS);
    let all = due(&mut tracker, 100 * MS);
    assert_eq!(all.iter().map(|due| due.0).collect::<Vec<_>>(), [2]);
    assert_eq!(tracker.len(), 2);
}

#[test]
fn an_entry_made_anew_in_mid_connection_goes_on_counting() {
    let mut tracker = tracker(100);
    let (key, first) = state(
        &direct(),
        CLIENT,
        MS,
        f::OPENING_SEEN | f::REPLY_SEEN,
        [5, 4],
    );
    tracker.flow(key, first, MS);
    for packets in [1, 2] {
        let (key, again) = state(&direct(), CLIENT, 50 * MS, f::INFERRED, [packets, 0]);
        tracker.swept_flow(key, again, 60 * MS);
    }
    let due = tracker.next_due(60 * MS).unwrap();
    assert_eq!(
        due.connection.counters().map(|counters| counters.packets),
        [7, 4]
    );
    assert_eq!(tracker.len(), 1);
}

#[test]
fn the_opening_packet_overrules_an_inferred_direction() {
    let mut tracker = tracker(100);
    let back = tuple("10.0.1.1", 80, "10.0.0.1", 40000);
    let (key, reply) = state(&back, SERVER, MS, f::INFERRED, [1, 0]);
    tracker.flow(key, reply, MS);
    let (key, syn) = state(
        &direct(),
        CLIENT,
        MS,
        f::OPENING_SEEN | f::REPLY_SEEN,
        [1, 1],
    );
    tracker.flow(key, syn, 2 * MS);
    assert_eq!(tracker.len(), 1);
    let due = tracker.next_due(2 * MS).unwrap();
    assert_eq!(due.connection.source(), (direct().source, 40000));
    assert_eq!(
        due.connection.at_source().map(|seen| seen.key.ifindex),
        Some(CLIENT)
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

#[test]
fn the_oldest_leaves_when_full_and_only_unfinished_ones_count_as_lost() {
    let mut tracker = tracker(2);
    let ended = f::OPENING_SEEN | f::REPLY_SEEN | f::ENDED;
    for port in 1..=2 {
        let opener = tuple("10.0.0.1", port, "10.0.1.1", 80);
        let (key, state) = state(&opener, CLIENT, MS, ended, [3, 3]);
        tracker.flow(key, state, MS);
    }
    assert_eq!(due(&mut tracker, MS).len(), 2);
    for port in 3..=5 {
        let opener = tuple("10.0.0.1", port, "10.0.1.1", 80);
        let (key, state) = state(&opener, CLIENT, MS, f::OPENING_SEEN, [1, 0]);
        tracker.flow(key, state, MS);
    }
    assert_eq!(tracker.len(), 2);
    assert_eq!(tracker.take_evicted(), 1);
    assert_eq!(tracker.take_evicted(), 0);
}

#[test]
fn a_forgotten_connection_does_not_come_back_from_a_sweep() {
    let mut tracker = tracker(10);
    let ended = f::OPENING_SEEN | f::REPLY_SEEN | f::ENDED | f::ENDED_REPORTED;
    let (key, state) = state(&direct(), CLIENT, MS, ended, [3, 3]);
    tracker.flow(key, state, MS);
    due(&mut tracker, MS);
    tracker.forget(40_000 * MS);
    assert!(tracker.is_empty());
    tracker.swept_flow(key, state, 41_000 * MS);
    tracker.expired_flow(key, state, 42_000 * MS);
    assert!(tracker.is_empty());
    assert_eq!(due(&mut tracker, 50_000 * MS), []);
}

#[test]
fn a_retransmission_after_the_entry_expired_is_still_the_blocked_flow() {
    let mut tracker = tracker(10);
    let (key, syn) = state(&direct(), CLIENT, MS, f::OPENING_SEEN, [1, 0]);
    tracker.flow(key, syn, MS);
    let (drop_key, drop) = dropped(&direct(), 1, MS, 1);
    tracker.drop(drop_key, drop, MS);
    assert_eq!(due(&mut tracker, 60 * MS).len(), 1);
    tracker.expired_flow(key, syn, 40_000 * MS);
    tracker.forget(60_000 * MS);
    let (key, again) = state(&direct(), CLIENT, 63_000 * MS, f::OPENING_SEEN, [1, 0]);
    tracker.flow(key, again, 63_000 * MS);
    let counted = DropState {
        packets: 2,
        last_seen: 63_000 * MS,
        ..drop
    };
    tracker.drop(drop_key, counted, 63_000 * MS);
    let all = due(&mut tracker, 64_000 * MS);
    assert_eq!(all.iter().map(|due| due.0).collect::<Vec<_>>(), [1]);
    assert_eq!(all[0].2.drop.as_ref().map(|drop| drop.packets), Some(2));
}

#[test]
fn a_drop_far_from_here_is_not_taken_for_one_inside_the_pod() {
    let mut tracker = tracker(100);
    let (key, mut syn) = state(&direct(), CLIENT, MS, f::OPENING_SEEN, [1, 0]);
    syn.pod_netns = 77;
    tracker.flow(key, syn, MS);
    // The packet left the pod and was dropped in a namespace that is neither the node's nor the pod's.
    let (mut key, lost) = dropped(&direct(), 1, MS, 1);
    key.netns = 4711;
    key.input_ifindex = 9;
    tracker.drop(key, lost, MS);
    let due = due(&mut tracker, 3000 * MS);
    let [(_, _, observed)] = &due[..] else {
        panic!("{due:?}")
    };
    assert_eq!(observed.verdict, ObservedVerdict::Unanswered);
    assert_eq!(observed.drop, None);
}

#[test]
fn a_sweep_that_overtakes_the_events_tells_of_all_drops_inside_the_pod() {
    let mut tracker = tracker(100);
    let flags = f::OPENING_SEEN | f::OPENED_TO_POD;
    let (flow_key, mut delivered) = state(&direct(), SERVER, MS, flags, [3, 0]);
    delivered.last_seen = 3 * MS;
    let (mut key, mut lost) = dropped(&direct(), 1, MS, 3);
    lost.last_seen = 3 * MS;
    // A namespace that nothing is known of, but that the packets were delivered to it.
    key.netns = 4711;
    key.input_ifindex = 9;
    tracker.sweep(vec![(flow_key, delivered)], vec![(key, lost)], 4 * MS);
    let (flow_key, first) = state(&direct(), SERVER, MS, flags, [1, 0]);
    tracker.flow(flow_key, first, 5 * MS);
    let (_, first) = dropped(&direct(), 1, MS, 1);
    tracker.drop(key, first, 5 * MS);
    let due = due(&mut tracker, 3000 * MS);
    let [(_, _, observed)] = &due[..] else {
        panic!("{due:?}")
    };
    assert_eq!(observed.verdict, ObservedVerdict::Dropped);
    assert_eq!(observed.drop.as_ref().map(|drop| drop.packets), Some(3));
}
