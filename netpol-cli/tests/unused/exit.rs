//! Exit codes, and what is told on standard error.

use crate::run::{flows, unused};

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
