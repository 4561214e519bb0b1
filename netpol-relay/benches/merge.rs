//! Flows a second through merge and join for a hundred nodes. `cargo bench -p netpol-relay --bench merge`
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

#[path = "../tests/core/world.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod world;

use divan::Bencher;
use divan::counter::ItemsCount;
use netpol_api::v1::watch_flows_response::Item;
use netpol_api::v1::{NodeState, WatchFlowsResponse, node_state::State};
use netpol_relay::merge::{Config, Merge, Mode, Output};

use world::{Connection, at, node_name};

const NODES: usize = 100;
/// Connections an iteration, each with two views.
const CONNECTIONS: usize = 10_000;
/// Connections that begin in a second of the traffic's own time.
const A_SECOND: u64 = 10_000;

fn main() {
    divan::main();
}

fn followed() -> Merge {
    let mut merge = Merge::new(Config::default(), Mode::Live, at(0));
    for node in 0..NODES {
        let index = merge.add_node(&node_name(node), at(0));
        let state = NodeState {
            node: node_name(node),
            state: State::Followed.into(),
            ..NodeState::default()
        };
        merge.set_state(index, state, at(0));
    }
    merge
}

/// When each item arrives, and from which node.
fn items(to_other_nodes: bool) -> Vec<(u64, usize, WatchFlowsResponse)> {
    let response = |flow| WatchFlowsResponse {
        item: Some(Item::Flow(flow)),
        ..WatchFlowsResponse::default()
    };
    let mut items = Vec::with_capacity(2 * CONNECTIONS);
    for number in 0..CONNECTIONS {
        let first = 1000 + number as u64 * 1000 / A_SECOND;
        let source = number % NODES;
        let connection = Connection {
            source,
            destination: (source + 1 + number / NODES % (NODES - 1)) % NODES,
            port: number as u32,
            first,
            last: first,
        };
        if to_other_nodes {
            items.push((first, source, response(connection.at_source())));
            items.push((
                first,
                connection.destination,
                response(connection.at_destination()),
            ));
        } else {
            items.push((first, source, response(connection.on_one_node())));
        }
    }
    items
}

fn run(bencher: Bencher<'_, '_>, to_other_nodes: bool) {
    let count = items(to_other_nodes).len();
    bencher
        .counter(ItemsCount::new(count))
        .with_inputs(|| (followed(), items(to_other_nodes)))
        .bench_local_values(|(mut merge, items)| {
            let mut given = 0;
            for (now, node, response) in items {
                merge.push(node, response, at(now));
                given += drain(&mut merge, now);
            }
            merge.close();
            given += drain(&mut merge, 1_000_000);
            assert_eq!(given, CONNECTIONS);
            merge
        });
}

fn drain(merge: &mut Merge, now: u64) -> usize {
    let outputs = std::iter::from_fn(|| merge.next(at(now)));
    outputs
        .filter(|output| matches!(output, Output::Item(_)))
        .count()
}

/// Each connection seen by two nodes.
#[divan::bench]
fn between_nodes(bencher: Bencher<'_, '_>) {
    run(bencher, true);
}

/// Each connection seen by one node: nothing to join.
#[divan::bench]
fn within_nodes(bencher: Bencher<'_, '_>) {
    run(bencher, false);
}
