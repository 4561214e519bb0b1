//! What is written reads back as it was.

use std::fs::{self, File};
use std::io::Write as _;
use std::sync::Arc;
use std::time::SystemTime;

use netpol_history::file::{Output, read_any};
use netpol_history::{Contents, Decoder, Encoder, Writer, encode, read};
use netpol_policy::history::{History, Party};
use proptest::prelude::*;

use crate::any::history;
use crate::example::{at, edge, example, group};

pub(crate) fn written(histories: &[History]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), at(5_000), "test 0").unwrap();
    for history in histories {
        writer.history(history).unwrap();
    }
    writer.end().unwrap()
}

pub(crate) fn read_back(bytes: &[u8]) -> Contents {
    read(bytes, |_| {}).unwrap()
}

#[test]
fn all_that_a_history_holds() {
    let history = example();
    let bytes = written(std::slice::from_ref(&history));
    let contents = read_back(&bytes);
    assert_eq!(contents.problems.count(), 0, "{:?}", contents.problems);
    assert_eq!(contents.parts, [history]);
    assert_eq!(contents.written_at, at(5_000));
    assert_eq!(contents.written_by, "test 0");
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(contents.lines, lines as u64);
}

#[test]
fn memories_of_nodes_stay_apart_and_groups_are_written_once() {
    let mut one = History {
        nodes: example().nodes,
        edges: example().edges,
        uses: example().uses,
        ..History::default()
    };
    let mut other = example();
    other.nodes[0].name = "node-c".into();
    other.nodes[0].read_at = at(4_500);
    for edge in &mut other.edges {
        edge.key.node = "node-c".into();
    }
    for one in &mut other.uses {
        one.key.node = "node-c".into();
    }
    // Two stores of one node, as a node has that began anew.
    let mut anew = one.clone();
    anew.nodes[0].store = "another".into();
    one.nodes[0].intervals.clear();
    let histories = [one, anew, other];
    let bytes = written(&histories);
    let groups = String::from_utf8(bytes.clone()).unwrap();
    assert_eq!(groups.matches("{\"group\":{\"id\"").count(), 3);
    let contents = read_back(&bytes);
    assert_eq!(contents.problems.count(), 0, "{:?}", contents.problems);
    // What is of the cluster stands with the latest.
    assert_eq!(contents.parts, histories);
}

#[test]
fn a_file_may_be_packed() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["history.jsonl", "history.jsonl.gz"] {
        let path = directory.path().join(name);
        let output = Output::new(File::create(&path).unwrap(), &path);
        let mut writer = Writer::new(output, at(1), "test").unwrap();
        writer.history(&example()).unwrap();
        let mut output = writer.end().unwrap();
        output.flush().unwrap();
        output.finish().unwrap();
        let is_packed = fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]);
        assert_eq!(is_packed, name.ends_with(".gz"));
        let contents = read_any(File::open(&path).unwrap(), |_| {}).unwrap();
        assert_eq!(contents.problems.count(), 0, "{:?}", contents.problems);
        assert_eq!(contents.parts, [example()]);
    }
}

/// As a store does that was closed: the records it has keep their numbers.
#[test]
fn numbers_of_groups_go_on() {
    let mut encoder = Encoder::default();
    let first = encoder.group(&group("web"));
    let mut decoder = Decoder::default();
    for (number, group) in encoder.new_groups() {
        decoder.group(&encode::group(number, &group)).unwrap();
    }
    let mut again = Encoder::resume(decoder.groups());
    assert_eq!(again.group(&group("web")), first);
    assert_eq!(again.new_groups(), []);
    let other = again.group(&group("db"));
    assert_ne!(other, first);
    for (number, group) in again.new_groups() {
        decoder.group(&encode::group(number, &group)).unwrap();
    }
    let known = edge("n", Party::Pods(group("web")), Party::Pods(group("db")));
    let record = again.edge(&known);
    assert_eq!(decoder.edge(&Arc::from("n"), &record).unwrap(), known);
}

#[test]
fn times_that_cannot_be_written_are_the_nearest_that_can() {
    let mut history = example();
    let far = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1 << 45);
    history.edges[0].totals.last_seen = far;
    let contents = read_back(&written(&[history]));
    assert_eq!(contents.problems.count(), 0, "{:?}", contents.problems);
    let read = contents.parts[0].edges[0].totals.last_seen;
    assert!(read > at(0) && read < far);
}

proptest! {
    #[test]
    fn any_history(history in history()) {
        let contents = read_back(&written(std::slice::from_ref(&history)));
        prop_assert_eq!(contents.problems.count(), 0, "{:?}", contents.problems);
        prop_assert_eq!(contents.parts, [history]);
    }
}
