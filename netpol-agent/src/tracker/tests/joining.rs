//! Which records are one flow.

use super::*;

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
    assert_eq!(due.revision.observed.verdict, ObservedVerdict::Forwarded);
    assert!(due.revision.observed.delivered && due.revision.observed.reply_seen);
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
