//! A process that writes and is killed, again and again.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::batch::{at, batch, whole};
use super::{kept, open};
use crate::history::changes::Changes;

/// Names the directory to the process that writes.
const DIRECTORY: &str = "NETPOL_TEST_STORE";
const KILLS: u32 = 40;

/// Writes one batch after the other until it is killed, and tells each once it is said to be on disk.
fn write(directory: &Path) -> ! {
    let (mut store, history) = open(directory).unwrap();
    let mut number = whole(&history).unwrap();
    println!("batch {number}");
    loop {
        number += 1;
        store.write(&batch(number), at(0)).unwrap();
        println!("batch {number}");
    }
}

/// Runs the writer until it has told so many batches, and for part of the time that another takes; then kills it. The last
/// batch that it told, and how many it told.
fn run_and_kill(directory: &Path, batches: usize, part: f64) -> (u64, usize) {
    let mut writer = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--nocapture"])
        .arg(concat!(
            "history::store::tests::killed::",
            "after_a_kill_every_batch_is_whole_and_none_that_was_told_is_lost"
        ))
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    // The test harness says something of its own first, without an end of the line.
    let mut numbers = lines.filter_map(|line| {
        let line = line.unwrap();
        let (_, number) = line.split_once("batch ")?;
        number.parse::<u64>().ok()
    });
    let mut told = numbers.next().expect("the writer ended");
    let mut took = Duration::from_millis(20);
    for _ in 0..batches {
        let began = Instant::now();
        told = numbers.next().expect("the writer ended");
        took = began.elapsed();
    }
    sleep(took.mul_f64(part));
    // SIGKILL.
    writer.kill().unwrap();
    let more: Vec<u64> = numbers.collect();
    writer.wait().unwrap();
    (more.last().copied().unwrap_or(told), batches + more.len())
}

#[test]
fn after_a_kill_every_batch_is_whole_and_none_that_was_told_is_lost() {
    // The process that writes is this test once more, in a process of its own.
    if let Some(directory) = env::var_os(DIRECTORY) {
        write(Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let (mut batches, mut untold, mut last) = (0, 0, 0);
    for _ in 0..KILLS {
        let wanted = usize::try_from(random.next_u32() % 4).unwrap();
        let part = f64::from(random.next_u32() % 100) / 100.0;
        let (told, count) = run_and_kill(directory.path(), wanted, part);
        batches += count;
        let (_, history) = open(directory.path()).unwrap();
        let found = whole(&history).unwrap();
        // The kill may come between the writing of a batch and the telling.
        assert!(
            found == told || found == told + 1,
            "told {told}, found {found}"
        );
        assert!(found >= last, "found {found} after {last}");
        untold += u64::from(found == told + 1);
        last = found;
    }
    assert_eq!(kept(directory.path()), [""; 0], "nothing was put aside");
    assert!(last > u64::from(KILLS), "{last} batches in {KILLS} lives");
    eprintln!("{KILLS} kills, {batches} batches told, {untold} written and not told");
}

#[test]
fn the_check_finds_batches_that_are_not_whole() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = open(directory.path()).unwrap();
    for number in 1..=3 {
        store.write(&batch(number), at(0)).unwrap();
    }
    drop(store);
    let check = |part: Changes| {
        let copy = tempfile::tempdir().unwrap();
        let name = "history.redb";
        std::fs::copy(directory.path().join(name), copy.path().join(name)).unwrap();
        let (mut store, _) = open(copy.path()).unwrap();
        store.write(&part, at(0)).unwrap();
        drop(store);
        whole(&open(copy.path()).unwrap().1)
    };
    let all = || batch(4);
    assert_eq!(check(all()), Ok(4));
    assert_eq!(check(Changes::default()), Ok(3));
    let without = |what: fn(&mut Changes)| {
        let mut part = all();
        what(&mut part);
        check(part)
    };
    for (name, what) in [
        (
            "an edge",
            (|part| drop(part.edges.remove(0))) as fn(&mut Changes),
        ),
        ("the edge that goes", |part| drop(part.edges.pop())),
        ("all edges", |part| part.edges.clear()),
        ("uses", |part| part.uses.clear()),
        ("the interval", |part| part.intervals.clear()),
        ("the policy", |part| part.policies.clear()),
        ("the pods", |part| part.population.clear()),
        ("nodes", |part| part.cluster = None),
        ("Services", |part| part.services = None),
    ] {
        assert!(without(what).is_err(), "without {name}");
    }
}
