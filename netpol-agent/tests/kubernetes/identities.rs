//! Who stands at the ends that are no pods.

use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{FlowsCommand, inventory};
use serde_json::{Value, json};

use crate::scene::{PATIENCE, Scene, every_watch, flow_from, wait_for};

const NODE: [u8; 4] = [10, 0, 0, 1];

/// The node tells its kubelet's port; two pods of its network have its address.
fn tell_of_the_node(scene: &Scene) {
    let mut node = inventory::node();
    node["status"]["daemonEndpoints"] = json!({ "kubeletEndpoint": { "Port": 10250 } });
    scene.server.apply(node).unwrap();
    for name in ["proxy", "exporter"] {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": { "name": name, "namespace": "kube-system" },
            "spec": { "hostNetwork": true, "nodeName": inventory::NODE_NAME },
            "status": { "phase": "Running", "podIPs": [{ "ip": "10.0.0.1" }] },
        });
        scene.server.apply(pod).unwrap();
    }
}

/// What every cluster has: the Service of the API server, whose slice that makes itself.
fn tell_of_the_api_server(scene: &Scene) {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "kubernetes", "namespace": "default" },
        "spec": { "clusterIP": "10.96.0.1", "ports": [{ "name": "https", "port": 443, "targetPort": 6443 }] },
    });
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": { "kubernetes.io/service-name": "kubernetes" },
        },
        "addressType": "IPv4",
        "endpoints": [{ "addresses": ["10.0.0.1"] }],
        "ports": [{ "name": "https", "port": 6443 }],
    });
    scene.server.apply(service).unwrap();
    scene.server.apply(slice).unwrap();
}

#[test]
fn the_node_its_kubelet_and_the_api_server_on_it() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    tell_of_the_node(&scene);
    tell_of_the_api_server(&scene);
    let agent = scene.agent();
    wait_for(&agent, |status| {
        status["pods"] == 4 && every_watch(status, "following")
    });
    let build = scene.cluster.pod("ci/build").netns();
    for (from, port, component) in [
        (42_401, 9100, Value::Null),
        (42_402, 10250, json!("kubelet")),
        (42_403, 6443, json!("api_server")),
    ] {
        let to = (NODE, port).into();
        let _listening = TcpServer::start(scene.cluster.node(), to).unwrap();
        let outcome = TcpAttempt::to(to)
            .from_port(from)
            .exchange_from(build, b"hello");
        assert_eq!(outcome.unwrap(), Outcome::Answered);
        let flow = flow_from(&agent, from, |_| true);
        let end = &flow["destination"];
        assert_eq!(
            (&end["kind"], &end["node"]),
            (&json!("node"), &json!("node-1")),
            "{flow:#}"
        );
        assert_eq!(end["component"], component, "{flow:#}");
    }
    let line = FlowsCommand::against(&agent).text(["list", "--from-port", "42403"]);
    let line = line.unwrap();
    assert!(line.contains("node/node-1:6443 (API server)"), "{line}");

    // A probe, as the kubelet makes it.
    let db = scene.cluster.pod("data/db");
    let _listening = TcpServer::start(db.netns(), db.at(8080)).unwrap();
    let probe = TcpAttempt::to(db.at(8080)).from_port(42_404);
    let outcome = probe.exchange_from(scene.cluster.node(), b"hello");
    assert_eq!(outcome.unwrap(), Outcome::Answered);
    let flow = flow_from(&agent, 42_404, |_| true);
    assert_eq!(flow["source"]["kind"], "node", "{flow:#}");
    assert_eq!(flow["source"]["node"], "node-1", "{flow:#}");
    assert_eq!(flow["destination"]["pod"], "db", "{flow:#}");
    assert_eq!(
        flow["computed"]["ingress"]["decided_by"], "node",
        "{flow:#}"
    );
    let named = FlowsCommand::against(&agent).wait_for(&["--to-port", "6443"], PATIENCE, |_| true);
    assert!(named.unwrap().is_some());
    agent.stop().unwrap();
}
