//! SIGKILL while the store is written.

use std::time::Duration;

use crate::stage::{Stage, can_run, connections};

/// Longer than between two batches.
const WRITTEN: Duration = Duration::from_millis(2500);

#[test]
fn a_kill_loses_the_last_batch_at_most_and_counts_nothing_twice() {
    if !can_run() {
        return;
    }
    let stage = Stage::new("");
    // Those that were remembered by then, and those of which that is not known.
    let (mut certain, mut open) = (0, 0);
    for round in 0..4_u64 {
        let agent = stage.agent(&[]);
        let found = stage.wait_for_connections(&agent, 5432, certain);
        assert!(
            (certain..=certain + open).contains(&found),
            "round {round}: {found} of {certain} and {open}: {}",
            agent.log()
        );
        stage.talk("ci/build", "data/db", 5432, 10);
        let now = stage.wait_for_connections(&agent, 5432, found + 10);
        assert_eq!(now, found + 10, "round {round}");
        certain = now;
        std::thread::sleep(WRITTEN);
        // These may be in the batch that is being written; another moment of it in each round.
        stage.talk("ci/build", "data/db", 5432, 5);
        std::thread::sleep(Duration::from_millis(300 * round));
        open = 5;
        agent.kill().unwrap();
    }
    let agent = stage.agent(&[]);
    let found = stage.wait_for_connections(&agent, 5432, certain);
    assert!((certain..=certain + open).contains(&found));
    let history = stage.remembered(&agent);
    let [node] = &history.nodes[..] else {
        panic!("{:?}", history.nodes)
    };
    // Each time that it watched by itself, none of them without an end; midnight cuts one in two.
    assert!(
        (5..=6).contains(&node.intervals.len()),
        "{:?}",
        node.intervals
    );
    let is_in_order = |pair: &[netpol_policy::history::Interval]| pair[0].until <= pair[1].from;
    assert!(
        node.intervals.windows(2).all(is_in_order),
        "{:?}",
        node.intervals
    );
    assert_eq!(connections(&history, 5432), found);
    assert!(!agent.log().contains("corrupt"), "{}", agent.log());
    agent.stop().unwrap();
}
