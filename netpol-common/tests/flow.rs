//! The life of a connection: who opened it, what counts as a reply, when it has ended, which event is due.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use netpol_common::flow::{Atomic, SharedFlow, Sighting, due_event, reported};
use netpol_common::packet::network::mapped;
use netpol_common::packet::transport::{ICMP, SCTP, TCP, UDP, tcp_flag, tcp_signals};
use netpol_common::packet::{Fragment, Packet, signal};
use netpol_common::record::{Crossing, EventKind, FlowKey, FlowState, Tuple, flow_flag};
use proptest::prelude::*;

const POD: [u8; 4] = [10, 244, 1, 7];
const LOWER: [u8; 4] = [10, 0, 0, 1];
const HIGHER: [u8; 4] = [10, 250, 0, 1];
const SYN: u8 = tcp_flag::SYN;
const ACK: u8 = tcp_flag::ACK;
const FIN: u8 = tcp_flag::FIN;
const RST: u8 = tcp_flag::RST;

/// Plain memory operations: a test has no other CPU.
struct Plain;

impl Atomic for Plain {
    unsafe fn add(at: *mut u64, value: u64) {
        // SAFETY: by the trait's contract.
        unsafe { *at += value };
    }

    unsafe fn or(at: *mut u32, bits: u32) {
        // SAFETY: by the trait's contract.
        unsafe { *at |= bits };
    }
}

fn packet(tuple: Tuple, protocol: u8, signals: u8) -> Packet {
    Packet {
        tuple,
        protocol,
        signals,
        tcp_flags: 0,
        icmp_type: 0,
        icmp_code: 0,
        fragment: Fragment::Whole,
    }
}

fn between(source: ([u8; 4], u16), destination: ([u8; 4], u16)) -> Tuple {
    Tuple {
        source: mapped(source.0),
        destination: mapped(destination.0),
        source_port: source.1,
        destination_port: destination.1,
    }
}

fn turned(tuple: Tuple) -> Tuple {
    Tuple {
        source: tuple.destination,
        destination: tuple.source,
        source_port: tuple.destination_port,
        destination_port: tuple.source_port,
    }
}

fn sighting(crossing: Crossing) -> Sighting {
    Sighting {
        crossing,
        now: 1,
        bytes: 60,
        segments: 1,
        node_made: false,
    }
}

/// One interface, with a pod behind it that talks to one remote end.
struct Connection {
    out: Tuple,
    protocol: u8,
    state: Option<FlowState>,
}

impl Connection {
    fn new(remote: [u8; 4], protocol: u8) -> Self {
        Self {
            out: between((POD, 40000), (remote, 80)),
            protocol,
            state: None,
        }
    }

    fn sees(&mut self, crossing: Crossing, mut packet: Packet, node_made: bool) -> u32 {
        packet.protocol = self.protocol;
        let sighting = Sighting {
            node_made,
            ..sighting(crossing)
        };
        let state = self
            .state
            .get_or_insert_with(|| FlowState::open(&packet, &sighting));
        // SAFETY: a live value that nothing else touches meanwhile.
        unsafe { SharedFlow::<Plain>::new(state) }.count(&packet, &sighting)
    }

    fn signals(&mut self, crossing: Crossing, signals: u8) -> u32 {
        let tuple = match crossing {
            Crossing::FromPod => self.out,
            Crossing::ToPod => turned(self.out),
        };
        self.sees(crossing, packet(tuple, self.protocol, signals), false)
    }

    fn tcp(&mut self, crossing: Crossing, flags: u8) -> u32 {
        self.signals(crossing, tcp_signals(flags))
    }
}

use Crossing::{FromPod, ToPod};

fn has(flags: u32, wanted: u32) -> bool {
    flags & wanted == wanted
}

#[test]
fn a_handshake_has_an_opener_then_a_reply() {
    for (opener, other) in [(FromPod, ToPod), (ToPod, FromPod)] {
        let mut connection = Connection::new(HIGHER, TCP);
        let flags = connection.tcp(opener, SYN);
        assert!(has(flags, flow_flag::OPENING_SEEN));
        assert!(!has(flags, flow_flag::INFERRED) && !has(flags, flow_flag::REPLY_SEEN));
        assert_eq!(has(flags, flow_flag::OPENED_TO_POD), opener == ToPod);
        assert!(
            !has(connection.tcp(opener, SYN), flow_flag::REPLY_SEEN),
            "a SYN sent again"
        );
        assert!(has(connection.tcp(other, SYN | ACK), flow_flag::REPLY_SEEN));
    }
}

#[test]
fn a_syn_ack_seen_first_proves_that_its_receiver_opened() {
    for (crossing, opened_to_pod) in [(ToPod, false), (FromPod, true)] {
        let flags = Connection::new(LOWER, TCP).tcp(crossing, SYN | ACK);
        assert_eq!(has(flags, flow_flag::OPENED_TO_POD), opened_to_pod);
        assert!(has(flags, flow_flag::INFERRED | flow_flag::REPLY_SEEN));
        assert!(!has(flags, flow_flag::OPENING_SEEN));
    }
}

#[test]
fn of_anything_else_seen_first_the_sender_is_taken_for_the_opener() {
    for (crossing, opened_to_pod) in [(ToPod, true), (FromPod, false)] {
        let flags = Connection::new(LOWER, TCP).tcp(crossing, ACK);
        assert_eq!(has(flags, flow_flag::OPENED_TO_POD), opened_to_pod);
        assert!(has(flags, flow_flag::INFERRED));
        assert!(!has(flags, flow_flag::REPLY_SEEN));
    }
}

#[test]
fn both_fins_end_a_connection_and_one_does_not() {
    let mut connection = Connection::new(HIGHER, TCP);
    connection.tcp(FromPod, SYN);
    connection.tcp(ToPod, SYN | ACK);
    assert!(!has(connection.tcp(FromPod, FIN | ACK), flow_flag::ENDED));
    assert!(
        !has(connection.tcp(FromPod, FIN | ACK), flow_flag::ENDED),
        "a FIN sent again"
    );
    assert!(has(connection.tcp(ToPod, FIN | ACK), flow_flag::ENDED));
}

#[test]
fn a_reset_of_the_opener_ends_and_is_no_reply() {
    let mut connection = Connection::new(HIGHER, TCP);
    connection.tcp(FromPod, SYN);
    let flags = connection.tcp(FromPod, RST);
    assert!(has(flags, flow_flag::ENDED));
    let reply = flow_flag::REPLY_SEEN | flow_flag::PEER_RST | flow_flag::NODE_RST;
    assert_eq!(flags & reply, 0);
}

#[test]
fn a_reset_is_laid_to_the_peer_or_to_the_node() {
    let mut refused = Connection::new(HIGHER, TCP);
    refused.tcp(FromPod, SYN);
    let flags = refused.tcp(ToPod, RST | ACK);
    assert!(has(
        flags,
        flow_flag::PEER_RST | flow_flag::REPLY_SEEN | flow_flag::ENDED
    ));

    let mut rejected = Connection::new(HIGHER, TCP);
    rejected.tcp(FromPod, SYN);
    let reset = packet(turned(rejected.out), TCP, signal::RESET);
    let flags = rejected.sees(ToPod, reset, true);
    assert!(has(flags, flow_flag::NODE_RST | flow_flag::ENDED));
    assert_eq!(flags & (flow_flag::REPLY_SEEN | flow_flag::PEER_RST), 0);

    let mut established = Connection::new(HIGHER, TCP);
    established.tcp(FromPod, SYN);
    established.tcp(ToPod, SYN | ACK);
    assert!(
        !has(established.tcp(ToPod, RST), flow_flag::PEER_RST),
        "ended, not refused"
    );
}

#[test]
fn simultaneous_open_is_one_connection_with_a_reply() {
    let mut connection = Connection::new(HIGHER, TCP);
    connection.tcp(FromPod, SYN);
    let flags = connection.tcp(ToPod, SYN);
    assert!(has(flags, flow_flag::OPENING_SEEN | flow_flag::REPLY_SEEN));
    assert!(!has(flags, flow_flag::OPENED_TO_POD));
}

#[test]
fn syn_with_fin_opens_nothing() {
    let flags = Connection::new(HIGHER, TCP).tcp(FromPod, SYN | FIN);
    assert!(!has(flags, flow_flag::OPENING_SEEN));
    assert!(has(flags, flow_flag::INFERRED | flow_flag::FIN_FROM_POD));
    assert!(!has(flags, flow_flag::ENDED));
}

#[test]
fn what_a_pod_forwards_is_no_reply_and_its_fin_is_one_fin() {
    let mut connection = Connection::new(HIGHER, TCP);
    for flags in [SYN, ACK, FIN | ACK] {
        let there = packet(turned(connection.out), TCP, tcp_signals(flags));
        connection.sees(ToPod, there, false);
        let flags = connection.sees(FromPod, there, false);
        assert_eq!(flags & (flow_flag::REPLY_SEEN | flow_flag::ENDED), 0);
    }
    assert!(has(
        connection.tcp(FromPod, SYN | ACK),
        flow_flag::REPLY_SEEN
    ));
}

#[test]
fn an_address_that_talks_to_itself_is_told_apart_by_its_ports() {
    let mut connection = Connection::new(POD, TCP);
    let flags = connection.tcp(FromPod, SYN);
    // 80 is lower than 40000, so the pod's own end is the higher.
    assert!(!has(flags, flow_flag::POD_IS_LOW));
    assert!(has(connection.tcp(ToPod, SYN | ACK), flow_flag::REPLY_SEEN));
}

#[test]
fn equal_ends_never_get_a_reply() {
    let same = between((POD, 7), (POD, 7));
    for (first, second) in [(FromPod, ToPod), (ToPod, FromPod)] {
        let mut connection = Connection::new(POD, ICMP);
        let opened = connection.sees(first, packet(same, ICMP, signal::OPENING), false);
        assert_eq!(has(opened, flow_flag::POD_IS_LOW), first == FromPod);
        let flags = connection.sees(second, packet(same, ICMP, signal::ANSWER), false);
        assert!(!has(flags, flow_flag::REPLY_SEEN));
    }
}

#[test]
fn only_a_handshake_succeeds_an_ended_connection() {
    let ended = FlowState {
        flags: flow_flag::ENDED,
        ..FlowState::default()
    };
    let tuple = between((POD, 40000), (HIGHER, 80));
    for (protocol, expected) in [
        (TCP, true),
        (SCTP, true),
        (UDP, false),
        (ICMP, false),
        (50, false),
    ] {
        let opening = packet(tuple, protocol, signal::OPENING);
        assert_eq!(
            ended.is_succeeded_by(&opening),
            expected,
            "protocol {protocol}"
        );
        assert!(!FlowState::default().is_succeeded_by(&opening));
        assert!(!ended.is_succeeded_by(&packet(tuple, protocol, 0)));
    }
}

#[test]
fn counters_are_kept_by_crossing_and_fragments_are_among_the_packets() {
    let mut connection = Connection::new(HIGHER, TCP);
    connection.tcp(FromPod, SYN);
    let state = connection.state.as_mut().unwrap();
    let train = Sighting {
        segments: 3,
        bytes: 4000,
        now: 9,
        ..sighting(ToPod)
    };
    let data = Packet {
        tcp_flags: ACK,
        ..packet(turned(connection.out), TCP, 0)
    };
    // SAFETY: a live value that nothing else touches meanwhile.
    let flow = unsafe { SharedFlow::<Plain>::new(state) };
    flow.count(&data, &train);
    let before = flow.flags();
    flow.count_fragment(&Sighting {
        bytes: 1500,
        now: 10,
        ..sighting(ToPod)
    });
    assert_eq!(flow.flags(), before);
    let [from_pod, to_pod] = state.counters;
    assert_eq!(
        (from_pod.packets, from_pod.bytes, from_pod.tcp_flags),
        (1, 60, 0)
    );
    assert_eq!(
        (to_pod.packets, to_pod.bytes, to_pod.fragments),
        (4, 5500, 1)
    );
    assert_eq!(to_pod.tcp_flags, u32::from(ACK));
    assert_eq!((state.first_seen, state.last_seen), (1, 10));
}

#[test]
fn events_come_once_each_in_order() {
    let mut flags = 0;
    let mut events = Vec::new();
    for learnt in [0, flow_flag::REPLY_SEEN, 0, flow_flag::ENDED, 0] {
        flags |= learnt;
        if let Some(kind) = due_event(flags) {
            events.push(kind);
            flags |= reported(flags);
        }
    }
    assert_eq!(
        events,
        [
            EventKind::FlowNew,
            EventKind::FlowEstablished,
            EventKind::FlowEnded
        ]
    );
}

#[test]
fn a_refused_event_stays_due_and_a_late_one_tells_everything() {
    let replied = flow_flag::REPLY_SEEN;
    assert_eq!(due_event(0), Some(EventKind::FlowNew));
    assert_eq!(
        due_event(replied),
        Some(EventKind::FlowNew),
        "the first was refused"
    );
    let flags = replied | reported(replied);
    assert_eq!(due_event(flags), None, "the reply went with it");
    let ended = flags | flow_flag::ENDED;
    assert_eq!(due_event(ended), Some(EventKind::FlowEnded));
    assert_eq!(
        due_event(ended),
        Some(EventKind::FlowEnded),
        "refused again"
    );
    assert_eq!(due_event(ended | reported(ended)), None);
    let missed = flow_flag::NEW_REPORTED | flow_flag::REPLY_SEEN | flow_flag::ENDED;
    assert_eq!(
        due_event(missed),
        Some(EventKind::FlowEnded),
        "an end is never hidden by a reply"
    );
    assert_eq!(due_event(missed | reported(missed)), None);
}

fn tuples() -> impl Strategy<Value = Tuple> {
    // Few values, so that addresses and ports are often equal.
    let address = prop_oneof![Just(LOWER), Just(POD), Just(HIGHER), any::<[u8; 4]>()];
    let port = prop_oneof![0u16..3, any::<u16>()];
    (address.clone(), port.clone(), address, port).prop_map(|(a, b, c, d)| between((a, b), (c, d)))
}

fn steps() -> impl Strategy<Value = Vec<(bool, u8, bool, bool)>> {
    prop::collection::vec(any::<(bool, u8, bool, bool)>(), 1..24)
}

proptest! {
    #[test]
    fn a_key_is_the_same_for_both_directions(tuple in tuples(), protocol: u8, ifindex: u32) {
        let key = FlowKey::new(&tuple, protocol, ifindex);
        prop_assert_eq!(key, FlowKey::new(&turned(tuple), protocol, ifindex));
        prop_assert!((key.low, key.low_port) <= (key.high, key.high_port));
        let ends = [(tuple.source, tuple.source_port), (tuple.destination, tuple.destination_port)];
        prop_assert!(ends.contains(&(key.low, key.low_port)));
        prop_assert!(ends.contains(&(key.high, key.high_port)));
    }

    #[test]
    fn whatever_comes_the_state_holds_together(out in tuples(), steps in steps()) {
        let mut connection = Connection { out, protocol: TCP, state: None };
        let equal = (out.source, out.source_port) == (out.destination, out.destination_port);
        let pod = (out.source, out.source_port);
        let mut opened_to_pod = None;
        let mut against = false;
        let mut reset = false;
        let mut events = Vec::new();
        let mut before = 0;
        for (step, (to_pod, tcp_flags, node_made, accepted)) in steps.iter().copied().enumerate() {
            let (crossing, tuple) = if to_pod { (ToPod, turned(out)) } else { (FromPod, out) };
            let signals = tcp_signals(tcp_flags);
            let node_made = node_made && to_pod;
            let flags = connection.sees(crossing, packet(tuple, TCP, signals), node_made);
            prop_assert_eq!(flags & before, before, "flags are only ever added");
            let opener = *opened_to_pod.get_or_insert(has(flags, flow_flag::OPENED_TO_POD));
            prop_assert_eq!(has(flags, flow_flag::OPENED_TO_POD), opener);
            prop_assert!(has(flags, flow_flag::OPENING_SEEN) != has(flags, flow_flag::INFERRED));
            let is_reset = signals == signal::RESET;
            reset |= is_reset;
            against |= to_pod != opener && !(node_made && is_reset);
            let fins = flow_flag::FIN_FROM_POD | flow_flag::FIN_TO_POD;
            prop_assert_eq!(has(flags, flow_flag::ENDED), reset || has(flags, fins));
            if !equal {
                prop_assert_eq!(has(flags, flow_flag::REPLY_SEEN), against, "step {}", step);
                let key = FlowKey::new(&tuple, TCP, 1);
                let low = (key.low, key.low_port) == pod;
                prop_assert_eq!(has(flags, flow_flag::POD_IS_LOW), low);
            }
            before = flags;
            if let Some(kind) = due_event(flags) && accepted {
                events.push(kind);
                let state = connection.state.as_mut().unwrap();
                state.flags |= reported(flags);
                before = state.flags;
            }
        }
        for kind in [EventKind::FlowNew, EventKind::FlowEstablished, EventKind::FlowEnded] {
            prop_assert!(events.iter().filter(|event| **event == kind).count() <= 1);
        }
        prop_assert!(events.first().is_none_or(|first| *first == EventKind::FlowNew));
        let state = connection.state.unwrap();
        let counted = state.counters[0].packets + state.counters[1].packets;
        prop_assert_eq!(counted, steps.len() as u64);
    }
}
