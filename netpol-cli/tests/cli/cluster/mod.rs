//! From a kubeconfig, through the API server, to a relay.

mod address;
mod credentials;
mod errors;
mod gaps;
mod kubectl;
mod namespaces;
mod relay;
mod world;

use netpol_api::v1::{
    GetStatusResponse, NodeState, NodeStatus, get_status_response, node_state, observed::Verdict,
};

use crate::{
    scripted::{Play, Script, flow, story},
    text,
};
use world::{PORT, World};

#[tokio::test]
async fn flows_come_through_the_api_server_and_tls_from_the_relay() {
    let world = World::start(Script::new(Play::of(story()))).await;
    let output = world.flows(&["list"]).output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 3);
    // The user's own token.
    assert_eq!(
        world.relay.shown(),
        [format!("Bearer {}", world.api.token())]
    );
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_for_this_machine_and_one_of_the_kubeconfig_is() {
    let world = World::start(Script::new(Play::default())).await;
    let mut command = world.flows(&["list"]);
    let output = command
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .output()
        .await
        .unwrap();
    assert_eq!(text(&output.stderr), "");
    world.change_kubeconfig(|config| {
        config["clusters"][0]["cluster"]["proxy-url"] = "http://jane:secret@127.0.0.1:1".into();
    });
    assert_eq!(
        world.error(&["list"]).await,
        "flows: context testkit (URL/ by the proxy 127.0.0.1:1): nothing listens at the address of the API server \
         (connection refused)\n"
    );
}

#[tokio::test]
async fn much_passes_whole() {
    let many = (0..20_000).map(|i| flow(&i.to_string(), 1, Verdict::Dropped, 1));
    let world = World::start(Script::new(Play::of(many.collect()))).await;
    let output = world
        .flows(&["list", "-A", "-o", "json"])
        .output()
        .await
        .unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&output.stdout).lines().count(), 20_000);
}

#[tokio::test]
async fn the_status_of_a_relay_and_of_one_of_its_nodes_is_asked_the_same_way() {
    let relay = Script::new(Play::default()).with_status(GetStatusResponse {
        server: get_status_response::Server::Relay.into(),
        version: "0.1.0".into(),
        nodes: vec![NodeStatus {
            state: Some(NodeState {
                node: "worker-1".into(),
                state: node_state::State::Unreachable.into(),
                message: "connection refused".into(),
                ..NodeState::default()
            }),
            ..NodeStatus::default()
        }],
        ..GetStatusResponse::default()
    });
    let world = World::start(relay).await;
    let output = world.flows(&["status"]).output().await.unwrap();
    assert_eq!(text(&output.stderr), "");
    assert!(text(&output.stdout).starts_with("relay      0.1.0\nnodes      0 of 1 followed\n"));
    let output = world
        .flows(&["status", "--node", "worker-1"])
        .output()
        .await
        .unwrap();
    assert_eq!(
        text(&output.stdout),
        "node       worker-1\nstate      MISSING\n✗ connection refused\n"
    );
    assert_eq!(
        world.error(&["status", "--node", "worker-9"]).await,
        "flows: relay netpol/netpol-relay-0 of context testkit knows no node worker-9; it knows worker-1\n"
    );
}

#[tokio::test]
async fn a_relay_elsewhere_is_found_by_the_name_of_its_namespace() {
    let world = World::in_namespace("observers", Script::new(Play::default())).await;
    let by_flag = world
        .flows(&["list", "--netpol-namespace", "observers"])
        .status()
        .await
        .unwrap();
    assert!(by_flag.success());
    let by_variable = world
        .flows(&["list"])
        .env("NETPOL_NAMESPACE", "observers")
        .status()
        .await
        .unwrap();
    assert!(by_variable.success());
}

#[tokio::test]
async fn the_ready_one_of_two_relays_is_asked() {
    let world = World::start(Script::new(Play::default())).await;
    // Before the other by name.
    world.apply_pod("netpol-relay", "a-relay", "worker-2", false);
    assert!(world.flows(&["list"]).status().await.unwrap().success());
}

#[tokio::test]
async fn without_a_relay_the_agent_of_a_node_is_asked() {
    let world = World::of("netpol-agent", "netpol", Script::new(Play::default())).await;
    for arguments in [
        &["list"][..],
        &["list", "--node", "worker-1"],
        &["status", "--node", "worker-1"],
    ] {
        let output = world.flows(arguments).output().await.unwrap();
        assert_eq!(text(&output.stderr), "", "{arguments:?}");
        assert!(output.status.success());
    }
}
