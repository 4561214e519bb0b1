//! A hundred nodes in one process: order, completeness and memory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../core/world.rs"]
#[expect(dead_code, reason = "the core's tests use all of it")]
mod world;

mod traffic;

use std::alloc::System;
use std::collections::HashSet;

use netpol_api::v1::node_state::State;
use netpol_api::v1::watch_flows_response::Item;
use netpol_api::v1::{self, Flow};
use netpol_relay::merge::{Config, Merge, Mode, Output};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use traffic::{Arrivals, NODES, Traffic};
use world::{at, millis, node_name};

/// One test a process: what it allocates is its own.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MIB: usize = 1024 * 1024;

/// What came out, looked at and thrown away.
#[derive(Default)]
struct Reader {
    seen: HashSet<(usize, u32)>,
    flows: usize,
    last: u64,
    out_of_order: usize,
    lost: u64,
    states: Vec<(String, State)>,
    /// Longest time from a connection's last packet until it came out (ms), of nodes that are not slow.
    delay: u64,
    largest: usize,
}

impl Reader {
    fn read(
        &mut self,
        merge: &mut Merge,
        now: u64,
        region: &Region<'_, System>,
        slow: Option<usize>,
    ) {
        while let Some(output) = merge.next(at(now)) {
            let Output::Item(item) = output else { continue };
            match *item {
                Item::Flow(flow) => self.flow(&flow, now, slow),
                Item::Lost(lost) => self.lost += lost.count,
                Item::Node(state) => self.states.push((state.node.clone(), state.state())),
            }
        }
        assert!(merge.books().balance());
        let change = region.change();
        self.largest = self
            .largest
            .max(change.bytes_allocated - change.bytes_deallocated);
    }

    /// Lets time go by to `until`, as far as the merge waits for it; `None`: to the end.
    fn wait(
        &mut self,
        merge: &mut Merge,
        until: Option<u64>,
        region: &Region<'_, System>,
        slow: Option<usize>,
    ) {
        while let Some(deadline) = merge.deadline() {
            let deadline = millis(Some(deadline.into())) + 1;
            if until.is_some_and(|until| deadline > until) {
                return;
            }
            self.read(merge, deadline, region, slow);
        }
    }

    fn flow(&mut self, flow: &Flow, now: u64, slow: Option<usize>) {
        self.flows += 1;
        let last = millis(flow.last_seen);
        let of_slow = slow.is_some_and(|slow| {
            let ends = [&flow.source, &flow.destination];
            ends.iter()
                .any(|end| end.as_ref().is_some_and(|end| end.node == node_name(slow)))
        });
        if !of_slow {
            self.out_of_order += usize::from(last < self.last);
            self.delay = self.delay.max(now.saturating_sub(last));
            self.last = self.last.max(last);
        }
        self.seen.insert(traffic::identity(flow));
    }
}

fn followed(mode: Mode, now: u64) -> Merge {
    let mut merge = Merge::new(Config::default(), mode, at(now));
    for node in 0..NODES {
        let index = merge.add_node(&node_name(node), at(now));
        let state = v1::NodeState {
            node: node_name(node),
            state: State::Followed.into(),
            ..v1::NodeState::default()
        };
        merge.set_state(index, state, at(now));
    }
    merge
}

fn response(flow: Flow) -> v1::WatchFlowsResponse {
    v1::WatchFlowsResponse {
        item: Some(Item::Flow(flow)),
        ..v1::WatchFlowsResponse::default()
    }
}

#[test]
fn live_flows_are_complete_joined_and_in_order_in_bounded_memory() {
    let traffic = Traffic {
        connections: 80_000,
        a_second: 5000,
    };
    let mut merge = followed(Mode::Live, traffic::START);
    let region = Region::new(ALLOCATOR);
    let (mut reader, mut taken) = (Reader::default(), 0);
    for (now, node, flow) in Arrivals::of(traffic, |node| 20 + 3 * node as u64) {
        reader.wait(&mut merge, Some(now), &region, None);
        assert!(merge.has_room(node), "a relay in time has room for all");
        merge.push(node, response(flow), at(now));
        taken += 1;
        reader.read(&mut merge, now, &region, None);
    }
    reader.wait(&mut merge, None, &region, None);
    assert_eq!(
        reader.flows, traffic.connections,
        "each once, {taken} views"
    );
    assert_eq!(reader.seen.len(), traffic.connections);
    assert_eq!((reader.out_of_order, reader.lost), (0, 0));
    assert_eq!(reader.states, []);
    assert!(reader.delay < 1400, "{} ms", reader.delay);
    println!(
        "{taken} views, at most {} MiB, {} ms",
        reader.largest / MIB,
        reader.delay
    );
    assert!(reader.largest < 96 * MIB, "{} MiB", reader.largest / MIB);
}

#[test]
fn one_slow_node_delays_nobody_and_loses_nothing() {
    const SLOW: usize = 17;
    const BEHIND: u64 = 7_000;
    let traffic = Traffic {
        connections: 40_000,
        a_second: 3000,
    };
    let mut merge = followed(Mode::Live, traffic::START);
    let region = Region::new(ALLOCATOR);
    let mut reader = Reader::default();
    let delay = |node| if node == SLOW { BEHIND } else { 20 };
    for (now, node, flow) in Arrivals::of(traffic, delay) {
        reader.wait(&mut merge, Some(now), &region, Some(SLOW));
        assert!(merge.has_room(node));
        merge.push(node, response(flow), at(now));
        reader.read(&mut merge, now, &region, Some(SLOW));
    }
    reader.wait(&mut merge, None, &region, Some(SLOW));
    assert_eq!(reader.seen.len(), traffic.connections);
    assert_eq!((reader.out_of_order, reader.lost), (0, 0));
    assert!(reader.delay < 1400, "{} ms", reader.delay);
    let told = [State::Late, State::Followed].map(|state| (node_name(SLOW), state));
    assert_eq!(reader.states, told);
    assert!(reader.largest < 96 * MIB, "{} MiB", reader.largest / MIB);
}

#[test]
fn kept_flows_of_all_nodes_come_in_order_once_and_through_bounded_buffers() {
    let traffic = Traffic {
        connections: 50_000,
        a_second: 1000,
    };
    let now = traffic::START + 1_000_000;
    let mut kept: Vec<traffic::Kept> = (0..NODES).map(|node| traffic.kept_by(node)).collect();
    let region = Region::new(ALLOCATOR);
    let mut merge = followed(Mode::Kept, now);
    let mut reader = Reader::default();
    while !merge.is_over() {
        for (node, kept) in kept.iter_mut().enumerate() {
            // Some send in large pieces, some in small ones.
            for _ in 0..1 + node % 7 * 40 {
                if !merge.has_room(node) {
                    break;
                }
                match kept.next() {
                    Some(flow) => merge.push(node, response(flow), at(now)),
                    None => {
                        merge.ended(node, at(now));
                        break;
                    }
                }
            }
        }
        reader.read(&mut merge, now, &region, None);
    }
    assert_eq!(reader.flows, traffic.connections);
    assert_eq!(reader.seen.len(), traffic.connections);
    assert_eq!((reader.out_of_order, reader.lost), (0, 0));
    assert_eq!(reader.states, []);
    println!("at most {} MiB", reader.largest / MIB);
    assert!(reader.largest < 96 * MIB, "{} MiB", reader.largest / MIB);
}

#[test]
fn a_reader_that_takes_nothing_costs_bounded_memory_and_what_is_lost_is_told() {
    let traffic = Traffic {
        connections: 30_000,
        a_second: 5000,
    };
    let mut merge = followed(Mode::Live, traffic::START);
    let region = Region::new(ALLOCATOR);
    let mut reader = Reader::default();
    let (mut now, mut refused) = (traffic::START, 0);
    for (number, (time, node, flow)) in Arrivals::of(traffic, |_| 20).enumerate() {
        now = time;
        refused += u64::from(!merge.has_room(node));
        merge.push(node, response(flow), at(now));
        if number % 1000 == 0 {
            let change = region.change();
            let held = change.bytes_allocated - change.bytes_deallocated;
            reader.largest = reader.largest.max(held);
        }
    }
    merge.close();
    reader.read(&mut merge, now, &region, None);
    let books = merge.books();
    assert!(books.lost > 0 && books.waiting == 0);
    assert_eq!((reader.lost, books.lost), (refused, refused));
    assert_eq!(reader.flows as u64, books.given);
    println!("at most {} MiB", reader.largest / MIB);
    assert!(reader.largest < 96 * MIB, "{} MiB", reader.largest / MIB);
}
