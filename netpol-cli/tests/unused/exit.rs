//! Exit codes, and what is told on standard error.

use std::fs;
use std::path::Path;

use crate::run::{directory, flows, unused};

#[test]
fn fail_on_looks_at_what_is_asked_about_shown_or_not() {
    for (arguments, code) in [
        (&["--fail-on", "dangling_peer"][..], 1),
        (&["--fail-on", "dangling_peer", "--status", "used"], 1),
        (&["--fail-on", "dangling_peer", "-n", "batch"], 0),
        (&["--fail-on", "redundant_use"], 0),
        (&["--fail-on", "redundant_use,shadowed"], 1),
    ] {
        assert_eq!(unused(arguments).1, Some(code), "{arguments:?}");
    }
}

#[test]
fn bad_input_is_named_and_ends_with_2() {
    for (arguments, told) in [
        (
            &["--history", "month.jsonl", "--min-window", "soon"][..],
            "--min-window: \"soon\" is no time span",
        ),
        (
            &["--history", "month.jsonl", "--status", "unused"],
            "invalid value 'unused'",
        ),
        (&["--history", "none.jsonl"], "none.jsonl: "),
        (&["--history", "policies.yaml"], "policies.yaml: "),
        (
            &["--history", "month.jsonl", "--manifests", "none.yaml"],
            "none.yaml",
        ),
        (
            &["--history", "month.jsonl", "--patch", "-o", "json"],
            "cannot be used with",
        ),
        (
            &["--history", "month.jsonl", "--min-confidence", "low"],
            "--patch",
        ),
        (
            &["--history", "month.jsonl", "-n", "shop,nosuch"],
            "no policies and no pods of namespace nosuch are remembered",
        ),
    ] {
        let output = flows(&[&["unused"], arguments].concat());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(told), "{arguments:?}: {text}");
    }
}

#[test]
fn a_longer_window_than_there_is_leaves_no_claim_from_traffic() {
    let (text, _) = unused(&[
        "--min-window",
        "8w",
        "--status",
        "idle,redundant_use,dangling_peer,dangling_subject",
    ]);
    assert!(
        text.starts_with(
            "11 entries of 5 policies: 1 shadowed (not shown), 4 used (not shown), 6 insufficient_evidence (not shown)\n"
        ),
        "{text}"
    );
}

/// Writes the month with something wrong.
fn month_but(name: &str, change: impl FnOnce(&mut Vec<String>)) -> String {
    let month = fs::read_to_string(directory().join("month.jsonl")).unwrap();
    let mut lines: Vec<String> = month.lines().map(|line| format!("{line}\n")).collect();
    change(&mut lines);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, lines.concat()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_history_that_cannot_be_read_everywhere_tells_of_nobody_that_is_absent() {
    let garbage = "garbage\n".to_owned();
    let is_present = |line: &String| line.starts_with("{\"present\"");
    let lost = month_but("unused-lost.jsonl", |lines| {
        let last = lines.iter().rposition(is_present).unwrap();
        lines[last] = garbage.clone();
    });
    // The node is gone, and with it everything up to the next.
    let headless = month_but("unused-headless.jsonl", |lines| lines[1] = garbage.clone());
    // With all that is known but for the last line.
    let cut = month_but("unused-cut.jsonl", |lines| lines.truncate(lines.len() - 1));
    for file in [lost, headless, cut] {
        let all = flows(&["unused", "--history", &file, "--status", "all"]);
        let text = String::from_utf8(all.stdout).unwrap();
        assert_eq!(all.status.code(), Some(0), "{file}");
        let claims = ["dangling", "unresolved_named_port", "idle"];
        let has_claim = |row: &&str| claims.iter().any(|claim| row.contains(claim));
        assert_eq!(text.lines().find(has_claim), None, "{file}");
        assert!(
            text.contains("insufficient evidence: lines of the history could not be read; "),
            "{file}: {text}"
        );
        let patch = flows(&["unused", "--history", &file, "--patch"]);
        let patch = String::from_utf8(patch.stdout).unwrap();
        assert!(!patch.contains("kubectl delete"), "{file}: {patch}");
        // Whether anything is found or not.
        for status in ["shadowed", "redundant_use"] {
            let gate = flows(&["unused", "--history", &file, "--fail-on", status]);
            let told = String::from_utf8(gate.stderr).unwrap();
            assert_eq!(gate.status.code(), Some(2), "{file}: {told}");
            assert!(
                told.contains("insufficient evidence: ")
                    && told.contains(" of the history could not be read"),
                "{file}: {told}"
            );
        }
    }
}
