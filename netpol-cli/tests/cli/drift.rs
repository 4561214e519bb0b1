//! Exit codes of `flows drift`, which are an answer with `--fail`.

use std::fs;

use serde_json::Value;

use crate::{flows, text};

/// A history file of one node with one edge: denied, or not, as told, and so many of its 3 connections just after a change.
fn file(computed: &str, agreement: &str, after_change: u64) -> String {
    let (from, until) = ("2026-11-21T15:00:00Z", "2026-11-21T15:30:00Z");
    let lines = [
        format!(
            r#"{{"header":{{"format":"netpol-history","major":1,"minor":0,"written_at":"{until}","written_by":"test"}}}}"#
        ),
        format!(
            r#"{{"node":{{"name":"a","store":"s","read_at":"{until}","dialect":"specification"}}}}"#
        ),
        format!(r#"{{"interval":{{"from":"{from}","until":"{until}","losses":[]}}}}"#),
        format!(
            r#"{{"edge":{{"key":{{"seen_at":"source","source":{{"unknown":"10.0.0.9/32"}},"destination":{{"outside":"192.0.2.1/32"}},"protocol":"TCP","port":443,"observed":"forwarded","computed":"{computed}","agreement":"{agreement}"}},"totals":{{"connections":3,"first_seen":"{from}","last_seen":"{until}","after_change":{after_change},"longest_after_change_ns":1500000000}}}}}}"#
        ),
        r#"{"end":{"lines":4}}"#.to_owned(),
    ];
    lines.map(|line| line + "\n").concat()
}

/// Exit code, output and what is said on standard error, for a file of this content.
async fn drift(content: &str, arguments: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("history.jsonl");
    fs::write(&path, content).unwrap();
    let all = [&["drift", "--history", path.to_str().unwrap()], arguments].concat();
    let output = flows(&all).output().await.unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout).to_owned(),
        text(&output.stderr).to_owned(),
    )
}

#[tokio::test]
async fn drift_beyond_lag_fails_where_it_is_asked_to() {
    let leak = file("denied", "denied-but-forwarded", 1);
    let (code, page, _) = drift(&leak, &[]).await;
    assert_eq!(code, 0, "{page}");
    assert!(
        page.contains("Denied by policy, and it went through\n"),
        "{page}"
    );
    assert!(page.contains("3 connections compared"), "{page}");
    assert_eq!(drift(&leak, &["--fail"]).await.0, 1);
    // Nothing of it is in there.
    let (code, _, said) = drift(&leak, &["--fail", "-n", "prod"]).await;
    assert_eq!(code, 2, "{said}");

    let late = file("denied", "denied-but-forwarded", 3);
    let (code, json, _) = drift(&late, &["--fail", "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(code, 0, "{json:#}");
    assert_eq!(json["findings"][0]["kind"], "late-enforcement", "{json:#}");
    assert_eq!(json["findings"][0]["longest_after_change_seconds"], 1.5);

    let (code, page, _) = drift(&file("allowed", "agree", 0), &["--fail"]).await;
    assert_eq!(code, 0, "{page}");
    assert!(
        page.contains("agree wherever they could be compared"),
        "{page}"
    );
}

#[tokio::test]
async fn what_is_not_known_is_no_pass() {
    let unknown = file("unknown", "undetermined", 0);
    let (code, page, said) = drift(&unknown, &["--fail"]).await;
    assert_eq!(code, 2, "{page}");
    assert!(page.contains("Nothing could be compared"), "{page}");
    assert!(said.contains("nothing is known of drift"), "{said}");
    assert_eq!(drift(&unknown, &[]).await.0, 0);
    assert_eq!(drift("{}\n", &["--fail"]).await.0, 2);
    let nobody = ["drift", "--server", "unix:///nonexistent/agent.sock"];
    let output = flows(&nobody).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let (code, _, said) = drift(&unknown, &["--since", "soon"]).await;
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("--since: \"soon\" is neither"), "{said}");
}

#[tokio::test]
async fn a_damaged_history_is_no_pass() {
    let whole = file("allowed", "agree", 0);
    let edge = whole.lines().nth(3).unwrap();
    for damaged in [
        // A second edge is cut in its middle.
        format!(
            "{}{}",
            &whole[..whole.find(r#"{"end""#).unwrap()],
            &edge[..80]
        ),
        // Cut in its last line, and between lines.
        whole[..whole.len() - 10].to_owned(),
        whole.replace(r#"{"end":{"lines":4}}"#, ""),
        whole.replace(r#"{"end""#, "{\"edge\":{}}\n{\"end\""),
    ] {
        let (code, page, said) = drift(&damaged, &["--fail"]).await;
        assert_eq!(code, 2, "{damaged}\n{page}");
        assert!(said.contains("of the history could not be read"), "{said}");
        let (code, page, _) = drift(&damaged, &[]).await;
        assert_eq!(code, 0, "{page}");
        assert!(page.contains("of the history could not be read"), "{page}");
        let (_, json, _) = drift(&damaged, &["-o", "json"]).await;
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_ne!(json["evidence"]["unreadable_lines"], 0, "{json:#}");
    }
    let (_, json, _) = drift(&whole, &["--fail", "-o", "json"]).await;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["evidence"]["unreadable_lines"], 0, "{json:#}");
}
