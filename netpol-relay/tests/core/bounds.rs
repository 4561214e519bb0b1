//! What does not fit is counted and told; nobody else loses anything by it.

use netpol_api::v1::lost::Stage;
use netpol_api::v1::watch_flows_response::Item;
use netpol_relay::merge::{Config, Mode};

use crate::drive::{flow_item, flows, followed_with, items, lost_item};
use crate::world::{CONNECTION, Connection, at};

const FEW: usize = 8;

fn number(source: usize, port: u32) -> netpol_api::v1::Flow {
    Connection {
        source,
        port,
        ..CONNECTION
    }
    .on_one_node()
}

fn small() -> Config {
    Config {
        node_items: FEW,
        ..Config::default()
    }
}

#[test]
fn what_one_node_sends_beyond_its_buffer_is_lost_and_told() {
    let mut merge = followed_with(2, Mode::Live, small(), 0);
    for port in 0..20 {
        merge.push(0, flow_item(number(0, port)), at(1500));
    }
    merge.push(0, lost_item(5, 1500), at(1500));
    assert!(!merge.has_room(0) && merge.has_room(1));
    merge.push(1, flow_item(number(1, 1)), at(1500));
    let all = items(&mut merge, 3000);
    let Item::Lost(lost) = &all[0] else {
        panic!("{all:?}")
    };
    assert_eq!(
        (lost.stage(), lost.reason.as_str()),
        (Stage::Relay, "buffer_full")
    );
    assert_eq!((lost.node.as_str(), lost.count), ("node-0", 12 + 5));
    assert_eq!(all.len(), 1 + FEW + 1);
    let books = merge.books();
    assert_eq!((books.taken, books.given, books.lost), (21, 9, 12));
    assert!(merge.has_room(0));
}

#[test]
fn a_full_node_does_not_wait_for_one_that_cannot_say_more_either() {
    let mut merge = followed_with(2, Mode::Kept, small(), 0);
    for port in 0..FEW as u32 {
        merge.push(0, flow_item(number(0, port)), at(1500));
        merge.push(1, flow_item(number(1, port)), at(1500));
    }
    assert!(!merge.has_room(0) && !merge.has_room(1));
    assert!(!flows(&mut merge, 1500).is_empty(), "nobody could go on");
    assert!(merge.has_room(0) || merge.has_room(1));
}

#[test]
fn a_full_buffer_does_not_keep_live_flows_from_following() {
    for others_are_quiet in [true, false] {
        let start = 50_000;
        let mut merge = followed_with(3, Mode::KeptAndLive, small(), start);
        if !others_are_quiet {
            merge.add_node("expected", at(start));
        }
        let kept = |port| Connection {
            first: 49_500,
            last: 49_500,
            port,
            ..CONNECTION
        };
        for port in 0..FEW as u32 {
            merge.push(0, flow_item(kept(port).on_one_node()), at(start));
        }
        assert!(!merge.has_room(0));
        let mut told = flows(&mut merge, start).len();
        let mut steps = 0;
        while let Some(deadline) = merge.deadline() {
            let since = deadline.duration_since(at(0)).unwrap();
            told += flows(&mut merge, u64::try_from(since.as_millis()).unwrap() + 1).len();
            steps += 1;
            assert!(steps < 20);
        }
        assert_eq!(told, FEW, "{others_are_quiet}");
    }
}

#[test]
fn a_caller_that_heeds_room_loses_nothing() {
    let mut merge = followed_with(2, Mode::Live, small(), 0);
    let mut given = 0;
    for port in 0..1000 {
        let now = 2000 + u64::from(port) * 10;
        while !merge.has_room(0) {
            let deadline = merge.deadline().unwrap();
            assert!(merge.next(deadline).is_some());
            given += 1;
        }
        merge.push(0, flow_item(number(0, port)), at(now));
    }
    given += flows(&mut merge, 900_000).len();
    // That there are no kept flows was told, too.
    assert_eq!(given, 1001, "{:?}", merge.books());
    assert_eq!(merge.books().lost, 0);
}

#[test]
fn a_flow_that_is_too_large_is_lost_alone() {
    let mut merge = followed_with(1, Mode::Live, Config::default(), 0);
    let mut huge = number(0, 1);
    huge.summary = "x".repeat(300_000);
    merge.push(0, flow_item(huge), at(1500));
    merge.push(0, flow_item(number(0, 2)), at(1500));
    let all = items(&mut merge, 3000);
    assert!(
        matches!(&all[0], Item::Lost(lost) if lost.reason == "flow_too_large" && lost.count == 1)
    );
    assert_eq!(all[1..], [Item::Flow(number(0, 2))]);
}

#[test]
fn all_nodes_together_are_bounded_in_bytes() {
    let config = Config {
        bytes: 200_000,
        ..Config::default()
    };
    let mut merge = followed_with(50, Mode::Live, config, 0);
    for node in 0..50 {
        for port in 0..10 {
            merge.push(node, flow_item(number(node, port)), at(1500));
        }
    }
    let books = merge.books();
    assert!(
        books.lost > 0 && books.waiting > 0 && books.balance(),
        "{books:?}"
    );
    assert!(merge.held().1 < 350_000, "{:?}", merge.held());
    assert!(!merge.has_room(49));
}
