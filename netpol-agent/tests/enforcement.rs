//! A node on which nothing enforces policies says so, until something does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/scene.rs"]
mod scene;

use std::time::{Duration, Instant};

use figures::{HTTP, get, wait_for_figure};
use netpol_testkit::requirement::{Requirement, require};
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{AgentProcess, FlowsCommand, PodSpec, firewall};
use scene::Scene;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
const WARNING: &str = "this node seems to enforce no network policy";

/// Nobody may enter `data`.
const POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: data}
spec: {podSelector: {}, policyTypes: [Ingress]}
";

/// What a network plugin would make of the policy, but for `data/cache` from the port 40000.
const FIREWALL: &str = "table inet t { chain c { type filter hook forward priority 0; \
     ct state established accept; \
     ip daddr 10.244.6.30 tcp sport 40000 accept; \
     ip daddr { 10.244.6.20, 10.244.6.30 } drop; }; }";

fn can_run() -> bool {
    let programs = ["ip", "nft"].map(Requirement::Command);
    require(&[&[Requirement::Root], programs.as_slice()].concat())
}

fn scene() -> Scene {
    let scene = Scene::new([
        PodSpec::new("ci/build", [10, 244, 6, 10].into()),
        PodSpec::new("data/db", [10, 244, 6, 20].into()),
        PodSpec::new("data/cache", [10, 244, 6, 30].into()),
    ]);
    let policies = scene.directory.path().join("manifests/policies.yaml");
    std::fs::write(policies, POLICY).unwrap();
    scene
}

/// Without a grace window, so that what begins at once after the start counts.
fn start(scene: &Scene) -> AgentProcess {
    let history = scene.directory.path().join("history");
    let history = history.to_str().unwrap();
    scene.agent(&["--grace", "0", "--http-listen", HTTP, "--history", history])
}

fn servers(scene: &Scene) -> Vec<TcpServer> {
    ["data/db", "data/cache"]
        .map(|name| {
            let pod = scene.cluster.pod(name);
            TcpServer::start(pod.netns(), pod.at(5432)).unwrap()
        })
        .into()
}

/// Connects from `ci/build`, and waits until the agent has told of it.
fn connect(scene: &Scene, agent: &AgentProcess, to: &str, port: u16, expected: Outcome) {
    let attempt = TcpAttempt::to(scene.cluster.pod(to).at(5432))
        .from_port(port)
        .timeout(Duration::from_millis(500));
    let build = scene.cluster.pod("ci/build").netns();
    assert_eq!(attempt.exchange_from(build, b"hello").unwrap(), expected);
    let told = FlowsCommand::against(agent)
        .wait_for(&["--from-port", &port.to_string()], PATIENCE, |_| true)
        .unwrap();
    let flow = told.unwrap_or_else(|| panic!("no flow from {port}: {}", agent.log()));
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");
}

fn flows(agent: &AgentProcess, arguments: &[&str]) -> Value {
    let all = arguments.iter().copied().chain(["-o", "json"]);
    let text = FlowsCommand::against(agent).text(all).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn warnings(agent: &AgentProcess) -> Vec<String> {
    let status = flows(agent, &["status"]);
    let warnings = status["warnings"].as_array().into_iter().flatten();
    warnings
        .map(|warning| warning.as_str().unwrap().to_owned())
        .filter(|warning| warning.starts_with(WARNING))
        .collect()
}

fn wait_for_warnings(agent: &AgentProcess, count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let warnings = warnings(agent);
        if warnings.len() == count || Instant::now() > deadline {
            return warnings;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn without_a_firewall_it_is_told_also_after_a_restart_until_one_stops_something() {
    if !can_run() {
        return;
    }
    let scene = scene();
    let node = scene.cluster.node();
    let _servers = servers(&scene);
    let agent = start(&scene);
    for port in 40_000..40_004 {
        connect(&scene, &agent, "data/db", port, Outcome::Answered);
    }
    assert_eq!(warnings(&agent), Vec::<String>::new());
    connect(&scene, &agent, "data/cache", 40_004, Outcome::Answered);
    let warned = wait_for_warnings(&agent, 1);
    assert!(
        warned[0].contains("5 connections that a policy denies went through since"),
        "{warned:?}"
    );
    assert_eq!(wait_for_figure(node, "netpol_enforces_nothing", 1), 1);
    assert_eq!(agent.log().matches(WARNING).count(), 1, "{}", agent.log());
    let drift = flows(&agent, &["drift"]);
    assert_eq!(drift["nodes"][0]["enforcement"], "nothing", "{drift:#}");
    assert_eq!(drift["policies"][0]["let_through"], 5, "{drift:#}");
    assert_eq!(drift["policies"][0]["never_enforced"], true, "{drift:#}");
    assert_eq!(drift["beyond_lag"], true, "{drift:#}");
    agent.stop().unwrap();

    let agent = start(&scene);
    let remembered = wait_for_warnings(&agent, 1);
    assert_eq!(remembered, warned, "{}", agent.log());
    assert_eq!(agent.log().matches(WARNING).count(), 2, "{}", agent.log());

    firewall::nft(node, FIREWALL).unwrap();
    connect(&scene, &agent, "data/db", 40_010, Outcome::TimedOut);
    assert_eq!(wait_for_warnings(&agent, 0), Vec::<String>::new());
    let text = get(node, "/metrics");
    for line in [
        "netpol_enforces_nothing 0\n",
        "netpol_denied_connections_total{outcome=\"stopped\"} 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let drift = flows(&agent, &["drift"]);
    assert_eq!(drift["nodes"][0]["enforcement"], "in-part", "{drift:#}");
    assert_eq!(drift["policies"][0]["stopped"], 1, "{drift:#}");
    agent.stop().unwrap();
}

#[test]
fn a_firewall_with_a_hole_is_no_missing_firewall() {
    if !can_run() {
        return;
    }
    let scene = scene();
    let _servers = servers(&scene);
    firewall::nft(scene.cluster.node(), FIREWALL).unwrap();
    let agent = start(&scene);
    connect(&scene, &agent, "data/db", 41_000, Outcome::TimedOut);
    connect(&scene, &agent, "data/cache", 40_000, Outcome::Answered);
    let drift = flows(&agent, &["drift"]);
    let findings = drift["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{drift:#}");
    assert_eq!(findings[0]["kind"], "not-enforced", "{drift:#}");
    assert_eq!(findings[0]["to"], "data/cache[Pod]", "{drift:#}");
    assert_eq!(findings[0]["connections"], 1, "{drift:#}");
    assert_eq!(warnings(&agent), Vec::<String>::new());
    let gauge = wait_for_figure(scene.cluster.node(), "netpol_enforces_nothing", 0);
    assert_eq!(gauge, 0);
    agent.stop().unwrap();
}
