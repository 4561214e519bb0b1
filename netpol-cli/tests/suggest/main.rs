//! `flows suggest` and `flows tighten` by the real binary: golden files, exit codes, and what docs/suggesting.md shows.
//!
//! `UPDATE_GOLDEN=1 cargo test -p netpol-cli --test suggest` writes what is printed now; read the difference.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use netpol_policy::manifest;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suggest")
}

fn flows(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flows"))
        .args(arguments)
        .current_dir(directory())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What a command that succeeds prints; the same as in a file.
#[track_caller]
fn prints(name: &str, arguments: &[&str]) -> String {
    let output = flows(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let path = directory().join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap(), "{name}");
    text
}

#[test]
fn suggestions_can_be_applied_and_tell_what_they_are_for() {
    let text = prints(
        "suggest.yaml",
        &["suggest", "-n", "shop", "--history", "month.jsonl"],
    );
    let read = manifest::parse_strict(&text);
    assert_eq!(read.errors, []);
    assert_eq!(read.objects.len(), 3);
}

#[test]
fn suggestions_in_json_hold_all_of_it() {
    let text = prints(
        "suggest.json",
        &[
            "suggest",
            "-n",
            "shop",
            "web",
            "--history",
            "month.jsonl",
            "-o",
            "json",
        ],
    );
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["policies"].as_array().unwrap().len(), 1);
    assert_eq!(json["left_out"][0]["reason"], "unanswered");
    let manifests = json["policies"][0]["manifest"].to_string();
    assert_eq!(manifest::parse_strict(&manifests).errors, []);
}

#[test]
fn narrower_policies_can_be_applied_and_tell_what_goes() {
    let text = prints("tighten.yaml", &["tighten", "--history", "month.jsonl"]);
    let read = manifest::parse_strict(&text);
    assert_eq!(read.errors, []);
    // The other one changed some days ago.
    assert_eq!(read.objects.len(), 1);
    let text = prints(
        "tighten.json",
        &["tighten", "--history", "month.jsonl", "-o", "json"],
    );
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["proposals"][0]["supported"], true);
    assert_eq!(json["proposals"][1]["supported"], false);
}

#[test]
fn what_too_little_evidence_speaks_for_is_written_on_demand() {
    let output = flows(&[
        "tighten",
        "--history",
        "month.jsonl",
        "--include-insufficient",
    ]);
    let read = manifest::parse_strict(&String::from_utf8(output.stdout).unwrap());
    assert_eq!((read.errors.len(), read.objects.len()), (0, 2));
}

/// What `flows replay` says of a golden file.
fn replayed(name: &str, arguments: &[&str]) -> (serde_json::Value, Option<i32>) {
    let replay = [
        "replay",
        "--history",
        "month.jsonl",
        "--manifests",
        name,
        "-o",
        "json",
    ];
    let output = flows(&[&replay, arguments].concat());
    let json = serde_json::from_slice(&output.stdout).unwrap();
    (json, output.status.code())
}

#[test]
fn replay_finds_nothing_that_got_through_newly_denied() {
    for arguments in [&[][..], &["--prune"]] {
        let (json, _) = replayed("suggest.yaml", arguments);
        let totals = &json["totals"];
        // What got no answer.
        assert_eq!(totals["newly-denied"]["connections"], 3, "{json}");
        assert_eq!(totals["forwarded_that_becomes_denied"], 0, "{json}");
    }
}

#[test]
fn replay_finds_no_opening_in_narrower_policies() {
    let found = ["--fail-on", "newly-denied,newly-allowed,opened"];
    let (json, code) = replayed("tighten.yaml", &found);
    assert_eq!(code, Some(0), "{json}");
}

#[test]
fn errors_name_what_is_at_fault() {
    for (arguments, said) in [
        (
            &["suggest", "-n", "none", "--history", "month.jsonl"][..],
            "no pods of namespace none are remembered",
        ),
        (
            &[
                "suggest",
                "-n",
                "shop",
                "api[Job]",
                "--history",
                "month.jsonl",
            ],
            "no pods of shop/api[Job] are remembered",
        ),
        (
            &["suggest", "-n", "shop", "web[", "--history", "month.jsonl"],
            "\"web[\" is no workload",
        ),
        (&["suggest", "--history", "month.jsonl"], "--namespace"),
        (
            &["suggest", "-n", "shop", "--history", "month.jsonl", "db"],
            "if db is a workload, put the workload before --history",
        ),
        (
            &["tighten", "-n", "shop,none", "--history", "month.jsonl"],
            "no policies and no pods of namespace none are remembered",
        ),
        (
            &["tighten", "--history", "missing.jsonl"],
            "missing.jsonl: No such file",
        ),
        (
            &[
                "tighten",
                "--history",
                "month.jsonl",
                "--min-window",
                "long",
            ],
            "\"long\" is no time span",
        ),
    ] {
        let output = flows(arguments);
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words}");
        assert!(words.contains(said), "{words}");
    }
}

/// The month, in a file of its own after a change.
fn changed(change: impl FnOnce(&str) -> String) -> (tempfile::TempDir, String) {
    let month = fs::read_to_string(directory().join("month.jsonl")).unwrap();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("changed.jsonl");
    fs::write(&path, change(&month)).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (place, path)
}

fn words(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Cut just before who was there.
fn cut(month: &str) -> String {
    let end = month.find(r#"{"present""#).unwrap();
    month[..end + 20].to_owned()
}

#[test]
fn of_pods_that_stood_in_lost_lines_nothing_is_said() {
    let (_place, path) = changed(cut);
    let output = flows(&["suggest", "-n", "shop", "--history", &path]);
    let page = words(output.stdout);
    assert!(page.contains("podSelector"), "{page}");
    assert!(!page.contains("no pods now"), "{page}");
    assert!(
        page.contains("# whether there are pods now is not known"),
        "{page}"
    );
    let header = page.split("---").next().unwrap();
    let damaged = "Insufficient evidence: lines of the history could not be read.";
    assert!(header.contains(damaged), "{header}");
    let output = flows(&["suggest", "-n", "shop", "-o", "json", "--history", &path]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(json["policies"][0]["without_pods_now"].is_null(), "{json}");
    assert_eq!(json["evidence"]["confidence"], "insufficient");
}

#[test]
fn a_damaged_history_narrows_nothing() {
    let (_place, path) = changed(cut);
    let output = flows(&["tighten", "--history", &path]);
    let page = words(output.stdout);
    assert!(
        page.starts_with(
            "# 0 of 2 policies are seen to permit far more than was used; 2 more are not written for want of evidence.\n\
             # Watched from 2026-03-01T00:00:00Z to 2026-03-31T00:00:00Z (30d), 100 % of it, on n1; 2 events lost.\n\
             # Insufficient evidence: lines of the history could not be read.\n"
        ),
        "{page}"
    );
    assert_eq!(manifest::parse_strict(&page).objects.len(), 0);
    let output = flows(&["tighten", "-o", "json", "--history", &path]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["evidence"]["confidence"], "insufficient");
    assert_eq!(json["proposals"][0]["supported"], false);
}

#[test]
fn many_policies_without_evidence_are_counted() {
    // Each one stands there under 30 names.
    let (_place, path) = changed(|month| {
        let lines = month.lines().filter(|line| !line.starts_with(r#"{"end""#));
        let many = lines.flat_map(|line| {
            let times = if line.contains(r#""name":"web-egress""#) {
                30
            } else {
                1
            };
            (0..times).map(move |number| {
                let name = format!(r#""name":"web-egress-{number}""#);
                line.replace(r#""name":"web-egress""#, &name) + "\n"
            })
        });
        many.collect()
    });
    let output = flows(&["tighten", "--min-window", "52w", "--history", &path]);
    let page = words(output.stdout);
    let told = page.matches("Not written, for want of evidence (").count();
    assert_eq!(told, 20, "{page}");
    let more = "# Not written, for want of evidence: 11 more (-o json has all).\n";
    assert!(page.ends_with(more), "{page}");
}

#[test]
fn a_missing_node_is_told_once_on_standard_error() {
    let (_place, path) = changed(|month| {
        let missing = r#"{"missing":{"name":"n2","reason":"connection refused"}}"#;
        month.replace(r#"{"end":{"lines":26}}"#, missing) + "{\"end\":{\"lines\":27}}\n"
    });
    for command in ["suggest", "tighten"] {
        let output = flows(&[command, "-n", "shop", "--history", &path]);
        let (page, said) = (words(output.stdout), words(output.stderr));
        assert_eq!(said.matches("connection refused").count(), 1, "{said}");
        assert_eq!(page.matches("connection refused").count(), 1, "{page}");
    }
}

#[test]
fn the_examples_of_the_page_are_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/suggesting.md");
    let page = fs::read_to_string(path).unwrap();
    let mut blocks = 0;
    for block in page.split("```text\n$ flows ").skip(1) {
        let block = block.split("```").next().unwrap();
        let (command, printed) = block.split_once('\n').unwrap();
        let arguments: Vec<&str> = command.split(' ').collect();
        let output = flows(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, printed, "{command}");
        blocks += 1;
    }
    assert!(blocks >= 2, "{blocks} examples");
}
