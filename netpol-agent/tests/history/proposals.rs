//! Changes that are tried on what was seen, and policies that are made from it.

use netpol_testkit::firewall;
use netpol_testkit::traffic::Outcome;
use serde_json::Value;

use crate::stage::{Stage, ask, can_run, export, flows, settled};

/// Lets nobody but `ops` into `data`.
const PROPOSED: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ops-only, namespace: data}
spec:
  podSelector: {}
  ingress:
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}}]
";

/// What a network plugin makes of policies by which `ci/build` reaches `data/db` at 5432, `ops/probe` reaches `data/cache` at
/// 9090, and nobody else anything in `data`.
const FIREWALL: &str = "table inet t { chain c { type filter hook forward priority 0; \
     ct state established accept; \
     ip saddr 10.244.12.10 ip daddr 10.244.12.20 tcp dport 5432 accept; \
     ip saddr 10.244.12.11 ip daddr 10.244.12.30 tcp dport 9090 accept; \
     ip daddr { 10.244.12.20, 10.244.12.30 } drop; }; }";

#[test]
fn what_a_proposed_policy_would_cut_off_fails_the_gate() {
    if !can_run() {
        return;
    }
    let stage = Stage::new("");
    let agent = stage.agent(&[]);
    stage.talk("ci/build", "data/db", 5432, 4);
    stage.talk("ops/probe", "data/cache", 9090, 2);
    assert_eq!(stage.wait_for_connections(&agent, 5432, 4), 4);
    assert_eq!(stage.wait_for_connections(&agent, 9090, 2), 2);
    let (history, proposed) = (stage.path("seen.jsonl.gz"), stage.path("proposed.yaml"));
    export(&agent, &history);
    std::fs::write(&proposed, PROPOSED).unwrap();
    let [history, proposed] = [&history, &proposed].map(|path| path.to_str().unwrap());
    let replay = |gate: &str| {
        let arguments = [
            "replay",
            "--min-window",
            "0s",
            "--history",
            history,
            "--manifests",
            proposed,
        ];
        flows(&[&arguments[..], &["--fail-on", gate, "-o", "json"]].concat())
    };
    let (code, said) = replay("newly-denied");
    assert_eq!(code, Some(1), "{said}");
    let mut values = serde_json::Deserializer::from_str(&said).into_iter::<Value>();
    let answer = values.next().unwrap().unwrap();
    let denied: Vec<&Value> = answer["traffic"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["change"] == "newly-denied")
        .collect();
    assert_eq!(denied.len(), 1, "{answer:#}");
    assert_eq!(
        (&denied[0]["port"], &denied[0]["connections"]),
        (&5432.into(), &4.into())
    );
    let (code, said) = replay("newly-allowed");
    assert_eq!(code, Some(0), "{said}");
    agent.stop().unwrap();
}

#[test]
fn suggested_policies_enforced_let_the_same_traffic_through_and_nothing_else() {
    if !can_run() {
        return;
    }
    let stage = Stage::new("");
    let agent = stage.agent(&[]);
    stage.talk("ci/build", "data/db", 5432, 3);
    stage.talk("ops/probe", "data/cache", 9090, 3);
    assert_eq!(stage.wait_for_connections(&agent, 5432, 3), 3);
    assert_eq!(stage.wait_for_connections(&agent, 9090, 3), 3);
    let history = stage.path("seen.jsonl");
    export(&agent, &history);
    let suggest = [
        "suggest",
        "-n",
        "data",
        "--direction",
        "ingress",
        "--history",
    ];
    let arguments = [
        &suggest[..],
        &[history.to_str().unwrap(), "--min-window", "1s"],
    ]
    .concat();
    let (code, yaml) = flows(&arguments);
    assert_eq!(code, Some(0), "{yaml}");
    agent.stop().unwrap();

    // In force from now on, and enforced by hand.
    let policies = stage.path("manifests/policies.yaml");
    let only_yaml: Vec<&str> = yaml
        .lines()
        .filter(|line| !line.starts_with("flows:"))
        .collect();
    std::fs::write(&policies, only_yaml.join("\n")).unwrap();
    firewall::nft(stage.scene.cluster.node(), FIREWALL).unwrap();
    std::fs::remove_dir_all(stage.store()).unwrap();
    let agent = stage.agent(&[]);
    for (from, to, port, expected) in [
        ("ci/build", "data/db", 5432, Outcome::Answered),
        ("ops/probe", "data/cache", 9090, Outcome::Answered),
        ("ci/build", "data/cache", 5432, Outcome::TimedOut),
        ("ci/build", "data/db", 9090, Outcome::TimedOut),
        ("ops/probe", "data/db", 5432, Outcome::TimedOut),
    ] {
        assert_eq!(
            stage.connect(from, to, port),
            expected,
            "{from} {to} {port}"
        );
    }
    // What policies say and what was seen agree: the firewall is what they mean.
    let drift = settled(
        || ask(&agent, &["drift"]),
        |drift| drift["coverage"]["compared"] == 5,
    );
    assert_eq!(drift["coverage"]["compared"], 5, "{drift:#}\n{yaml}");
    assert_eq!(
        drift["findings"],
        serde_json::json!([]),
        "{drift:#}\n{yaml}"
    );
    assert_eq!(drift["nodes"][0]["stopped"], 3, "{drift:#}");
    agent.stop().unwrap();
}
