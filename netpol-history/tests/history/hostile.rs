//! Files that are no histories, from the future, or made to do harm.

use std::io::{self, BufReader, Read};

use netpol_history::file::read_any;
use netpol_history::{Contents, LONGEST_LINE, ReadError, read};
use netpol_policy::history::Loss;
use proptest::prelude::*;

use crate::example::example;
use crate::round_trip::{read_back, written};

pub(crate) const HEADER: &str = r#"{"header":{"format":"netpol-history","major":1,"minor":0,"written_at":"2026-11-21T15:00:00Z","written_by":"test"}}"#;
pub(crate) const NODE: &str = r#"{"node":{"name":"a","store":"s","read_at":"2026-11-21T15:00:00Z","dialect":"specification"}}"#;
pub(crate) const INTERVAL: &str =
    r#"{"interval":{"from":"2026-11-21T14:00:00Z","until":"2026-11-21T15:00:00Z"}}"#;

/// A file with these lines in it, whole.
pub(crate) fn file(lines: &[&str]) -> String {
    let before = [HEADER, NODE, INTERVAL];
    let end = format!("{{\"end\":{{\"lines\":{}}}}}", lines.len() + 3);
    let lines = before.iter().chain(lines).map(|line| format!("{line}\n"));
    lines.chain([end]).collect()
}

pub(crate) fn problems(contents: &Contents) -> Vec<String> {
    contents.problems.iter().map(ToString::to_string).collect()
}

fn refused(text: &str) -> String {
    read(text.as_bytes(), |_| {}).unwrap_err().to_string()
}

#[test]
fn what_is_no_history_is_refused() {
    for text in [
        "\n",
        "{}\n",
        "kind: Pod\n",
        "\0\0\0\0",
        NODE,
        &HEADER.replace("netpol-history", "other"),
    ] {
        let error = read(text.as_bytes(), |_| {}).unwrap_err();
        assert!(matches!(error, ReadError::NotAHistory), "{text:?}: {error}");
    }
    assert_eq!(refused(""), "not a history file: it is empty");
    let packed = [0x1f, 0x8b, 0, 1, 2, 3];
    assert!(matches!(
        read_any(&packed[..], |_| {}),
        Err(ReadError::Io { .. })
    ));
}

#[test]
fn a_later_major_version_is_refused_whatever_else_its_header_holds() {
    for header in [
        HEADER.replace("\"major\":1", "\"major\":2"),
        r#"{"header":{"format":"netpol-history","major":2}}"#.to_owned(),
    ] {
        let error = refused(&header);
        assert!(
            error.starts_with("written in version 2 of the format"),
            "{error}"
        );
        assert!(error.contains("this program reads version 1"), "{error}");
    }
}

#[test]
fn of_a_later_minor_version_what_is_not_known_is_passed_over() {
    let plain = file(&[r#"{"weather":{"sky":[{"blue":1e400}]}}"#]);
    // This version has no such record: it is one that was damaged.
    assert_eq!(read_back(plain.as_bytes()).problems.damaged(), 1);
    let text = plain
        .replace("\"minor\":0", "\"minor\":7,\"mood\":{}")
        .replace("\"store\"", "\"colour\":[[[]]],\"store\"");
    let contents = read_back(text.as_bytes());
    let problems = problems(&contents);
    assert_eq!((problems.len(), contents.problems.damaged()), (2, 0));
    assert!(problems[0].starts_with("line 1: written in version 1.7"));
    assert_eq!(
        problems[1],
        "line 4: \"weather\" is a record that is not known here"
    );
    assert_eq!(contents.parts[0].nodes.len(), 1);
    assert_eq!(contents.parts[0].nodes[0].intervals[0].losses, []);
}

#[test]
fn a_bad_line_costs_itself_and_counts_as_a_loss() {
    let deep = format!(
        "{{\"policy\":{{\"since\":\"2026-11-21T15:00:00Z\",\"manifest\":{}}}}}",
        "[".repeat(100_000)
    );
    let use_of = |fingerprint: &str, rule: &str| {
        format!(
            r#"{{"use":{{"key":{{"policy":"NetworkPolicy/a/b","fingerprint":"{fingerprint}","direction":"ingress","entry":{{"rule":{rule}}}}},"totals":{{"hits":1,"first_seen":"2026-11-21T15:00:00Z","last_seen":"2026-11-21T15:00:00Z"}}}}}}"#
        )
    };
    let good = use_of("00000000000000ff", "0");
    for (bad, word) in [
        ("nonsense", "expected"),
        ("\0\0\0", "expected"),
        ("[]", "expected"),
        ("{\"use\":1,\"edge\":2}", "expected"),
        (deep.as_str(), "recursion"),
        (HEADER, "a second header"),
        (&use_of("00000000000000ff", "-1"), "-1"),
        (&use_of("00000000000000ff", "99999999999999999999"), "u32"),
        (&use_of("+0000000000000ff", "0"), "16 hexadecimal digits"),
        (&good.replace("ingress", "sideways"), "sideways"),
        (
            &good.replace("NetworkPolicy", "OtherPolicy"),
            "such as NetworkPolicy/prod/db",
        ),
        (
            &good.replace("2026-11-21T15:00:00Z", "+123456-01-01T00:00:00Z"),
            "year",
        ),
        (&good.replace("\"hits\":1", "\"hits\":1e99"), "1e+99"),
        (
            &good.replace("\"hits\":1", "\"hits\":18446744073709551615"),
            "more than 2^40 connections",
        ),
        (
            r#"{"present":{"group":7,"first_seen":"2026-11-21T15:00:00Z","last_seen":"2026-11-21T15:00:00Z"}}"#,
            "group 7 is not known",
        ),
        (
            r#"{"object":{"manifest":{"kind":"Pod"}}}"#,
            "expected Node or Service",
        ),
        (
            r#"{"object":{"manifest":{"kind":"Service","apiVersion":"v1"}}}"#,
            "metadata",
        ),
        (
            r#"{"policy":{"manifest":{"kind":"NetworkPolicy","metadata":{"name":"x"},"spec":{"podSelector":{},"ingress":[{"ports":[{"port":0}]}]}},"since":"2026-11-21T15:00:00Z"}}"#,
            "spec.ingress[0].ports[0]",
        ),
    ] {
        let contents = read_back(file(&[bad, &good]).as_bytes());
        let problems = problems(&contents);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("line 4: "), "{problems:?}");
        assert!(
            problems[0].contains(word),
            "{problems:?} does not say {word:?}"
        );
        assert_eq!(contents.parts[0].uses.len(), 1);
        let loss = Loss {
            stage: "history".into(),
            reason: "unreadable_line".into(),
            count: 1,
        };
        assert_eq!(contents.parts[0].nodes[0].intervals[0].losses, [loss]);
        let of_cluster = ["policy", "present", "object"];
        let is_of_cluster = of_cluster
            .iter()
            .any(|name| bad.starts_with(&format!("{{\"{name}\":")));
        assert_eq!(contents.parts[0].missing.len(), usize::from(is_of_cluster));
    }
}

/// What is told twice, as by a line that was pasted, is counted once.
#[test]
fn a_line_that_stands_twice_is_counted_once() {
    let one = r#"{"use":{"key":{"policy":"NetworkPolicy/a/b","fingerprint":"00000000000000ff","direction":"ingress"},"totals":{"hits":1,"first_seen":"2026-11-21T15:00:00Z","last_seen":"2026-11-21T15:00:00Z"}}}"#;
    let other = one.replace("ingress", "egress");
    let again = one.replace("\"hits\":1", "\"hits\":2");
    let contents = read_back(file(&[one, &other, &again]).as_bytes());
    assert_eq!(
        problems(&contents),
        ["line 6: told before, and counted once"]
    );
    let hits = contents.parts[0].uses.iter().map(|one| one.totals.hits);
    assert_eq!(hits.collect::<Vec<_>>(), [1, 1]);
}

/// Which of two groups a later line means cannot be told.
#[test]
fn of_two_groups_with_one_number_none_is_believed() {
    let group = |name: &str| {
        format!(r#"{{"group":{{"id":7,"namespace":"a","kind":"Job","name":"{name}"}}}}"#)
    };
    let present = r#"{"present":{"group":7,"first_seen":"2026-11-21T15:00:00Z","last_seen":"2026-11-21T15:00:00Z"}}"#;
    let contents = read_back(file(&[&group("x"), &group("y"), present]).as_bytes());
    assert_eq!(
        problems(&contents),
        [
            "line 5: group: 7 is of other pods before",
            "line 6: group: group 7 is not known"
        ]
    );
}

#[test]
fn lines_before_any_node_belong_to_nobody() {
    let text = [HEADER, INTERVAL, NODE, "{\"end\":{\"lines\":3}}"].join("\n");
    let contents = read_back(text.as_bytes());
    let problems = problems(&contents);
    assert_eq!(problems, ["line 2: stands before any node"]);
}

/// Gives a line of this length without ever holding it.
struct LongLine(u64);

impl Read for LongLine {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer
            .len()
            .min(usize::try_from(self.0).unwrap_or(usize::MAX));
        buffer[..length].fill(b'x');
        self.0 -= length as u64;
        Ok(length)
    }
}

#[test]
fn a_line_without_end_is_passed_over() {
    let before = [HEADER, NODE, INTERVAL, ""].join("\n");
    let long = LongLine(LONGEST_LINE as u64 * 3);
    let after = "\n{\"end\":{\"lines\":4}}\n";
    let input = before.as_bytes().chain(long).chain(after.as_bytes());
    let mut largest = 0;
    let contents = read(BufReader::new(input), |length| {
        largest = largest.max(length)
    })
    .unwrap();
    let problems = problems(&contents);
    assert_eq!(
        problems,
        [format!("line 4: longer than {LONGEST_LINE} bytes")]
    );
    assert_eq!(largest, LONGEST_LINE * 3 + 1);
    assert!(matches!(
        read(BufReader::new(LongLine(LONGEST_LINE as u64 * 2)), |_| {}),
        Err(ReadError::NotAHistory)
    ));
}

#[test]
fn many_bad_lines_are_counted_and_the_first_are_named() {
    let contents = read_back(file(&["bad"; 5_000]).as_bytes());
    assert_eq!(contents.problems.count(), 5_000);
    assert!(contents.problems.iter().count() < 100);
}

proptest! {
    #[test]
    fn bytes_that_change_never_panic(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = written(&[example()]);
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = read(bytes.as_slice(), |_| {});
        let _ = read_any(bytes.as_slice(), |_| {});
    }
}
