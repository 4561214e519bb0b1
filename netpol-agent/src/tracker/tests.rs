//! Records as the kernel side makes them, put through a tracker.

mod joining;
mod outcomes;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use netpol_common::record::{
    DropKey, DropState, FlowKey, FlowState, Tuple, drop_flag, flow_flag as f,
};

use super::sighting::TCP;
use super::*;
use crate::flow::{NodeReply, Observed, ObservedVerdict, record_address};

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
        let observed = due.revision.observed.clone();
        due.connection.publish(due.revision);
        all.push((due.connection.id.0, due.connection.revision, observed));
    }
    all
}
