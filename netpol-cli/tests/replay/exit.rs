//! What a pipeline goes by.

use std::process::Output;

use crate::run::Recorded;
use crate::shop;

/// Exit code, and what is said on stderr.
fn ended(output: &Output) -> (Option<i32>, String) {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    (output.status.code(), said)
}

#[test]
fn what_is_found_fails_where_it_is_asked_for() {
    let recorded = Recorded::of(&shop::history());
    for (fail_on, code) in [
        (&[][..], 1),
        (&["--fail-on", "newly-denied"], 1),
        (&["--fail-on", "newly-allowed,unknown"], 1),
        (&["--fail-on", "other-reason"], 1),
        (&["--fail-on", "opened"], 1),
        (&["--fail-on", "none"], 0),
    ] {
        let arguments = [&["--manifests", "proposed"], fail_on].concat();
        let output = recorded.replay(&arguments);
        assert_eq!(output.status.code(), Some(code), "{fail_on:?}");
    }
    let adds_nothing = ["--manifests", "in-force.yaml", "--fail-on"];
    let all = "newly-denied,newly-allowed,unknown,other-reason,opened,closed";
    let output = recorded.replay(&[&adds_nothing[..], &[all]].concat());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn trouble_is_2_and_names_what_is_at_fault() {
    let recorded = Recorded::of(&shop::history());
    for (arguments, fault) in [
        (&["--manifests", "nowhere"][..], "nowhere"),
        (
            &["--manifests", "proposed", "--fail-on", "everything"],
            "everything",
        ),
        (
            &["--manifests", "proposed", "--fail-on", "none,opened"],
            "none stands alone",
        ),
        (
            &["--manifests", "proposed", "--pod-cidr", "10.0.0.0"],
            "10.0.0.0",
        ),
        (
            &["--manifests", "proposed", "--history", "lost.jsonl"],
            "lost.jsonl",
        ),
    ] {
        let (code, said) = ended(&recorded.replay(arguments));
        assert_eq!(code, Some(2), "{arguments:?} {said}");
        assert!(said.contains(fault), "{arguments:?} {said}");
    }
}

#[test]
fn a_history_that_nobody_watched_for_is_no_reason_to_pass() {
    let mut history = shop::history();
    history.nodes[0].intervals.clear();
    let recorded = Recorded::of(&history);
    let output = recorded.replay(&["--manifests", "in-force.yaml"]);
    let (code, said) = ended(&output);
    assert_eq!(code, Some(2));
    assert!(said.contains("insufficient evidence"), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Insufficient evidence"), "{text}");
}

#[test]
fn standard_input_is_one_thing_only() {
    let recorded = Recorded::of(&shop::history());
    let (code, said) = ended(&recorded.replay(&["--manifests", "-", "--history", "-"]));
    assert_eq!(code, Some(2));
    assert!(said.contains("cannot both be standard input"), "{said}");
}
