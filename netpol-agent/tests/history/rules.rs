//! Rules that traffic needs, and rules that it does not.

use serde_json::json;

use crate::stage::{PATIENCE, Stage, ask, can_run, entry, settled};

/// The rules of `guard`: used; idle, since nobody comes; shadowed by the one before; of a pod that is not there. And a policy
/// of no pod.
pub(crate) const POLICIES: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: guard, namespace: data}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress:
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ci}}}]
      ports: [{port: 5432}]
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}}]
      ports: [{port: 9090, endPort: 9099}]
    - from:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}
          podSelector: {matchLabels: {app: probe}}
      ports: [{port: 9090}]
    - from: [{podSelector: {matchLabels: {app: ghost}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: orphan, namespace: data}
spec:
  podSelector: {matchLabels: {app: nobody}}
  ingress: [{}]
";

/// Shorter than any test.
pub(crate) const UNUSED: [&str; 4] = ["unused", "--min-window", "1s", "--status=all"];

#[test]
fn used_idle_shadowed_and_dangling_are_told_apart() {
    if !can_run() {
        return;
    }
    let stage = Stage::new(POLICIES);
    let agent = stage.agent(&[]);
    stage.talk("ci/build", "data/db", 5432, 3);
    let report = settled(
        || ask(&agent, &UNUSED),
        |report| {
            entry(report, "guard", 0)["hits"] == 3
                && entry(report, "guard", 1)["status"] != "insufficient_evidence"
        },
    );
    let statuses: Vec<_> = (0..4)
        .map(|rule| entry(&report, "guard", rule)["status"].clone())
        .collect();
    assert_eq!(
        statuses,
        ["used", "idle", "shadowed", "dangling_peer"],
        "{report:#}\n{}",
        agent.log()
    );
    let used = entry(&report, "guard", 0);
    assert_eq!((&used["hits"], &used["sole"]), (&json!(3), &json!(3)));
    assert_eq!(used["forwarded"], 3, "{used:#}");
    let shadowed = entry(&report, "guard", 2);
    assert_eq!(shadowed["shadowed_by"][0]["rule"], 1, "{shadowed:#}");
    assert_eq!(entry(&report, "orphan", 0)["status"], "dangling_subject");

    // Where nobody watched for as long as asked, nothing is called unused.
    let report = ask(&agent, &["unused", "--status=all"]);
    let idle = entry(&report, "guard", 1);
    assert_eq!(idle["status"], "insufficient_evidence", "{idle:#}");
    assert_eq!(idle["if_evidence_held"], "idle", "{idle:#}");

    // What was idle is used once somebody comes: also by another rule, which is shadowed all the same.
    stage.talk("ops/probe", "data/db", 9090, 1);
    let report = settled(
        || ask(&agent, &UNUSED),
        |report| entry(report, "guard", 1)["hits"] == 1,
    );
    let former = entry(&report, "guard", 1);
    assert_eq!(former["hits"], 1, "after {PATIENCE:?}: {former:#}");
    assert_ne!(former["status"], "idle", "{former:#}");
    agent.stop().unwrap();
}

#[test]
fn a_policy_that_changed_starts_its_window_anew() {
    if !can_run() {
        return;
    }
    let stage = Stage::new(POLICIES);
    let agent = stage.agent(&[]);
    stage.talk("ci/build", "data/db", 5432, 2);
    assert_eq!(stage.wait_for_connections(&agent, 5432, 2), 2);
    stage.tell(&POLICIES.replace("port: 9090", "port: 9091"));
    let report = settled(
        || ask(&agent, &UNUSED),
        |report| entry(report, "guard", 0)["hits"] == 0,
    );
    assert_eq!(entry(&report, "guard", 0)["hits"], 0, "{report:#}");
    stage.talk("ci/build", "data/db", 5432, 1);
    let report = settled(
        || ask(&agent, &UNUSED),
        |report| entry(report, "guard", 0)["hits"] == 1,
    );
    assert_eq!(entry(&report, "guard", 0)["hits"], 1, "{report:#}");
    agent.stop().unwrap();
}
