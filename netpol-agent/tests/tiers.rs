//! Policies of the Admin tier, enforced by hand and judged by the agent.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/scene.rs"]
mod scene;

use std::time::Duration;

use netpol_testkit::requirement::{Requirement, require};
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{AgentProcess, FlowsCommand, PodSpec, firewall};
use scene::Scene;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);

/// `data` is isolated by a NetworkPolicy that admits `ci`. Before it is asked, the Admin tier denies `ci` and lets `ops` in.
const POLICIES: &str = r#"
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard-data}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: data}}}
  ingress:
    - action: Accept
      from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: ops}}}]
    - action: Deny
      from:
        - namespaces: {matchLabels: {kubernetes.io/metadata.name: nobody}}
        - namespaces: {matchLabels: {kubernetes.io/metadata.name: ci}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ci-only, namespace: data}
spec:
  podSelector: {}
  ingress:
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ci}}}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: another, namespace: data}
"#;

/// Pods on a node whose firewall lets nothing from `ci` into `data`, and an agent that knows the policies.
fn scene() -> (Scene, AgentProcess) {
    let scene = Scene::new([
        PodSpec::new("ci/build", [10, 244, 6, 10].into()),
        PodSpec::new("ops/probe", [10, 244, 6, 11].into()),
        PodSpec::new("data/db", [10, 244, 6, 20].into()),
    ]);
    firewall::nft(
        scene.cluster.node(),
        "table inet t { chain c { type filter hook forward priority 0; \
         ip saddr 10.244.6.10 ip daddr 10.244.6.20 counter drop; }; }",
    )
    .unwrap();
    let policies = scene.directory.path().join("manifests/policies.yaml");
    std::fs::write(policies, POLICIES).unwrap();
    let agent = scene.agent(&["--dialect", "cilium"]);
    (scene, agent)
}

fn can_run() -> bool {
    let programs = ["ip", "nft"].map(Requirement::Command);
    require(&[&[Requirement::Root], programs.as_slice()].concat())
}

/// Connects to `data/db` with this outcome, and returns what the agent says of it.
fn connect(scene: &Scene, agent: &AgentProcess, from: &str, port: u16, expected: Outcome) -> Value {
    let db = scene.cluster.pod("data/db");
    let attempt = TcpAttempt::to(db.at(5432)).from_port(port);
    let attempt = match expected {
        Outcome::TimedOut => attempt.timeout(Duration::from_millis(500)),
        _ => attempt,
    };
    let netns = scene.cluster.pod(from).netns();
    let outcome = attempt.exchange_from(netns, b"hello").unwrap();
    assert_eq!(outcome, expected);
    let flow = FlowsCommand::against(agent)
        .wait_for(&["--from-port", &port.to_string()], PATIENCE, |_| true)
        .unwrap();
    flow.unwrap_or_else(|| panic!("no flow from {port}: {}", agent.log()))
}

#[test]
fn admin_tier_denies_and_accepts_before_network_policy_is_asked() {
    if !can_run() {
        return;
    }
    let (scene, agent) = scene();
    let db = scene.cluster.pod("data/db");
    let _server = TcpServer::start(db.netns(), db.at(5432)).unwrap();

    let flow = connect(&scene, &agent, "ci/build", 45_001, Outcome::TimedOut);
    assert_eq!(flow["observed"]["verdict"], "dropped", "{flow:#}");
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");
    assert_eq!(flow["agreement"], "agree", "{flow:#}");
    let policy = json!({"kind": "ClusterNetworkPolicy", "name": "guard-data"});
    let rule = json!({"policy": policy, "direction": "ingress", "rule": 1, "peer": 1});
    assert_eq!(
        flow["computed"]["ingress"],
        json!({
            "verdict": "denied",
            "decided_by": "policy",
            "denied_by": [{"policy": policy, "reason": "explicit_deny", "rules": [rule]}],
            "path": [{"tier": "admin", "outcome": "denied"}],
        }),
        "{flow:#}"
    );
    assert_eq!(
        flow["summary"],
        "ClusterNetworkPolicy guard-data (Admin tier): ingress[1].from[1] denies ci/build"
    );

    let flow = connect(&scene, &agent, "ops/probe", 45_002, Outcome::Answered);
    assert_eq!(flow["observed"]["verdict"], "forwarded", "{flow:#}");
    assert_eq!(flow["computed"]["verdict"], "allowed", "{flow:#}");
    assert_eq!(flow["agreement"], "agree", "{flow:#}");
    let ingress = &flow["computed"]["ingress"];
    assert_eq!(
        ingress["path"],
        json!([{"tier": "admin", "outcome": "allowed"}])
    );
    assert_eq!(ingress["allowed_by"][0]["policy"], policy, "{flow:#}");
    assert_eq!(ingress["allowed_by"][0]["rule"], 0, "{flow:#}");

    let flows = FlowsCommand::against(&agent);
    assert_eq!(
        flows
            .list(["--policy", "guard-data", "--blocked"])
            .unwrap()
            .len(),
        1
    );
    assert_eq!(flows.list(["--policy", "ci-only"]).unwrap().len(), 0);
    let line = flows.text(["list", "--blocked"]).unwrap();
    assert!(
        line.contains("✗ BLOCKED")
            && line.contains("ci/build         → data/db:5432")
            && line.contains("guard-data (Admin tier)"),
        "{line}"
    );
    agent.stop().unwrap();
}

#[test]
fn status_tells_policies_by_kind_and_those_that_are_not_evaluated() {
    if !can_run() {
        return;
    }
    let (_scene, agent) = scene();
    let status = FlowsCommand::against(&agent).text(["status"]).unwrap();
    for line in [
        "  policies 1 NetworkPolicy, 1 ClusterNetworkPolicy",
        "  dialect  cilium",
        "  ! 1 CiliumNetworkPolicy of cilium.io/v2 is not evaluated: it may change what is allowed",
    ] {
        assert!(status.lines().any(|one| one == line), "{line}\n{status}");
    }
    assert_eq!(
        agent
            .log()
            .matches("policies that are not evaluated")
            .count(),
        1
    );
    agent.stop().unwrap();
}
