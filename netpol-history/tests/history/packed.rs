//! Files in gzip: cut, changed, and packed to do harm.

use std::io::{Read, Write as _, repeat};

use flate2::Compression;
use flate2::read::GzEncoder as PackedRead;
use flate2::write::GzEncoder;
use netpol_history::{ReadError, file::read_any};
use netpol_policy::history::{History, Port};

use crate::example::example;
use crate::hostile::{HEADER, INTERVAL, NODE, problems};
use crate::round_trip::written;

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// So many edges that a packed file of them has a middle.
fn large() -> History {
    let mut history = example();
    let edge = history.edges[0].clone();
    for port in 0..3_000 {
        let mut edge = edge.clone();
        edge.key.port = Port::One(port);
        history.edges.push(edge);
    }
    history
}

#[test]
fn a_cut_or_changed_packed_file_is_taken_as_far_as_it_goes() {
    let packed = packed(&written(&[large()]));
    let middle = packed.len() / 2;
    let mut changed = packed.clone();
    changed[middle..].fill(0xff);
    for damaged in [&packed[..middle], &packed[..packed.len() - 12], &changed] {
        let contents = read_any(damaged, |_| {}).unwrap();
        assert!(contents.problems.damaged() > 0);
        let part = &contents.parts[0];
        assert!(!part.edges.is_empty());
        let reason = &part.missing.last().unwrap().reason;
        assert!(
            reason.starts_with("the history ends early, after line "),
            "{reason}"
        );
    }
}

#[test]
fn a_packed_file_that_is_cut_anywhere_is_taken_as_far_as_it_goes_or_refused() {
    let packed = packed(&written(&[example()]));
    for length in 2..packed.len() {
        match read_any(&packed[..length], |_| {}) {
            Ok(contents) => assert!(contents.problems.damaged() > 0, "{length}"),
            Err(error) => assert!(matches!(error, ReadError::Io { after: 0, .. }), "{error}"),
        }
    }
    assert_eq!(read_any(&packed[..], |_| {}).unwrap().problems.count(), 0);
}

/// Every line can be read, and one of them is another than was packed.
#[test]
fn a_checksum_that_does_not_fit_is_damage() {
    let whole = packed(&written(&[example()]));
    let mut changed = whole.clone();
    let checksum = whole.len() - 8;
    changed[checksum] ^= 1;
    let contents = read_any(&changed[..], |_| {}).unwrap();
    let problems = problems(&contents);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("the file is damaged: "),
        "{problems:?}"
    );
    assert_eq!(contents.parts[0].edges, example().edges);
    let losses = &contents.parts[0].nodes[0].intervals[0].losses;
    assert_eq!(&*losses.last().unwrap().reason, "unreadable_line");
}

/// Some hundred kilobytes that hold some hundred megabytes.
#[test]
fn a_file_that_holds_too_much_for_its_size_is_not_unpacked() {
    let start = [HEADER, NODE, INTERVAL, ""].join("\n");
    let bomb = start.as_bytes().chain(repeat(b' ').take(200 << 20));
    let contents = read_any(PackedRead::new(bomb, Compression::fast()), |_| {}).unwrap();
    let problems = problems(&contents);
    assert!(
        problems[0].contains("it holds more than 100 times its own size"),
        "{problems:?}"
    );
    assert_eq!(contents.parts[0].missing.len(), 1);
}
