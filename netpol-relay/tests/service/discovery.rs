//! Agents found by their pods, and by a name.

use std::net::SocketAddr;

use netpol_api::v1::node_state::State;
use netpol_testkit::ApiServer;
use netpol_transport::listen::Door;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::agent::{Agent, World};
use crate::relay::{Relay, follow};

/// An agent in plain text on a port of its own.
fn listening(node: &str) -> (Agent, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let open = move || {
        (
            Door::PlainText(TcpListener::from_std(listener).unwrap()),
            (),
        )
    };
    (World::new(node).serve_at(open), address)
}

fn pod(name: &str, node: &str, status: Value, port: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "netpol",
            "labels": {"app.kubernetes.io/name": "netpol-agent"},
        },
        "spec": {
            "nodeName": node,
            "containers": [{"name": "agent", "ports": [{"name": "flows", "containerPort": port}]}],
        },
        "status": status,
    })
}

fn running(name: &str, node: &str, address: SocketAddr) -> Value {
    let status = json!({"phase": "Running", "podIP": address.ip().to_string()});
    pod(name, node, status, address.port())
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
}

async fn relay(server: &ApiServer) -> Relay {
    let file = tempfile::NamedTempFile::new().unwrap();
    server.kubeconfig(file.path()).unwrap();
    Relay::start(&[
        "--kubeconfig",
        file.path().to_str().unwrap(),
        "--agent-plaintext",
    ])
    .await
}

fn states(status: &netpol_api::v1::GetStatusResponse) -> Vec<(String, State, String)> {
    let states = status.nodes.iter().map(|node| node.state.clone().unwrap());
    states
        .map(|state| (state.node.clone(), state.state(), state.message))
        .collect()
}

fn told(name: &str, state: State, message: &str) -> (String, State, String) {
    (name.to_owned(), state, message.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_come_and_go_and_nodes_without_one_are_named() {
    let server = ApiServer::start().unwrap();
    let (_first, first) = listening("n1");
    server.apply(running("agent-a", "n1", first)).unwrap();
    for name in ["n1", "n2", "n3"] {
        server.apply(node(name)).unwrap();
    }
    let pulling = json!({
        "phase": "Pending",
        "containerStatuses": [{"name": "agent", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ImagePullBackOff"}}}],
    });
    server.apply(pod("agent-b", "n2", pulling, 4245)).unwrap();
    let relay = relay(&server).await;
    let mut reader = relay.watch(follow()).await;
    let status = relay
        .status(|status| states(status).contains(&told("n1", State::Followed, "")))
        .await;
    let missing = "no pod of netpol-agent is on this node";
    let pending = "pod agent-b is Pending: ImagePullBackOff";
    assert_eq!(
        states(&status),
        [
            told("n1", State::Followed, ""),
            told("n2", State::NoAgent, pending),
            told("n3", State::NoAgent, missing),
        ]
    );
    assert_eq!(reader.state().await, told("n2", State::NoAgent, pending));
    assert_eq!(reader.state().await, told("n3", State::NoAgent, missing));

    let (_third, third) = listening("n3");
    server.apply(running("agent-c", "n3", third)).unwrap();
    assert_eq!(reader.state().await, told("n3", State::Followed, ""));
    server.delete("Pod", "netpol", "agent-a").unwrap();
    assert_eq!(reader.state().await, told("n1", State::NoAgent, missing));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_permissions_are_named_and_cost_what_they_cover_alone() {
    let server = ApiServer::start().unwrap();
    server.deny("list", "nodes");
    server.deny("watch", "nodes");
    let (_first, first) = listening("n1");
    server.apply(running("agent-a", "n1", first)).unwrap();
    server.apply(node("n2")).unwrap();
    let relay = relay(&server).await;
    let status = relay
        .status(|status| states(status) == [told("n1", State::Followed, "")])
        .await;
    let errors = &status.inventory.as_ref().unwrap().errors;
    assert_eq!(
        errors[0].message,
        "nodes without an agent cannot be named: needs list on nodes (403 Forbidden)"
    );
    // Whoever relies on histories is told that some may be missing.
    let told = crate::history::read(crate::history::ask(&relay).await).await;
    let (_, others) = &told.unwrap()["(others)"];
    assert_eq!(others.as_ref(), Some(&errors[0].message));
    server.allow("list", "nodes");
    server.allow("watch", "nodes");
    relay.status(|status| status.nodes.len() == 2).await;
    relay.stop().await;

    server.deny("list", "pods");
    let blind = self::relay(&server).await;
    let refused = blind
        .client
        .clone()
        .watch_flows(follow())
        .await
        .unwrap_err();
    assert_eq!(
        refused.message(),
        "no agents are known: agents cannot be found by their pods: needs list on pods (403 Forbidden)"
    );
    blind.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_addresses_of_a_name_are_asked() {
    let (_agent, address) = listening("n1");
    let name = format!("dns://localhost:{}", address.port());
    let relay = Relay::start(&["--agents", &name, "--agent-plaintext"]).await;
    let status = relay
        .status(|status| states(status).contains(&told("n1", State::Followed, "")))
        .await;
    assert_eq!(status.inventory.unwrap().source, name);
    relay.stop().await;

    let lost = Relay::start(&["--agents", "dns://agents.invalid:4245", "--agent-plaintext"]).await;
    let refused = lost.client.clone().watch_flows(follow()).await.unwrap_err();
    let expected = "no agents are known: the name agents.invalid cannot be resolved: ";
    assert!(refused.message().starts_with(expected), "{refused}");
    lost.stop().await;
}
