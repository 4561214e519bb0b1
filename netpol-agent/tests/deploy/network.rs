//! The NetworkPolicies for our own pods, as `flows eval` reads them.

use std::fs;
use std::process::Command;

use netpol_testkit::artifact;
use serde_json::Value;

use crate::manifests;

const RELAY: &str = "netpol/netpol-relay[Deployment]";
const AGENTS: &str = "netpol/netpol-agent[DaemonSet]";

/// What else there is in the cluster.
const OTHERS: &str = r#"
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring", "labels": {"kubernetes.io/metadata.name": "monitoring"}}}
---
{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
---
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "prometheus", "namespace": "monitoring"}, "spec": {"containers": [{"name": "p", "image": "p"}]}}
---
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"containers": [{"name": "w", "image": "w"}]}}
---
{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}
"#;

#[test]
fn the_relay_reaches_agents_and_the_api_server_and_is_asked_for_flows_alone() {
    if !manifests::can_render() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let ours = manifests::composed(&["relay", "authorization", "relay-metrics"]);
    let ours: Vec<String> = ours.iter().map(Value::to_string).collect();
    let file = place.path().join("all.yaml");
    fs::write(&file, format!("{}\n---\n{OTHERS}", ours.join("\n---\n"))).unwrap();

    let allowed = |from: &str, to: &str, port: &str| {
        let mut flows = Command::new(artifact::binary("flows").unwrap());
        let ends = ["--from", from, "--to", to, "--port", port];
        flows.args(["eval", "--manifests"]).arg(&file).args(ends);
        let output = flows.output().unwrap();
        match output.status.code() {
            Some(0) => true,
            Some(1) => false,
            _ => panic!(
                "{from} to {to}: {}",
                String::from_utf8_lossy(&output.stderr)
            ),
        }
    };
    for (from, to, port) in [
        (RELAY, AGENTS, "4245"),
        // Agents have the addresses of their nodes.
        (RELAY, "node/node-1", "4245"),
        (RELAY, "10.0.0.1", "6443"),
        (RELAY, "10.0.0.1", "443"),
        // Certificates and tokens decide who gets an answer.
        ("shop/web", RELAY, "4245"),
        ("shop/web", "netpol/netpol-relay[Service]", "4245"),
        ("monitoring/prometheus", RELAY, "9790"),
    ] {
        assert!(allowed(from, to, port), "{from} to {to}, port {port}");
    }
    for (from, to, port) in [
        (RELAY, "shop/web", "80"),
        (RELAY, "node/node-1", "22"),
        (RELAY, "192.0.2.1", "53"),
        ("shop/web", RELAY, "9790"),
        ("monitoring/prometheus", RELAY, "8080"),
    ] {
        assert!(!allowed(from, to, port), "{from} to {to}, port {port}");
    }
}
