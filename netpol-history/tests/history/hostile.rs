//! Files that are cut, broken, from the future, or made to do harm.

use std::io::{self, BufReader, Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use netpol_history::file::read_any;
use netpol_history::{LONGEST_LINE, ReadError, read};
use netpol_policy::history::Loss;
use proptest::prelude::*;

use crate::round_trip::{read_back, written};
use crate::world::example;

const HEADER: &str = r#"{"header":{"format":"netpol-history","major":1,"minor":0,"written_at":"2026-11-21T15:00:00Z","written_by":"test"}}"#;
const NODE: &str = r#"{"node":{"name":"a","store":"s","read_at":"2026-11-21T15:00:00Z","dialect":"specification"}}"#;
const INTERVAL: &str =
    r#"{"interval":{"from":"2026-11-21T14:00:00Z","until":"2026-11-21T15:00:00Z"}}"#;

/// A file with these lines in it, whole.
fn file(lines: &[&str]) -> String {
    let before = [HEADER, NODE, INTERVAL];
    let end = format!("{{\"end\":{{\"lines\":{}}}}}", lines.len() + 3);
    let lines = before.iter().chain(lines).map(|line| format!("{line}\n"));
    lines.chain([end]).collect()
}

fn refused(text: &str) -> String {
    read(text.as_bytes(), |_| {}).unwrap_err().to_string()
}

#[test]
fn what_is_no_history_is_refused() {
    for text in [
        "",
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
    let text = file(&[r#"{"weather":{"sky":[{"blue":1e400}]}}"#])
        .replace("\"minor\":0", "\"minor\":7,\"mood\":{}")
        .replace("\"store\"", "\"colour\":[[[]]],\"store\"");
    let contents = read_back(text.as_bytes());
    let problems: Vec<String> = contents.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
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
        let problems: Vec<String> = contents.problems.iter().map(ToString::to_string).collect();
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
        assert_eq!(contents.parts[0].missing, []);
    }
}

#[test]
fn lines_before_any_node_belong_to_nobody() {
    let text = [HEADER, INTERVAL, NODE, "{\"end\":{\"lines\":3}}"].join("\n");
    let contents = read_back(text.as_bytes());
    let problems: Vec<String> = contents.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["line 2: stands before any node"]);
}

#[test]
fn a_cut_file_says_so_wherever_it_is_cut() {
    let whole = written(&[example()]);
    let header = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let last = whole.len() - 1;
    for length in header..last {
        let contents = read_back(&whole[..length]);
        assert!(contents.problems.count() > 0, "{length}");
        let missing = contents.parts.iter().flat_map(|part| &part.missing);
        assert!(
            missing
                .clone()
                .any(|node| node.reason.starts_with("the history ends early")),
            "{length}"
        );
    }
    // The end of the last line says nothing.
    assert_eq!(read_back(&whole[..last]).problems.count(), 0);
    // A line that went is missed at the end.
    let text = String::from_utf8(whole).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for gone in 1..lines.len() - 1 {
        let rest: Vec<&str> = lines
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != gone)
            .map(|(_, line)| *line)
            .collect();
        assert!(
            read_back(rest.join("\n").as_bytes()).problems.count() > 0,
            "{gone}"
        );
    }
}

#[test]
fn a_cut_or_changed_packed_file_is_taken_as_far_as_it_goes() {
    let mut history = example();
    history.edges = vec![history.edges; 500].concat();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&written(&[history])).unwrap();
    let packed = packed.finish().unwrap();
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
    let problems: Vec<String> = contents.problems.iter().map(ToString::to_string).collect();
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
