use std::sync::Arc;
use std::time::Duration;

use netpol_api::v1::GetStatusResponse;
use netpol_transport::client::{Options, connect_over};
use tonic::transport::Server;

use super::*;
use crate::connection::Client;
use crate::discovery::Expected;

fn address(text: &str) -> AgentAddress {
    AgentAddress::Tcp(text.to_owned())
}

fn at(node: Option<&str>, text: &str) -> Expected {
    Expected {
        node: node.map(str::to_owned),
        whereabouts: Whereabouts::At(address(text)),
    }
}

fn discovered(agents: Vec<Expected>) -> Discovered {
    Discovered {
        agents,
        complete: true,
        troubles: Vec::new(),
    }
}

fn seconds(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn up(nodes: &Nodes, client: &Client, at: &str, name: &str, since: u64) {
    nodes.update(&address(at), |agent| {
        agent.link = Link::Up(client.clone());
        agent.since = seconds(since);
        agent.answer = Some(Answer {
            status: Arc::new(GetStatusResponse {
                node: name.to_owned(),
                ..GetStatusResponse::default()
            }),
            clock: None,
            heard: std::time::Instant::now(),
        });
    });
}

/// A client of a server that has nothing to serve.
async fn client() -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (_, health) = tonic_health::server::health_reporter();
    let incoming = tokio_stream::once(Ok::<_, std::io::Error>(theirs));
    tokio::spawn(
        Server::builder()
            .add_service(health)
            .serve_with_incoming(incoming),
    );
    connect_over(ours, "nobody", &Options::default())
        .await
        .unwrap()
}

fn told(nodes: &Nodes) -> Vec<(String, State)> {
    let all = nodes.all().into_iter();
    all.map(|node| (node.name, node.state)).collect()
}

#[tokio::test]
async fn a_node_has_its_own_name_once_it_has_said_it() {
    let (nodes, client) = (Nodes::default(), client().await);
    let found = discovered(vec![at(None, "10.0.0.1:1"), at(Some("n2"), "10.0.0.2:1")]);
    assert_eq!(nodes.expect(&found, seconds(1)).len(), 2);
    assert!(nodes.expect(&found, seconds(2)).is_empty());
    assert_eq!(
        told(&nodes),
        [
            ("10.0.0.1:1".to_owned(), State::Unreachable),
            ("n2".to_owned(), State::Unreachable)
        ]
    );
    up(&nodes, &client, "10.0.0.1:1", "n1", 3);
    up(&nodes, &client, "10.0.0.2:1", "other", 3);
    assert_eq!(
        told(&nodes),
        [
            ("n1".to_owned(), State::Followed),
            ("other".to_owned(), State::Followed)
        ]
    );
    let warnings = nodes.all().remove(1).warnings;
    assert_eq!(
        warnings,
        ["its agent's pod is on node n2, and the agent says other: see its --node"]
    );
}

#[tokio::test]
async fn of_two_agents_of_a_node_the_first_is_followed_and_the_second_named() {
    let (nodes, client) = (Nodes::default(), client().await);
    let found = discovered(vec![at(None, "10.0.0.1:1"), at(None, "10.0.0.2:1")]);
    nodes.expect(&found, seconds(1));
    up(&nodes, &client, "10.0.0.2:1", "n1", 2);
    up(&nodes, &client, "10.0.0.1:1", "n1", 3);
    let all = nodes.all();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].address, Some(address("10.0.0.2:1")));
    assert_eq!(
        all[0].warnings,
        ["a second agent claims this node, at 10.0.0.1:1: its flows are left out"]
    );
    nodes.update(&address("10.0.0.2:1"), |agent| {
        agent.link = Link::Down("gone".to_owned());
    });
    let all = nodes.all();
    assert_eq!(all[0].address, Some(address("10.0.0.1:1")));
    assert_eq!(all[0].state, State::Followed);
    assert!(all[0].warnings.is_empty());
}

#[test]
fn a_node_without_an_agent_is_named_until_it_has_one() {
    let nodes = Nodes::default();
    let why = Expected {
        node: Some("n1".to_owned()),
        whereabouts: Whereabouts::Nowhere("pod x is Pending".to_owned()),
    };
    let mut changes = nodes.changes();
    nodes.expect(&discovered(vec![why.clone()]), seconds(1));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    nodes.expect(&discovered(vec![why]), seconds(2));
    let all = nodes.all();
    assert_eq!((all[0].state, all[0].since), (State::NoAgent, seconds(1)));
    assert_eq!(all[0].message, "pod x is Pending");
    nodes.expect(&discovered(vec![at(Some("n1"), "10.0.0.1:1")]), seconds(3));
    assert_eq!(told(&nodes), [("n1".to_owned(), State::Unreachable)]);
    nodes.expect(&discovered(Vec::new()), seconds(4));
    assert!(nodes.all().is_empty());
    assert!(!nodes.is_expected(&address("10.0.0.1:1")));
}
