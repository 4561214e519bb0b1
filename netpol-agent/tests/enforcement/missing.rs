//! A node on which nothing enforces policies says so, until something does.

use std::time::{Duration, Instant};

use netpol_testkit::traffic::{Outcome, TcpServer};
use netpol_testkit::{AgentProcess, PodSpec, firewall};

use crate::figures::{HTTP, get, wait_for_figure};
use crate::scene::Scene;
use crate::stage::{PATIENCE, can_run, connect, drift, flows};

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
    let seen = drift(&agent);
    assert_eq!(seen["nodes"][0]["enforcement"], "nothing", "{seen:#}");
    assert_eq!(seen["policies"][0]["let_through"], 5, "{seen:#}");
    assert_eq!(seen["policies"][0]["never_enforced"], true, "{seen:#}");
    assert_eq!(seen["beyond_lag"], true, "{seen:#}");
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
    let seen = drift(&agent);
    assert_eq!(seen["nodes"][0]["enforcement"], "in-part", "{seen:#}");
    assert_eq!(seen["policies"][0]["stopped"], 1, "{seen:#}");
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
    let seen = drift(&agent);
    let findings = seen["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1, "{seen:#}");
    assert_eq!(findings[0]["kind"], "not-enforced", "{seen:#}");
    assert_eq!(findings[0]["to"], "data/cache[Pod]", "{seen:#}");
    assert_eq!(findings[0]["connections"], 1, "{seen:#}");
    assert_eq!(warnings(&agent), Vec::<String>::new());
    let gauge = wait_for_figure(scene.cluster.node(), "netpol_enforces_nothing", 0);
    assert_eq!(gauge, 0);
    agent.stop().unwrap();
}
