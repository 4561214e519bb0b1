//! Kept flows: in order, complete, and over when they are.

use netpol_api::v1::node_state::State;
use netpol_api::v1::watch_flows_response::Item;
use netpol_relay::merge::{Mode, Output};

use crate::drive::{flow_item, flows, followed, items, kept_over, lost_item, state};
use crate::world::{CONNECTION, Connection, at, millis, revised};

fn local(node: usize, last: u64) -> netpol_api::v1::Flow {
    let connection = Connection {
        source: node,
        port: u32::try_from(last).unwrap(),
        first: last,
        last,
        ..CONNECTION
    };
    connection.on_one_node()
}

#[test]
fn a_list_is_in_order_and_ends_when_all_nodes_have() {
    let mut merge = followed(3, Mode::Kept);
    for (node, times) in [(0, [1000, 4000]), (1, [2000, 3000]), (2, [500, 9000])] {
        for last in times {
            merge.push(node, flow_item(local(node, last)), at(50_000));
        }
    }
    assert_eq!(
        flows(&mut merge, 50_000),
        [],
        "any of them may have older ones"
    );
    for node in 0..3 {
        assert!(!merge.is_over());
        merge.ended(node, at(50_000));
    }
    let times: Vec<u64> = flows(&mut merge, 50_000)
        .iter()
        .map(|flow| millis(flow.last_seen))
        .collect();
    assert_eq!(times, [500, 1000, 2000, 3000, 4000, 9000]);
    assert!(merge.is_over());
    assert_eq!(merge.deadline(), None);
}

#[test]
fn a_list_of_no_nodes_is_over_at_once() {
    let mut merge = followed(0, Mode::Kept);
    assert_eq!(merge.next(at(0)), Some(Output::KeptOver));
    assert_eq!(merge.next(at(0)), None);
    assert!(merge.is_over());
}

#[test]
fn a_list_goes_on_while_nodes_still_send() {
    let mut merge = followed(2, Mode::Kept);
    merge.push(0, flow_item(local(0, 1000)), at(50_000));
    merge.push(1, flow_item(local(1, 7000)), at(50_000));
    merge.push(0, flow_item(local(0, 6500)), at(50_000));
    assert_eq!(flows(&mut merge, 50_000), [local(0, 1000)]);
}

#[test]
fn a_node_that_says_nothing_is_told_and_left_behind() {
    let mut merge = followed(2, Mode::Kept);
    merge.push(0, flow_item(local(0, 1000)), at(1000));
    merge.ended(0, at(1000));
    assert_eq!(items(&mut merge, 9000), []);
    let deadline = merge.deadline().unwrap();
    assert_eq!(deadline, at(10_000));
    let all = items(&mut merge, 10_000);
    let Item::Node(late) = &all[0] else {
        panic!("{all:?}")
    };
    assert_eq!((late.node.as_str(), late.state()), ("node-1", State::Late));
    assert_eq!(
        late.message,
        "says nothing for 10 s: some of its flows may be missing"
    );
    assert_eq!(all[1..], [Item::Flow(local(0, 1000))]);
    assert!(merge.is_over());
}

#[test]
fn a_reader_that_is_slow_leaves_no_node_behind() {
    let mut merge = followed(2, Mode::Kept);
    for last in [1000, 2000] {
        merge.push(0, flow_item(local(0, last)), at(30_000));
    }
    merge.push(1, flow_item(local(1, 20_000)), at(30_000));
    assert!(merge.next(at(30_000)).is_none());
    merge.push(0, flow_item(local(0, 20_000)), at(30_000));
    assert!(matches!(merge.next(at(30_000)), Some(Output::Item(_))));
    // The reader takes a minute for that item.
    merge.push(1, flow_item(local(1, 21_000)), at(90_000));
    let all = items(&mut merge, 90_000);
    assert!(
        all.iter().all(|item| matches!(item, Item::Flow(_))),
        "{all:?}"
    );
}

#[test]
fn a_connection_told_at_different_times_comes_once_at_the_later() {
    let mut merge = followed(2, Mode::Kept);
    let later = revised(CONNECTION.at_destination(), 3, 60_000);
    merge.push(0, flow_item(CONNECTION.at_source()), at(90_000));
    merge.push(1, flow_item(later), at(90_000));
    merge.push(0, flow_item(local(0, 30_000)), at(90_000));
    merge.ended(0, at(90_000));
    merge.ended(1, at(90_000));
    let times: Vec<_> = flows(&mut merge, 90_000)
        .iter()
        .map(|flow| (flow.revision, millis(flow.last_seen)))
        .collect();
    assert_eq!(times, [(1, 30_000), (4, 60_000)]);
}

#[test]
fn a_loss_keeps_its_place_and_its_node() {
    let mut merge = followed(2, Mode::Kept);
    for (node, item) in [
        (0, flow_item(local(0, 1000))),
        (1, lost_item(7, 2000)),
        (0, flow_item(local(0, 3000))),
    ] {
        merge.push(node, item, at(50_000));
    }
    merge.ended(0, at(50_000));
    merge.ended(1, at(50_000));
    let all = items(&mut merge, 50_000);
    let Item::Lost(lost) = &all[1] else {
        panic!("{all:?}")
    };
    assert_eq!((lost.node.as_str(), lost.count), ("node-1", 7));
    assert_eq!(all.len(), 3);
}

#[test]
fn where_live_flows_follow_kept_ones_are_over_when_nodes_say_so_or_time_is() {
    for says_so in [true, false] {
        let mut merge =
            crate::drive::followed_with(2, Mode::KeptAndLive, Default::default(), 50_000);
        if !says_so {
            merge =
                netpol_relay::merge::Merge::new(Default::default(), Mode::KeptAndLive, at(50_000));
            for node in 0..2 {
                merge.add_node(&crate::world::node_name(node), at(50_000));
            }
            merge.set_state(0, state(0, State::Followed), at(50_000));
        }
        merge.push(0, flow_item(local(0, 10_000)), at(50_000));
        merge.push(0, flow_item(local(0, 50_100)), at(50_100));
        assert_eq!(
            flows(&mut merge, 50_200),
            [],
            "the other may have older ones"
        );
        assert_eq!(merge.deadline(), Some(at(60_000)));
        let over = if says_so {
            merge.push(1, kept_over(), at(50_300));
            50_300
        } else {
            60_000
        };
        let mut seen = Vec::new();
        while let Some(output) = merge.next(at(over)) {
            seen.push(output);
        }
        let flow = |last| Output::Item(Box::new(Item::Flow(local(0, last))));
        assert_eq!(seen[..2], [flow(10_000), Output::KeptOver], "{says_so}");
    }
}

#[test]
fn states_of_nodes_come_before_kept_flows_and_once() {
    let mut merge = followed(1, Mode::Kept);
    let away = merge.add_node("node-1", at(0));
    for _ in 0..2 {
        merge.set_state(away, state(1, State::NoAgent), at(0));
    }
    merge.push(0, flow_item(local(0, 1000)), at(50_000));
    merge.ended(0, at(50_000));
    let all = items(&mut merge, 50_000);
    assert!(matches!(&all[..], [Item::Node(it), Item::Flow(_)] if it.state() == State::NoAgent));
}
