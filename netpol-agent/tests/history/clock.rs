//! A wall clock that is set forwards and backwards while the agent watches, and between its runs.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use netpol_policy::history::{History, Interval};
use netpol_testkit::requirement::{Requirement, require};
use netpol_testkit::{AgentProcess, artifact, command};

use crate::stage::{Stage, can_run, settled};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// What the agents of a stage take for the wall clock.
struct Clock {
    library: PathBuf,
    path: PathBuf,
    ahead: File,
}

impl Clock {
    /// Right so far.
    fn new(stage: &Stage) -> Self {
        let library = stage.path("clock.so");
        let source = artifact::workspace().join("netpol-agent/tests/history/clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]);
        command::output(compiler.arg(&library).arg(source)).unwrap();
        let path = stage.path("clock-ahead");
        let ahead = File::create(&path).unwrap();
        let clock = Self {
            library,
            path,
            ahead,
        };
        clock.set(0);
        clock
    }

    /// Ahead by so many seconds from now on.
    fn set(&self, seconds: i64) {
        self.ahead.write_all_at(&seconds.to_ne_bytes(), 0).unwrap();
    }

    fn agent(&self, stage: &Stage) -> AgentProcess {
        let loaded = [("LD_PRELOAD", &*self.library), ("CLOCK_AHEAD", &*self.path)];
        stage.agent_with(&["--history-retention", "1d"], &loaded)
    }
}

fn intervals(history: &History) -> &[Interval] {
    &history.nodes[0].intervals
}

/// All the time that is claimed to have been watched.
fn watched(history: &History) -> Duration {
    let intervals = intervals(history).iter();
    intervals
        .map(|one| one.until.duration_since(one.from).unwrap())
        .sum()
}

/// Waits until the agent notices that its clock was set: it claims to watch now, and nothing of later.
fn noticed(stage: &Stage, agent: &AgentProcess) -> History {
    const NOW: Duration = Duration::from_secs(60);
    let is_noticed = |history: &History| {
        let read_at = history.nodes[0].read_at;
        let age = |one: &Interval| read_at.duration_since(one.until).ok();
        let mut ages = intervals(history).iter().map(age);
        ages.clone().all(|age| age.is_some()) && ages.any(|age| age < Some(NOW))
    };
    let history = settled(|| stage.remembered(agent), is_noticed);
    assert!(is_noticed(&history), "{history:#?}");
    history
}

#[test]
fn a_clock_that_is_set_costs_no_connection_and_its_steps_are_not_claimed_as_watched() {
    if !can_run() || !require(&[Requirement::Command("cc")]) {
        return;
    }
    let stage = Stage::new("");
    let clock = Clock::new(&stage);
    let begun = Instant::now();
    let agent = clock.agent(&stage);
    let mut count = 0;
    // Further than anything is remembered; back; and before anything was seen.
    for ahead in [0, 60 * DAY, 0, -HOUR, 0] {
        clock.set(ahead);
        noticed(&stage, &agent);
        stage.talk("ci/build", "data/db", 5432, 3);
        count += 3;
        assert_eq!(stage.wait_for_connections(&agent, 5432, count), count);
        let history = noticed(&stage, &agent);
        assert!(watched(&history) <= begun.elapsed(), "{history:#?}");
        let in_order = |pair: &[Interval]| pair[0].until <= pair[1].from;
        assert!(intervals(&history).windows(2).all(in_order), "{history:#?}");
    }
    // Written by a clock that is right, read by one that is far ahead, which calls all of it too old; and the other way round.
    agent.stop().unwrap();
    for ahead in [60 * DAY, 0] {
        clock.set(ahead);
        let agent = clock.agent(&stage);
        noticed(&stage, &agent);
        let found = stage.wait_for_connections(&agent, 5432, count);
        assert_eq!(found, count, "{ahead}: {}", agent.log());
        agent.stop().unwrap();
    }
}
