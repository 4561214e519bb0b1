//! Connections with an end that the inventory learns of late.

use super::*;

fn told(revision: u64, name: &str) -> Vec<(u64, String)> {
    vec![(revision, name.to_owned())]
}

#[test]
fn a_connection_waits_for_an_address_that_becomes_known() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND), []);
    assert_eq!(stage.metrics.connections_held.get(), 1);
    assert_eq!(stage.told(SECOND + 500 * MS), []);
    stage.learn(&late_pod("10.0.0.9"), SECOND + 600 * MS);
    assert_eq!(stage.told(SECOND + 600 * MS), told(1, "prod/late"));
    assert_eq!(stage.waits("learnt"), 1);
    assert_eq!(stage.metrics.connections_held.get(), 0);
    assert_eq!(stage.told(40 * SECOND), told(1, "prod/late"));
}

#[test]
fn a_blocked_one_waits_too_and_says_at_last_what_was_seen_by_then() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.block(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND + 500 * MS), []);
    assert_eq!(stage.told(2 * SECOND), told(1, "unknown"));
    let (blocked, _) = stage.log.subscribe(Selection::Blocked);
    assert_eq!(blocked[0].observed.verdict, ObservedVerdict::Dropped);
    assert_eq!(stage.waits("given_up"), 1);
}

#[test]
fn what_becomes_known_later_is_told_again_for_a_while() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(2 * SECOND), told(1, "unknown"));
    // Something else changes.
    stage.learn(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: ci}\n",
        3 * SECOND,
    );
    assert_eq!(stage.told(3 * SECOND), told(1, "unknown"));
    stage.learn(&late_pod("10.0.0.9"), 4 * SECOND);
    assert_eq!(stage.told(4 * SECOND), told(2, "prod/late"));
    assert_eq!(stage.waits("told_again"), 1);
    let (kept, _) = stage.log.subscribe(Selection::All);
    assert!(kept[0].is_news(), "another name for its end");

    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(2 * SECOND), told(1, "unknown"));
    assert_eq!(stage.told(33 * SECOND), told(1, "unknown"));
    stage.learn(&late_pod("10.0.0.9"), 33 * SECOND);
    assert_eq!(
        stage.told(34 * SECOND),
        told(1, "unknown"),
        "it is too late"
    );
}

#[test]
fn an_address_outside_is_told_at_once_and_again_if_it_was_a_pods() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "172.16.0.9", SECOND);
    assert_eq!(stage.told(SECOND), told(1, "world"));
    stage.learn(&late_pod("172.16.0.9"), 2 * SECOND);
    assert_eq!(stage.told(2 * SECOND), told(2, "prod/late"));
}

#[test]
fn a_pod_that_had_the_address_only_later_is_not_named() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(2 * SECOND), told(1, "unknown"));
    let later = late_pod("10.0.0.9").replace("00:16:39", "00:16:43");
    stage.learn(&later, 4 * SECOND);
    assert_eq!(stage.told(5 * SECOND), told(1, "unknown"));
}

#[test]
fn an_address_that_was_waited_for_in_vain_is_not_waited_for_again_at_once() {
    let mut stage = Stage::new(Duration::from_secs(1));
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND), []);
    assert_eq!(stage.told(2 * SECOND).len(), 1);
    stage.connect(40_001, "10.0.0.9", 3 * SECOND);
    assert_eq!(stage.told(3 * SECOND).len(), 2);
    stage.connect(40_002, "10.0.0.9", 40 * SECOND);
    assert_eq!(
        stage.told(40 * SECOND).len(),
        2,
        "it is after half a minute"
    );
}

#[test]
fn nothing_waits_without_a_wait_or_before_the_first_inventory() {
    let mut stage = Stage::new(Duration::ZERO);
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND), told(1, "unknown"));

    let mut stage = Stage::new(Duration::from_secs(1));
    stage.snapshot.store(Arc::default());
    stage.connect(40_000, "10.0.0.9", SECOND);
    assert_eq!(stage.told(SECOND).len(), 1);
    stage.learn(
        &format!("{CLUSTER}---\n{}", late_pod("10.0.0.9")),
        2 * SECOND,
    );
    assert_eq!(stage.told(2 * SECOND), told(2, "prod/late"));
}

#[test]
fn there_is_room_for_so_many_and_those_that_are_forgotten_give_it_up() {
    let mut stage = Stage::new(Duration::from_secs(1));
    for port in 0..4097 {
        stage.connect(20_000 + port, "10.0.0.9", SECOND);
    }
    assert_eq!(stage.told(SECOND), told(1, "unknown"));
    assert_eq!(stage.waits("no_room"), 1);
    assert_eq!(stage.metrics.connections_held.get(), 4096);
    assert_eq!(stage.told(2 * SECOND).len(), 4097);
    assert_eq!(stage.metrics.connections_held.get(), 0);
}
