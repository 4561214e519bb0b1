//! Policies change on disk, and break, while the agent runs.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/scene.rs"]
mod scene;

use std::time::{Duration, Instant};

use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{AgentProcess, FlowsCommand, PodSpec};
use scene::Scene;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// Nobody may enter `data`, but for those that a `from` names.
fn policy(from: &str) -> String {
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {{name: guard, namespace: data}}\n\
         spec:\n  podSelector: {{}}\n  policyTypes: [Ingress]\n  ingress: [{from}]\n"
    )
}

fn scene() -> Scene {
    Scene::new([
        PodSpec::new("ci/build", [10, 244, 5, 10].into()),
        PodSpec::new("data/db", [10, 244, 5, 20].into()),
    ])
}

/// Writes a manifest in one step, and waits until the agent has taken it in.
fn write(scene: &Scene, agent: &AgentProcess, text: &str) -> Value {
    let generation = status(agent)["inventory"]["generation"].as_u64().unwrap();
    let manifests = scene.directory.path().join("manifests");
    let draft = manifests.join(".policy.draft");
    std::fs::write(&draft, text).unwrap();
    std::fs::rename(draft, manifests.join("policy.yaml")).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(agent);
        if status["inventory"]["generation"].as_u64().unwrap() > generation {
            return status["inventory"].clone();
        }
        assert!(Instant::now() < deadline, "{status:#}\n{}", agent.log());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn status(agent: &AgentProcess) -> Value {
    let text = FlowsCommand::against(agent)
        .text(["status", "-o", "json"])
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Connects from `ci/build` to `data/db`; what the agent computes for it.
fn computed(scene: &Scene, agent: &AgentProcess, port: u16) -> Value {
    let [build, db] = ["ci/build", "data/db"].map(|pod| scene.cluster.pod(pod));
    let attempt = TcpAttempt::to(db.at(5432)).from_port(port);
    assert_eq!(
        attempt.exchange_from(build.netns(), b"hello").unwrap(),
        Outcome::Answered
    );
    let flows = FlowsCommand::against(agent);
    let found = flows
        .wait_for(&["--from-port", &port.to_string()], PATIENCE, |_| true)
        .unwrap();
    let flow = found.unwrap_or_else(|| panic!("no flow from {port}: {}", agent.log()));
    // Nobody enforces these policies here: what was seen stays what was seen.
    assert_eq!(flow["observed"]["verdict"], "forwarded", "{flow:#}");
    flow
}

#[test]
fn policy_change_holds_from_the_next_connection_on() {
    if !require_root() {
        return;
    }
    let scene = scene();
    let db = scene.cluster.pod("data/db");
    let _server = TcpServer::start(db.netns(), db.at(5432)).unwrap();
    let agent = scene.agent(&["--grace", "600"]);
    let flow = computed(&scene, &agent, 43_001);
    assert_eq!(flow["computed"]["verdict"], "allowed", "{flow:#}");
    assert_eq!(
        flow["computed"]["ingress"]["decided_by"], "default",
        "{flow:#}"
    );

    let begun = Instant::now();
    write(&scene, &agent, &policy(""));
    let flow = computed(&scene, &agent, 43_002);
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");
    assert_eq!(
        flow["computed"]["ingress"]["denied_by"][0]["policy"]["name"], "guard",
        "{flow:#}"
    );
    assert_eq!(flow["agreement"], "denied_but_forwarded", "{flow:#}");
    let changed = flow["computed"]["changed_before_seconds"].as_f64();
    let longest = begun.elapsed().as_secs_f64();
    assert!(
        changed.is_some_and(|seconds| (0.0..longest).contains(&seconds)),
        "{longest} {flow:#}"
    );

    let team = "{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ci}}}]}";
    write(&scene, &agent, &policy(team));
    let flow = computed(&scene, &agent, 43_003);
    assert_eq!(flow["computed"]["verdict"], "allowed", "{flow:#}");
    assert_eq!(
        flow["computed"]["ingress"]["allowed_by"][0]["policy"]["name"], "guard",
        "{flow:#}"
    );
    // What was judged before stays as it was judged.
    let old = FlowsCommand::against(&agent)
        .list(["--from-port", "43002"])
        .unwrap();
    assert_eq!(
        old.last().unwrap()["computed"]["verdict"],
        "denied",
        "{old:#?}"
    );
    agent.stop().unwrap();
}

#[test]
fn change_before_the_grace_is_not_told() {
    if !require_root() {
        return;
    }
    let scene = scene();
    let db = scene.cluster.pod("data/db");
    let _server = TcpServer::start(db.netns(), db.at(5432)).unwrap();
    let agent = scene.agent(&["--grace", "0.5"]);
    let assert_told = |port, verdict| {
        // Longer than the grace.
        std::thread::sleep(Duration::from_millis(600));
        let flow = computed(&scene, &agent, port);
        assert_eq!(flow["computed"]["verdict"], verdict, "{flow:#}");
        assert!(
            flow["computed"]["changed_before_seconds"].is_null(),
            "{flow:#}"
        );
    };
    assert_told(43_101, "allowed");
    write(&scene, &agent, &policy(""));
    assert_told(43_102, "denied");
    agent.stop().unwrap();
}

#[test]
fn broken_manifest_is_reported_and_the_rest_stays_in_force() {
    if !require_root() {
        return;
    }
    let scene = scene();
    let db = scene.cluster.pod("data/db");
    let _server = TcpServer::start(db.netns(), db.at(5432)).unwrap();
    let agent = scene.agent(&[]);
    let broken = "{from: [{ipBlock: {cidr: 10.0.0.0/99}}]}";
    let broken = policy(broken).replace("guard", "broken");
    let inventory = write(&scene, &agent, &format!("{}---\n{broken}", policy("")));
    let errors = inventory["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{inventory:#}");
    let error = &errors[0];
    assert!(
        error["file"].as_str().unwrap().ends_with("policy.yaml"),
        "{error:#}"
    );
    assert_eq!(error["document"], 2, "{error:#}");
    assert_eq!(
        error["field"], "spec.ingress[0].from[0].ipBlock.cidr",
        "{error:#}"
    );
    assert!(
        error["object"].as_str().unwrap().contains("data/broken"),
        "{error:#}"
    );
    assert!(
        error["message"].as_str().unwrap().contains("10.0.0.0/99"),
        "{error:#}"
    );
    assert_eq!(inventory["pods"], 2, "{inventory:#}");
    let flow = computed(&scene, &agent, 44_001);
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");
    assert_eq!(flow["source"]["pod"], "build", "{flow:#}");

    let mended = write(&scene, &agent, &policy(""));
    assert_eq!(mended["errors"], Value::Array(Vec::new()), "{mended:#}");
    agent.stop().unwrap();
}
