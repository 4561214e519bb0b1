//! Drives a merge as the relay does, and looks at what comes out.

use netpol_api::v1::watch_flows_response::Item;
use netpol_api::v1::{self, node_state::State};
use netpol_relay::merge::{Config, Merge, Mode, Output};

use crate::world::{at, node_name};

/// A merge of nodes that are followed, from time 0.
pub(crate) fn followed(nodes: usize, mode: Mode) -> Merge {
    followed_with(nodes, mode, Config::default(), 0)
}

pub(crate) fn followed_with(nodes: usize, mode: Mode, config: Config, start: u64) -> Merge {
    let mut merge = Merge::new(config, mode, at(start));
    for node in 0..nodes {
        let index = merge.add_node(&node_name(node), at(start));
        merge.set_state(index, state(node, State::Followed), at(start));
    }
    merge
}

pub(crate) fn state(node: usize, state: State) -> v1::NodeState {
    v1::NodeState {
        node: node_name(node),
        state: state.into(),
        ..v1::NodeState::default()
    }
}

pub(crate) fn flow_item(flow: v1::Flow) -> v1::WatchFlowsResponse {
    v1::WatchFlowsResponse {
        item: Some(Item::Flow(flow)),
        ..v1::WatchFlowsResponse::default()
    }
}

pub(crate) fn lost_item(count: u64, millis: u64) -> v1::WatchFlowsResponse {
    let lost = v1::Lost {
        reason: "ring_full".into(),
        count,
        time: Some(at(millis).into()),
        ..v1::Lost::default()
    };
    v1::WatchFlowsResponse {
        item: Some(Item::Lost(lost)),
        ..v1::WatchFlowsResponse::default()
    }
}

pub(crate) fn kept_over() -> v1::WatchFlowsResponse {
    v1::WatchFlowsResponse {
        kept_over: true,
        ..v1::WatchFlowsResponse::default()
    }
}

/// What is due at a time.
pub(crate) fn items(merge: &mut Merge, now: u64) -> Vec<Item> {
    let mut all = Vec::new();
    while let Some(output) = merge.next(at(now)) {
        if let Output::Item(item) = output {
            all.push(*item);
        }
    }
    assert!(merge.books().balance(), "{:?}", merge.books());
    if let Some(deadline) = merge.deadline() {
        assert!(deadline > at(now), "it would be asked over and over");
    }
    all
}

/// The flows among what is due.
pub(crate) fn flows(merge: &mut Merge, now: u64) -> Vec<v1::Flow> {
    let flow = |item| match item {
        Item::Flow(flow) => Some(flow),
        Item::Lost(_) | Item::Node(_) => None,
    };
    items(merge, now).into_iter().filter_map(flow).collect()
}

/// All kept flows of nodes that end at once.
pub(crate) fn all_kept(nodes: Vec<Vec<v1::Flow>>) -> Vec<v1::Flow> {
    let mut merge = followed(nodes.len(), Mode::Kept);
    for (node, flows) in nodes.into_iter().enumerate() {
        for flow in flows {
            merge.push(node, flow_item(flow), at(100_000));
        }
        merge.ended(node, at(100_000));
    }
    let all = flows(&mut merge, 100_000);
    assert!(merge.is_over());
    all
}

/// One flow from the views of two nodes.
pub(crate) fn joined(source: v1::Flow, destination: v1::Flow) -> v1::Flow {
    let mut all = all_kept(vec![vec![source], vec![destination]]);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}
