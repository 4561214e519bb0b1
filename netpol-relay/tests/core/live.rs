//! Live flows: the window, late nodes, clocks.

use netpol_api::v1::node_state::State;
use netpol_api::v1::watch_flows_response::Item;
use netpol_api::v1::{Flow, NodeState};
use netpol_relay::merge::{Merge, Mode};

use crate::drive::{flow_item, flows, followed, items, lost_item, state};
use crate::world::{CONNECTION, Connection, at, millis, unanswered};

fn local(node: usize, last: u64) -> Flow {
    let connection = Connection {
        source: node,
        port: u32::try_from(last % 60_000).unwrap(),
        first: last,
        last,
        ..CONNECTION
    };
    connection.on_one_node()
}

fn states(merge: &mut Merge, now: u64) -> Vec<NodeState> {
    let state = |item| match item {
        Item::Node(state) => Some(state),
        Item::Flow(_) | Item::Lost(_) => None,
    };
    items(merge, now).into_iter().filter_map(state).collect()
}

fn times(flows: &[Flow]) -> Vec<u64> {
    flows.iter().map(|flow| millis(flow.last_seen)).collect()
}

#[test]
fn an_item_goes_when_all_have_moved_on_or_its_window_is_over() {
    let mut merge = followed(2, Mode::Live);
    merge.push(0, flow_item(local(0, 5000)), at(5010));
    assert_eq!(flows(&mut merge, 5100), []);
    assert_eq!(merge.deadline(), Some(at(6010)));
    merge.push(1, flow_item(local(1, 4900)), at(5100));
    merge.push(1, flow_item(local(1, 5300)), at(5300));
    assert_eq!(
        flows(&mut merge, 5300),
        [],
        "the first may have more from before"
    );
    merge.push(0, flow_item(local(0, 5310)), at(5310));
    assert_eq!(times(&flows(&mut merge, 5310)), [4900, 5000]);
    assert_eq!(times(&flows(&mut merge, 6400)), [5300, 5310]);
    assert_eq!(merge.deadline(), None);
}

#[test]
fn a_node_that_is_away_is_not_waited_for() {
    let mut merge = followed(2, Mode::Live);
    merge.set_state(1, state(1, State::Unreachable), at(1000));
    merge.push(0, flow_item(local(0, 5000)), at(5010));
    merge.push(0, flow_item(local(0, 5300)), at(5300));
    assert_eq!(times(&flows(&mut merge, 5300)), [5000]);
}

#[test]
fn a_node_that_is_behind_is_told_late_and_followed_again() {
    let mut merge = followed(2, Mode::Live);
    merge.push(0, flow_item(local(0, 20_000)), at(20_000));
    merge.push(1, flow_item(local(1, 13_000)), at(20_100));
    let all = items(&mut merge, 21_200);
    let Some(Item::Node(late)) = all.iter().find(|item| matches!(item, Item::Node(_))) else {
        panic!("{all:?}")
    };
    assert_eq!((late.node.as_str(), late.state()), ("node-1", State::Late));
    assert_eq!(
        late.message,
        "its flows come 7.0 s after the others', or its clock is behind"
    );
    // It does not hold the others any more.
    merge.push(0, flow_item(local(0, 22_000)), at(22_000));
    merge.push(0, flow_item(local(0, 22_300)), at(22_300));
    assert_eq!(times(&flows(&mut merge, 22_300)), [22_000]);
    merge.push(1, flow_item(local(1, 24_000)), at(24_000));
    assert_eq!(states(&mut merge, 25_050), []);
    assert_eq!(merge.deadline(), Some(at(25_100)));
    assert_eq!(
        states(&mut merge, 25_100),
        [],
        "it has its place in the order, too"
    );
    let again = states(&mut merge, 26_100);
    assert_eq!(again.len(), 1);
    assert_eq!(
        (again[0].node.as_str(), again[0].state()),
        ("node-1", State::Followed)
    );
}

#[test]
fn what_agents_tell_late_by_design_makes_no_node_late() {
    let mut merge = followed(2, Mode::Live);
    merge.push(0, flow_item(local(0, 90_000)), at(90_000));
    let quiet = Connection {
        first: 10_000,
        last: 20_000,
        ..CONNECTION
    };
    merge.push(1, flow_item(unanswered(quiet.at_destination())), at(90_010));
    merge.push(
        1,
        flow_item(crate::world::ended(local(1, 30_000))),
        at(90_010),
    );
    let all = items(&mut merge, 91_100);
    assert!(
        all.iter().all(|item| matches!(item, Item::Flow(_))),
        "{all:?}"
    );
    assert_eq!(all.len(), 3);
}

#[test]
fn a_reader_that_is_slow_makes_no_node_late() {
    let mut merge = followed(2, Mode::Live);
    for (node, last) in [(0, 10_000), (1, 10_050), (0, 10_100), (1, 10_150)] {
        merge.push(node, flow_item(local(node, last)), at(70_000));
    }
    assert_eq!(states(&mut merge, 72_000), []);
}

#[test]
fn a_known_clock_orders_and_an_unknown_one_is_taken_for_now() {
    for (ahead, expected) in [
        (0, [4000, 13_000]),
        (9_000_000_000, [4000, 13_000]),
        (9_500_000_000, [13_000, 4000]),
    ] {
        let mut merge = followed(2, Mode::Live);
        merge.set_clock_ahead(1, ahead);
        merge.push(1, flow_item(local(1, 13_000)), at(4050));
        merge.push(0, flow_item(local(0, 4000)), at(4100));
        let order = if ahead == 9_000_000_000 {
            // The same moment: what came first is first.
            [13_000, 4000]
        } else {
            expected
        };
        assert_eq!(times(&flows(&mut merge, 5200)), order, "{ahead}");
    }
}

#[test]
fn a_connection_that_changes_all_the_time_is_told_all_the_same() {
    let mut merge = followed(1, Mode::Live);
    let mut told = 0;
    for step in 0..100 {
        let now = 10_000 + step * 300;
        let mut flow = CONNECTION.at_source();
        flow.revision = step + 1;
        flow.last_seen = crate::world::stamp(now);
        merge.push(0, flow_item(flow), at(now));
        told += flows(&mut merge, now).len();
    }
    assert!((10..100).contains(&told), "{told}");
}

#[test]
fn a_loss_of_a_node_is_told_in_its_place() {
    let mut merge = followed(1, Mode::Live);
    merge.push(0, flow_item(local(0, 5000)), at(5000));
    merge.push(0, lost_item(3, 5100), at(5100));
    merge.push(0, flow_item(local(0, 5200)), at(5200));
    let all = items(&mut merge, 7000);
    assert!(
        matches!(&all[..], [Item::Flow(_), Item::Lost(lost), Item::Flow(_)] if lost.count == 3)
    );
}

#[test]
fn closing_lets_everything_go() {
    let mut merge = followed(2, Mode::Live);
    merge.push(0, flow_item(local(0, 5000)), at(5000));
    assert_eq!(flows(&mut merge, 5000), []);
    assert!(!merge.is_over());
    merge.close();
    assert_eq!(times(&flows(&mut merge, 5000)), [5000]);
    assert!(merge.is_over());
}
