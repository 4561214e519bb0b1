//! History files, plain or packed: whatever stands in one, reading it ends, nothing panics, what was read is written and read
//! back as it was, and nothing is counted twice.

#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use netpol_history::file::read_any;
use netpol_history::{Contents, Writer, read};
use netpol_policy::history::{History, add_up, rule_totals, traffic};

fuzz_target!(|bytes: &[u8]| {
    let Ok(contents) = read_any(bytes, |_| {}) else {
        return;
    };
    // Two lines may say the same in other words: written, the second is told twice, and is left out.
    let written = rewritten(&contents.parts);
    let again = rewritten(&written.parts);
    assert_eq!(again.problems.count(), 0);
    assert_eq!(again.parts, written.parts);

    let once = add_up(written.parts.clone());
    let twice = add_up([written.parts, again.parts].concat());
    assert_eq!(connections(&once), connections(&twice));
    assert!(traffic(&once).len() <= once.edges.len());
    assert!(rule_totals(&once).len() <= once.uses.len());
});

fn rewritten(parts: &[History]) -> Contents {
    let mut writer = Writer::new(Vec::new(), SystemTime::UNIX_EPOCH, "fuzz").expect("memory");
    for part in parts {
        writer.history(part).expect("one node each");
    }
    let file = writer.end().expect("memory");
    read(file.as_slice(), |_| {}).expect("a history")
}

fn connections(history: &History) -> u64 {
    let edges = history.edges.iter();
    edges.fold(0, |sum, edge| sum.wrapping_add(edge.totals.connections))
}
