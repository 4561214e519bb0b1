//! `flows export` and `flows import`: files of what nodes remember.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use netpol_api::v1::ReadHistoryResponse;
use netpol_api::v1::read_history_response::Item;
use serde_json::Value;
use tokio::process::Command;

use crate::local::Server;
use crate::scripted::{Play, Script};
use crate::{flows, text};

/// The history file of a node, read at a minute of an hour. Its one edge has as many connections.
fn file(node: &str, store: &str, minute: u64) -> String {
    let at = |minute: u64| format!("2026-11-21T15:{minute:02}:00Z");
    let read_at = at(minute);
    let lines = [
        format!(
            r#"{{"header":{{"format":"netpol-history","major":1,"minor":0,"written_at":"{read_at}","written_by":"test"}}}}"#
        ),
        format!(
            r#"{{"node":{{"name":"{node}","store":"{store}","read_at":"{read_at}","dialect":"specification"}}}}"#
        ),
        format!(
            r#"{{"interval":{{"from":"{}","until":"{read_at}","losses":[{{"stage":"kernel","reason":"ring_full","count":2}}]}}}}"#,
            at(0)
        ),
        format!(
            r#"{{"edge":{{"key":{{"seen_at":"source","source":{{"node":"{node}"}},"destination":{{"outside":"192.0.2.1/32"}},"protocol":"TCP","port":443,"observed":"forwarded","computed":"allowed","agreement":"agree"}},"totals":{{"connections":{minute},"first_seen":"{}","last_seen":"{read_at}"}}}}}}"#,
            at(0)
        ),
        r#"{"end":{"lines":4}}"#.to_owned(),
    ];
    lines.map(|line| line + "\n").concat()
}

fn written(directory: &Path, name: &str, content: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, content).unwrap();
    path
}

/// Exit code, what is said on standard error, and the JSON on standard output.
async fn import(arguments: &[&str]) -> (i32, String, Value) {
    let mut all = vec!["import", "-o", "json"];
    all.extend(arguments);
    let output = flows(&all).output().await.unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let said = text(&output.stderr).to_owned();
    (output.status.code().unwrap(), said, json)
}

fn lines(node: &str, file: &str) -> Vec<ReadHistoryResponse> {
    let lines = file.split_inclusive('\n');
    lines
        .map(|line| ReadHistoryResponse {
            node: node.to_owned(),
            item: Some(Item::Lines(line.as_bytes().to_vec())),
        })
        .collect()
}

#[tokio::test]
async fn an_import_is_never_counted_twice() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_string_lossy().into_owned();
    let directory = directory.path();
    written(directory, "early", &file("a", "s", 10));
    written(directory, "late", &file("a", "s", 30));
    written(directory, "other", &file("b", "s", 20));
    written(directory, "anew", &file("a", "t", 50));
    let (into, early, late) = (path("all.jsonl.gz"), path("early"), path("late"));
    let (code, said, json) = import(&[&early, &path("other"), "--into", &into]).await;
    assert_eq!((code, said.as_str()), (0, ""));
    assert_eq!(json["nodes"].as_array().unwrap().len(), 2);
    assert!(fs::read(&into).unwrap().starts_with(&[0x1f, 0x8b]));

    let (code, said, _) = import(&[&late, &early, "--into", &into]).await;
    assert_eq!(code, 0);
    assert_eq!(
        said,
        "flows: 2 readings are left out: the same memories were read later, or they are the same\n"
    );
    let (code, _, json) = import(&[&path("anew"), &into, "--into", &into]).await;
    assert_eq!(code, 0);
    let nodes: Vec<(&str, &str, &str)> = json["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| {
            let text = |field: &str| node[field].as_str().unwrap();
            (text("name"), text("store"), text("until"))
        })
        .collect();
    assert_eq!(
        nodes,
        [
            ("a", "s", "2026-11-21T15:30:00Z"),
            ("a", "t", "2026-11-21T15:50:00Z"),
            ("b", "s", "2026-11-21T15:20:00Z"),
        ]
    );
    // The first store was begun anew after half an hour; a later reading of the second one replaces that one alone.
    written(directory, "later", &file("a", "t", 55));
    let (_, _, json) = import(&[&path("later"), "--into", &into]).await;
    assert_eq!(json["nodes"][0]["watched_seconds"], 30 * 60);
    assert_eq!(json["nodes"][1]["watched_seconds"], 55 * 60);
    // Nothing is left beside the file.
    let names = fs::read_dir(directory).unwrap().count();
    assert_eq!(names, 6);
}

/// An export with `--since` is no replacement for one that goes back a week.
#[tokio::test]
async fn a_week_is_not_lost_to_the_export_of_a_day() {
    let directory = tempfile::tempdir().unwrap();
    let week = file("a", "s", 10).replace(
        r#"{"from":"2026-11-21T15:00:00Z""#,
        r#"{"from":"2026-11-14T15:00:00Z""#,
    );
    let week = written(directory.path(), "week", &week);
    let before = fs::read_to_string(&week).unwrap();
    let day = written(directory.path(), "day", &file("a", "s", 50));
    let (week, day) = (week.to_str().unwrap(), day.to_str().unwrap());
    let (code, said, _) = import(&[day, "--into", week]).await;
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("a: the latest export begins 2026-11-21T15:00:00Z and would take the place"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(week).unwrap(), before);
    let (code, said, _) = import(&[week, day]).await;
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("export without --since"), "{said}");
    // What a node forgets in time is no reason: a day later it is a day less.
    let later = file("a", "s", 20)
        .replace(r#"{"from":"2026-11-21T15"#, r#"{"from":"2026-11-15T15"#)
        .replace("2026-11-21T15:20", "2026-11-22T15:20");
    let later = written(directory.path(), "later", &later);
    let (code, said, _) = import(&[later.to_str().unwrap(), "--into", week]).await;
    assert_eq!(code, 0, "{said}");
}

/// History is not for everybody's eyes.
#[tokio::test]
#[cfg(unix)]
async fn a_file_that_is_replaced_keeps_its_mode_and_its_place() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let real = written(directory, "real", &file("a", "s", 10));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o600)).unwrap();
    let link = directory.join("link");
    symlink(&real, &link).unwrap();
    let other = written(directory, "other", &file("b", "s", 10));
    let (code, said, _) =
        import(&[other.to_str().unwrap(), "--into", link.to_str().unwrap()]).await;
    assert_eq!(code, 0, "{said}");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = fs::metadata(&real).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs::read_to_string(&real).unwrap().contains("\"b\""));
}

#[tokio::test]
async fn a_signal_leaves_nothing_behind() {
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let directory = tempfile::tempdir().unwrap();
        let into = written(directory.path(), "into", &file("a", "s", 10));
        let mut command = flows(&["import", "-", "--into", into.to_str().unwrap()]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let files = || fs::read_dir(directory.path()).unwrap().count();
        let begun = async {
            while files() < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let begun = tokio::time::timeout(Duration::from_secs(20), begun);
        begun.await.expect("it writes beside the file");
        let pid = child.id().unwrap().to_string();
        let mut kill = Command::new("kill");
        assert!(kill.args([signal, &pid]).status().await.unwrap().success());
        // Held open, for it would end by itself otherwise.
        let _stdin = child.stdin.take();
        let ended = tokio::time::timeout(Duration::from_secs(20), child.wait());
        assert_eq!(ended.await.unwrap().unwrap().code(), Some(expected));
        assert_eq!(files(), 1);
        assert_eq!(fs::read_to_string(&into).unwrap(), file("a", "s", 10));
    }
}

#[tokio::test]
async fn a_whole_file_makes_good_what_a_cut_one_left_out() {
    let node =
        r#"{"object":{"manifest":{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}}}"#;
    let whole = file("a", "s", 10);
    let whole = whole.replace(
        r#"{"end":{"lines":4}}"#,
        &format!("{node}\n{}", r#"{"end":{"lines":5}}"#),
    );
    let directory = tempfile::tempdir().unwrap();
    let into = directory.path().join("into").to_string_lossy().into_owned();
    let cut = written(directory.path(), "cut", &whole[..whole.len() - 40]);
    let whole = written(directory.path(), "whole", &whole);
    let (code, _, json) = import(&[cut.to_str().unwrap(), "--into", &into]).await;
    assert_eq!(
        (code, json["missing"].as_array().unwrap().is_empty()),
        (1, false)
    );
    let (code, said, json) = import(&[whole.to_str().unwrap(), "--into", &into]).await;
    assert_eq!(
        (code, &json["missing"]),
        (0, &serde_json::json!([])),
        "{said}"
    );
}

#[tokio::test]
async fn what_is_in_a_file_is_shown_by_node() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "h", &file("node-a", "s", 30));
    let output = flows(&["import", path.to_str().unwrap()])
        .output()
        .await
        .unwrap();
    assert!(output.status.success());
    let expected =
        "  NODE    WATCHED  EDGES  RULES  FROM                  UNTIL                 LOST
  node-a  30m 0s   1      0      2026-11-21T15:00:00Z  2026-11-21T15:30:00Z  2 kernel ring full
1 node, 1 edge, 0 parts of policies that matched, 0 policies in force, 0 sets of pods
";
    assert_eq!(text(&output.stdout), expected);
}

#[tokio::test]
async fn a_damaged_file_is_taken_as_far_as_it_goes_and_is_no_success() {
    let directory = tempfile::tempdir().unwrap();
    let whole = file("a", "s", 10);
    let cut = &whole[..whole.len() - 15];
    let path = written(directory.path(), "cut", cut);
    let path = path.to_str().unwrap();
    let (code, said, json) = import(&[path]).await;
    assert_eq!(code, 1);
    assert!(said.contains("cut: line 5: "), "{said}");
    assert!(said.contains("the history ends early"), "{said}");
    assert_eq!(json["nodes"][0]["edges"], 1);
    assert_eq!(json["nodes"][0]["read_at"], "2026-11-21T15:10:00Z");
    let losses = json["nodes"][0]["losses"].as_array().unwrap();
    assert!(
        losses.iter().any(|one| one["reason"] == "unreadable_line"),
        "{losses:?}"
    );
    assert_eq!(json["missing"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_no_history_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let into = written(directory.path(), "into", &file("a", "s", 10));
    let other = written(directory.path(), "other", "kind: Pod\n");
    let newer = file("a", "s", 20).replace("\"major\":1", "\"major\":9");
    let newer = written(directory.path(), "newer", &newer);
    let nowhere = directory.path().join("nowhere");
    let empty = written(directory.path(), "empty", "");
    for (path, word) in [
        (&other, "not a history file"),
        (&newer, "version 9"),
        (&nowhere, "No such file"),
        (&empty, "it is empty"),
    ] {
        let paths = [path, &into].map(|path| path.to_str().unwrap());
        let (code, said, _) = import(&[paths[0], "--into", paths[1]]).await;
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(paths[0]) && said.contains(word), "{said}");
    }
    assert_eq!(fs::read_to_string(&into).unwrap(), file("a", "s", 10));
    let below = format!("{}/x", into.display());
    let (code, said, _) = import(&[into.to_str().unwrap(), "--into", &below]).await;
    assert_eq!(code, 2);
    assert!(said.contains(&below), "{said}");
}

#[tokio::test]
async fn an_export_holds_all_nodes_and_names_those_that_are_missing() {
    let mut items = lines("a", &file("a", "s", 10));
    items.extend(lines("b", &file("b", "s", 20)));
    items.push(ReadHistoryResponse {
        node: "c".into(),
        item: Some(Item::Missing("its agent is silent".into())),
    });
    let server = Server::playing(Script::new(Play::default()).remembering(items));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.jsonl.gz");
    let path = path.to_str().unwrap();
    let arguments = ["export", "-o", path, "--since", "2026-03-01T09:30:00Z"];
    let output = server.flows(&arguments).output().await.unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("flows: warning: no history of c: its agent is silent"),
        "{said}"
    );
    assert!(said.contains("2 nodes, 2 edges"), "{said}");
    assert_eq!(server.script.since().unwrap().seconds, 1_772_357_400);
    let (code, _, json) = import(&[path]).await;
    assert_eq!(code, 0);
    assert_eq!(json["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(json["missing"][0]["node"], "c");

    let nowhere = directory.path().join("nowhere/out.jsonl");
    let arguments = ["export", "-o", nowhere.to_str().unwrap()];
    let output = server.flows(&arguments).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let expected = format!(
        "flows: cannot write: {}: No such file or directory (os error 2)\n",
        nowhere.display()
    );
    assert_eq!(text(&output.stderr), expected);

    let output = server.flows(&["export", "-o", "-"]).output().await.unwrap();
    assert!(text(&output.stdout).starts_with("{\"header\":"));
    assert!(text(&output.stdout).trim_end().ends_with("\"lines\":8}}"));
}

#[tokio::test]
async fn where_nothing_is_remembered_nothing_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = written(directory.path(), "out.jsonl", "as it was");
    let nothing = Script::new(Play::default());
    let missing = ReadHistoryResponse {
        node: "c".into(),
        item: Some(Item::Missing("silent".into())),
    };
    let all_missing = Script::new(Play::default()).remembering(vec![missing]);
    for (script, word) in [
        (nothing, "this agent remembers no traffic"),
        (all_missing, "no node remembers anything"),
    ] {
        let server = Server::playing(script);
        let arguments = ["export", "-o", path.to_str().unwrap()];
        let output = server.flows(&arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            text(&output.stderr).contains(word),
            "{}",
            text(&output.stderr)
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "as it was");
    }
}

/// A history of commands that say what is in it is had from the server too.
#[tokio::test]
async fn without_a_file_the_server_is_asked() {
    let script = Script::new(Play::default()).remembering(lines("a", &file("a", "s", 10)));
    let server = Server::playing(script);
    let output = server
        .flows(&["drift", "-o", "json"])
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut nowhere = flows(&["--server", "unix:///nonexistent/agent.sock", "drift"]);
    let output = nowhere.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "1 is an answer of drift");
}
