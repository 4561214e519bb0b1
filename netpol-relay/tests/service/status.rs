//! What is told of nodes beside their flows.

use std::time::Duration;

use netpol_api::v1::get_status_response::Server;
use netpol_api::v1::node_state::State;

use crate::agent::{Agent, World};
use crate::relay::{Relay, unix};

#[tokio::test]
async fn nodes_are_told_with_their_clocks_and_versions() {
    let directory = tempfile::tempdir().unwrap();
    let (_right, right) = Agent::start(directory.path(), 1);
    let fast = directory.path().join("fast.sock");
    let _fast = World::new("node-2")
        .ahead(Duration::from_secs(5))
        .serve(&fast);
    let relay = Relay::of(&[unix(&right), unix(&fast)], &[]).await;
    let status = relay
        .status(|status| {
            let mut nodes = status.nodes.iter();
            nodes.all(|node| node.status.is_some()) && status.nodes.len() == 2
        })
        .await;
    assert_eq!(status.server(), Server::Relay);
    let [right, fast] = &status.nodes[..] else {
        panic!("{status:#?}")
    };
    assert_eq!(right.state.as_ref().unwrap().node, "node-1");
    assert_eq!(right.warnings, [""; 0]);
    assert_eq!(right.status.as_ref().unwrap().version, "1.2.3");
    let ahead = fast.clock_ahead.unwrap();
    let ahead = ahead.seconds as f64 + f64::from(ahead.nanos) / 1e9;
    assert!((4.5..5.5).contains(&ahead), "{ahead}");
    assert_eq!(
        fast.warnings,
        ["its clock is 5.0 s ahead of the relay's: its flows are out of order by as much"]
    );
    relay.stop().await;
}

#[tokio::test]
async fn two_agents_of_one_node_are_named_and_one_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let sockets = [1, 2].map(|number| directory.path().join(format!("{number}.sock")));
    let agents = sockets
        .each_ref()
        .map(|socket| World::new("node-1").serve(socket));
    let addresses = sockets.each_ref().map(|socket| unix(socket));
    let relay = Relay::of(&addresses, &[]).await;
    let status = relay
        .status(|status| status.nodes.len() == 1 && !status.nodes[0].warnings.is_empty())
        .await;
    let node = &status.nodes[0];
    let other = addresses.iter().find(|address| **address != node.address);
    assert_eq!(
        node.warnings,
        [format!(
            "a second agent claims this node, at {}: its flows are left out",
            other.unwrap()
        )]
    );
    assert_eq!(node.state.as_ref().unwrap().state(), State::Followed);
    let _reader = relay.watch(crate::relay::follow()).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let streams: u64 = agents.iter().map(|agent| agent.world.streams()).sum();
    assert_eq!(streams, 1);
    relay.stop().await;
}
