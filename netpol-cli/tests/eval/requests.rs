//! Many questions: order, errors beside answers, exit codes, pipes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::{eval, flows, world};

fn answers(stdout: &str) -> Vec<Value> {
    stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn answers_come_in_the_order_of_the_requests_and_say_what_one_question_says() {
    let requests = concat!(
        r#"{"id":"2","from":"prod/web[Deployment]","to":"prod/db-0","protocol":"TCP","port":5432}"#,
        "\n",
        r#"{"id":"1","from":"prod/web[Deployment]","to":"prod/db[Service]","port":"sql"}"#,
        "\n\n  \r\n",
        r#"{"id":"3 \"ü\"","from":"203.0.113.7","to":"prod/db-0"}"#,
    );
    let ended = eval(&["--requests", "-"], requests.as_bytes());
    let rule = r#"{"kind":"NetworkPolicy","namespace":"prod","name":"db","direction":"ingress","rule":0,"peer":0,"port":0}"#;
    let allowed = |id: &str| {
        format!(
            "{{\"id\":\"{id}\",\"allowed\":true,\
             \"egress\":{{\"allowed\":true,\"decided_by\":\"default\",\"rules\":[],\
             \"path\":[{{\"tier\":\"admin\",\"outcome\":\"no_match\"}},\
             {{\"tier\":\"network_policy\",\"outcome\":\"not_selected\"}},\
             {{\"tier\":\"baseline\",\"outcome\":\"not_selected\"}}]}},\
             \"ingress\":{{\"allowed\":true,\"decided_by\":\"policy\",\"rules\":[{rule}],\
             \"path\":[{{\"tier\":\"admin\",\"outcome\":\"not_selected\"}},\
             {{\"tier\":\"network_policy\",\"outcome\":\"allowed\"}}]}},\"caveats\":[]}}"
        )
    };
    let lines: Vec<_> = ended.stdout.lines().collect();
    assert_eq!(lines[0], allowed("2"));
    assert_eq!(lines[1], allowed("1"));
    assert!(lines[2].starts_with(r#"{"id":"3 \"ü\"","allowed":false,"egress":{"allowed":true,"#));
    assert_eq!(lines.len(), 3);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn errors_stand_where_their_answers_would() {
    let mut requests = Vec::new();
    for line in [
        &br#"{"id":"a","from":"prod/db-0","to":"prod/web[Deployment]","port":80}"#[..],
        br#"{"id":"b","from":"prod/db","to":"prod/web[Deployment]","port":80}"#,
        br#"nonsense"#,
        br#"{"id":"c","from":"prod/db-0"}"#,
        br#"{"id":"d","from":"prod/db-0","to":"prod/db-0","port":70000}"#,
        b"{\"id\":\"e\",\"from\":\"\xff\"}",
        br#"{"id":"f","from":"prod/db-0","to":"prod/web[Deployment]","protocol":"udp","port":"http"}"#,
        br#"{"from":"prod/db-0","to":"prod/db-0"}"#,
        br#"{"id":"g","from":"prod/db-0","to":"192.168.0.1","protocol":"icmp"}"#,
    ] {
        requests.extend_from_slice(line);
        requests.push(b'\n');
    }
    let ended = eval(&["--requests", "-"], &requests);
    let answers = answers(&ended.stdout);
    assert_eq!(answers[0]["id"], "a");
    assert_eq!(answers[0]["allowed"], false);
    assert_eq!(
        answers[1..8],
        [
            json!({"id": "b", "error": "from: no pod prod/db; there is prod/db[Service]"}),
            json!({"line": 3, "error": "is no JSON: expected ident at column 2"}),
            json!({"id": "c", "error": "to: expected a string, found none"}),
            json!({"id": "d", "error": "expected a port from 1 to 65535 or its name, found \"70000\""}),
            json!({"id": "e", "error": "is no UTF-8 text"}),
            json!({"id": "f", "error": "pod prod/web[Deployment] has no UDP port http; there is http (TCP 8080)"}),
            json!({"line": 8, "error": "id: expected a string, found none"}),
        ]
    );
    assert_eq!(answers[8]["id"], "g");
    assert_eq!(answers[8]["allowed"], true);
    assert_eq!(answers[8]["ingress"]["decided_by"], "default");
    assert_eq!(answers.len(), 9);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), ""));
}

#[test]
fn a_line_that_is_too_long_costs_only_itself() {
    let long = "x".repeat(2 << 20);
    let good = r#"{"id":"b","from":"prod/db-0","to":"prod/db-0","port":80}"#;
    let requests = format!("{{\"id\":\"a\",\"from\":\"{long}\"}}\n{good}\n");
    let ended = eval(&["--requests", "-"], requests.as_bytes());
    let answers = answers(&ended.stdout);
    assert_eq!(
        answers[0],
        json!({"id": "a", "error": "is longer than 1048576 bytes"})
    );
    assert_eq!(answers[1]["id"], "b");
    assert_eq!(answers[1]["egress"]["decided_by"], "self");
    assert_eq!((answers.len(), ended.code), (2, Some(2)));
}

#[test]
fn requests_may_stand_in_a_file_and_there_may_be_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("requests.jsonl");
    std::fs::write(&path, "\n").unwrap();
    let ended = eval(&["--requests", path.to_str().unwrap(), "-o", "json"], b"");
    assert_eq!(
        (ended.code, ended.stdout.as_str(), ended.stderr.as_str()),
        (Some(0), "", "")
    );
}

#[test]
fn who_waits_for_an_answer_before_asking_again_gets_it() {
    let mut command = flows(&["eval", "--requests", "-", "--manifests"]);
    let piped = command
        .arg(world())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    for id in ["a", "b"] {
        let request = json!({"id": id, "from": "prod/db-0", "to": "192.0.2.1"});
        writeln!(to, "{request}").unwrap();
        let mut answer = String::new();
        from.read_line(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("{{\"id\":\"{id}\",\"allowed\":true")),
            "{answer}"
        );
    }
    drop(to);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut command = flows(&["eval", "--requests", "-", "--manifests"]);
    let piped = command
        .arg(world())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    drop(child.stdout.take());
    let request = json!({"id": "a", "from": "prod/db-0", "to": "192.0.2.1"});
    // It may have ended before all is written.
    let _ = writeln!(to, "{request}");
    drop(to);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(
        (ended.status.code(), ended.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}
