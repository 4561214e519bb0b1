//! One question: its answer in JSON and by exit code, and what is wrong with it.

use std::process::Stdio;

use crate::{eval, eval_text, flows, world};

#[test]
fn allowed_by_a_rule() {
    let asked = [
        "--from",
        "prod/web[Deployment]",
        "--to",
        "prod/db-0",
        "--port",
        "sql",
        "-o",
        "json",
    ];
    let ended = eval(&asked, b"");
    assert_eq!(
        ended.stdout,
        concat!(
            r#"{"from":"prod/web[Deployment]","to":"prod/db-0","protocol":"TCP","port":"sql","allowed":true,"#,
            r#""egress":{"allowed":true,"decided_by":"default","rules":[],"#,
            r#""path":[{"tier":"admin","outcome":"no_match"},{"tier":"network_policy","outcome":"not_selected"},"#,
            r#"{"tier":"baseline","outcome":"not_selected"}]},"#,
            r#""ingress":{"allowed":true,"decided_by":"policy","rules":[{"kind":"NetworkPolicy","namespace":"prod","#,
            r#""name":"db","direction":"ingress","rule":0,"peer":0,"port":0}],"#,
            r#""path":[{"tier":"admin","outcome":"not_selected"},{"tier":"network_policy","outcome":"allowed"}]},"#,
            r#""caveats":[]}"#,
            "\n"
        )
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn denied_by_isolation_with_the_nearest_rule() {
    let asked = [
        "--from",
        "203.0.113.7",
        "--to",
        "prod/db-0",
        "--port",
        "5432",
        "-o",
        "json",
    ];
    let ended = eval(&asked, b"");
    assert_eq!(
        ended.stdout,
        concat!(
            r#"{"from":"203.0.113.7","to":"prod/db-0","protocol":"TCP","port":5432,"allowed":false,"#,
            r#""egress":{"allowed":true,"decided_by":"default","rules":[]},"#,
            r#""ingress":{"allowed":false,"decided_by":"policy","rules":[],"#,
            r#""denied_by":[{"kind":"NetworkPolicy","namespace":"prod","name":"db","reason":"peer_not_selected","#,
            r#""nearest":{"rule":0,"peer":0,"port":0,"wants":["a pod app=web of namespace prod"]}}],"#,
            r#""path":[{"tier":"admin","outcome":"not_selected"},{"tier":"network_policy","outcome":"denied"}]},"#,
            r#""caveats":[]}"#,
            "\n"
        )
    );
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
}

#[test]
fn denied_by_a_rule_of_a_tier() {
    let asked = [
        "--from",
        "prod/db-0",
        "--to",
        "169.254.169.254",
        "--port",
        "80",
        "-o",
        "json",
    ];
    let ended = eval(&asked, b"");
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        answer["egress"],
        serde_json::json!({
            "allowed": false,
            "decided_by": "policy",
            "rules": [{
                "kind": "ClusterNetworkPolicy", "namespace": "", "name": "no-metadata",
                "direction": "egress", "rule": 0, "peer": 0, "port": null,
            }],
            "denied_by": [{
                "kind": "ClusterNetworkPolicy", "namespace": "", "name": "no-metadata",
                "reason": "explicit_deny", "nearest": null,
            }],
            "path": [{"tier": "admin", "outcome": "denied"}],
        })
    );
    assert_eq!(ended.code, Some(1));
}

#[test]
fn what_cannot_be_decided_is_null_and_says_why() {
    let asked = [
        "--from",
        "prod/web[Deployment]",
        "--to",
        "prod/db-0",
        "--protocol",
        "icmp",
        "-o",
        "json",
    ];
    let ended = eval(&asked, b"");
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(answer["protocol"], "ICMP");
    assert_eq!(answer["port"], serde_json::Value::Null);
    assert_eq!(answer["allowed"], serde_json::Value::Null);
    assert_eq!(answer["egress"]["allowed"], true);
    assert_eq!(answer["ingress"]["allowed"], serde_json::Value::Null);
    assert_eq!(answer["caveats"], serde_json::json!(["protocol-undefined"]));
    assert_eq!(ended.code, Some(3));
}

#[test]
fn every_kind_of_end_can_be_asked() {
    for (from, to, port, code) in [
        ("prod/web[Deployment]", "prod/db[Service]", "15432", 0),
        ("prod/web[Deployment]", "prod/db[Service]", "sql", 0),
        ("prod/web[deployment]", "10.96.0.5", "15432", 0),
        ("prod/web[Deployment]", "10.1.0.5", "5432", 0),
        ("prod/web[Deployment]", "prod/db-0[Pod]", "5433", 1),
        ("node/n1", "prod/db-0", "5432", 0),
        ("192.168.0.1", "prod/db-0", "5432", 0),
        ("192.168.0.2", "prod/db-0", "5432", 1),
        ("2001:db8::7", "prod/web[Deployment]", "8080", 1),
        ("prod/web[Deployment]", "10.96.0.5", "1", 3),
    ] {
        let ended = eval(&["--from", from, "--to", to, "--port", port], b"");
        assert_eq!(ended.code, Some(code), "{from} > {to} {port}: {ended:?}");
        assert!(!ended.stdout.is_empty());
    }
}

#[test]
fn what_is_wrong_is_said_and_nothing_else() {
    for (asked, message) in [
        (
            &["--from", "web", "--to", "prod/db-0"][..],
            "flows: --from: expected NAMESPACE/POD, NAMESPACE/NAME[KIND], node/NAME or an IP address, found \"web\"\n",
        ),
        (
            &["--from", "prod/web", "--to", "prod/db-0"],
            "flows: no pod prod/web; there is prod/web[Deployment]\n",
        ),
        (
            &[
                "--from",
                "prod/db-0",
                "--to",
                "prod/web[Deployment]",
                "--port",
                "htp",
            ],
            "flows: pod prod/web[Deployment] has no TCP port htp; there is http (TCP 8080)\n",
        ),
        (
            &["--from", "prod/db-0", "--to", "prod/db-0", "--port", "0"],
            "flows: --port: expected a port from 1 to 65535 or its name, found \"0\"\n",
        ),
        (
            &[
                "--from",
                "prod/db-0",
                "--to",
                "prod/db-0",
                "--protocol",
                "http",
            ],
            "flows: --protocol: expected TCP, UDP, SCTP, ICMP, ICMPv6 or a number up to 255 as protocol, found \"http\"\n",
        ),
        (
            &[
                "--from",
                "prod/db-0",
                "--to",
                "prod/db-0",
                "--protocol",
                "ICMP",
                "--port",
                "8",
            ],
            "flows: ICMP has no ports that policies know\n",
        ),
        (
            &["--requests", "-", "-o", "text"],
            "flows: --requests: the answers are JSON, one a line\n",
        ),
        (
            &["--requests", "/nowhere"],
            "flows: --requests /nowhere: No such file or directory (os error 2)\n",
        ),
    ] {
        let ended = eval(asked, b"");
        assert_eq!(ended.stderr, message);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""));
    }
}

#[test]
fn a_question_needs_both_ends_or_a_file_of_requests() {
    for asked in [
        &["--from", "prod/db-0"][..],
        &["--to", "prod/db-0"],
        &[],
        &["--requests", "-", "--from", "prod/db-0"],
        &["--requests", "-", "--port", "80"],
    ] {
        let ended = eval(asked, b"");
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{asked:?}"
        );
    }
}

#[test]
fn pods_of_a_workload_that_differ_leave_it_undecided() {
    let pod = |name: &str, tier: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: prod, labels: {{tier: {tier}}}, \
             ownerReferences: [{{apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: u, controller: true}}]}}}}\n---\n"
        )
    };
    let policy = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: prod}, \
                  spec: {podSelector: {matchLabels: {tier: old}}}}";
    let manifests = pod("agent-a", "old") + &pod("agent-b", "new") + policy;
    let asked = [
        "--from",
        "203.0.113.7",
        "--to",
        "prod/agent[DaemonSet]",
        "--port",
        "80",
        "-o",
        "json",
    ];
    let ended = eval_text(&manifests, &asked);
    let answer: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(answer["allowed"], serde_json::Value::Null);
    assert_eq!(answer["ingress"]["decided_by"], "unknown");
    assert_eq!(answer["caveats"], serde_json::json!(["pods-differ"]));
    assert_eq!(
        answer["connections"],
        serde_json::json!([
            {"from": "203.0.113.7", "from_address": "203.0.113.7", "to": "prod/agent-a", "allowed": false},
            {"from": "203.0.113.7", "from_address": "203.0.113.7", "to": "prod/agent-b", "allowed": true},
        ])
    );
    assert_eq!(ended.code, Some(3));
}

#[test]
fn the_exit_code_stands_where_nobody_reads_the_answer() {
    let mut command = flows(&[
        "eval",
        "--from",
        "203.0.113.7",
        "--to",
        "prod/db-0",
        "--manifests",
    ]);
    let piped = command
        .arg(world())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(
        (ended.status.code(), ended.stderr.as_slice()),
        (Some(1), &b""[..])
    );
}
