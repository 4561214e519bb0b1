//! Agents that are killed, come back, hang, or come late.

use std::time::{Duration, Instant, SystemTime};

use netpol_api::v1::node_state::State;
use netpol_api::v1::watch_flows_response::Item;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::agent::{Agent, World};
use crate::flow;
use crate::readers::wait_for_streams;
use crate::relay::{Relay, flows, follow, unix};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_agent_is_told_and_what_it_kept_comes_once_when_it_is_back() {
    let directory = tempfile::tempdir().unwrap();
    let (first, first_socket) = Agent::start(directory.path(), 1);
    let (second, second_socket) = Agent::start(directory.path(), 2);
    let relay = Relay::of(&[unix(&first_socket), unix(&second_socket)], &[]).await;
    first.world.see(flow("node-1", 0, SystemTime::now()));
    let mut reader = relay.watch(follow()).await;
    let agents = [first, second];
    wait_for_streams(&agents, 1).await;
    let [first, second] = agents;
    first.world.see(flow("node-1", 1, SystemTime::now()));
    assert_eq!(reader.flow().await.0.id, "node-1-1");

    let world = first.world.clone();
    drop(first);
    let (node, state, message) = reader.state().await;
    assert_eq!((node.as_str(), state), ("node-1", State::Unreachable));
    assert_eq!(message, "the connection was cut");
    second.world.see(flow("node-2", 1, SystemTime::now()));
    assert_eq!(reader.flow().await.0.id, "node-2-1");
    world.see(flow("node-1", 2, SystemTime::now()));
    let status = relay.status(|status| {
        let state = status.nodes[0].state.as_ref().unwrap();
        state.state() == State::Unreachable
            && state.message.starts_with("nobody listens at unix://")
    });
    assert_eq!(status.await.nodes.len(), 2);

    let back = world.serve(&first_socket);
    // It is older than the connection.
    let (missed, before) = reader.flow().await;
    assert_eq!((missed.id.as_str(), before), ("node-1-2", Vec::new()));
    let (node, state, _) = reader.state().await;
    assert_eq!((node.as_str(), state), ("node-1", State::Followed));
    back.world.see(flow("node-1", 3, SystemTime::now()));
    assert_eq!(reader.flow().await.0.id, "node-1-3");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_not_there_at_first_is_told_and_taken_in_later() {
    let directory = tempfile::tempdir().unwrap();
    let (first, first_socket) = Agent::start(directory.path(), 1);
    let late_socket = directory.path().join("node-2.sock");
    let relay = Relay::of(&[unix(&first_socket), unix(&late_socket)], &[]).await;
    let mut reader = relay.watch(follow()).await;
    let (node, state, message) = reader.state().await;
    assert_eq!((node, state), (unix(&late_socket), State::Unreachable));
    assert!(message.starts_with("nobody listens at"), "{message}");
    first.world.see(flow("node-1", 1, SystemTime::now()));
    assert_eq!(reader.flow().await.0.id, "node-1-1");

    let late = World::new("node-2");
    late.see(flow(
        "node-2",
        1,
        SystemTime::now() - Duration::from_secs(60),
    ));
    late.see(flow("node-2", 2, SystemTime::now()));
    let _late = late.serve(&late_socket);
    // What was there before the reader came was not asked for.
    let (missed, before) = reader.flow().await;
    assert_eq!((missed.id.as_str(), before), ("node-2-2", Vec::new()));
    let (node, state, _) = reader.state().await;
    assert_eq!((node.as_str(), state), ("node-2", State::Followed));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_hangs_holds_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let (first, first_socket) = Agent::start(directory.path(), 1);
    let (mute, mute_socket) = Agent::start(directory.path(), 2);
    mute.world.hang();
    // Takes connections, and says nothing at all.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let deaf_address = deaf.local_addr().unwrap().to_string();
    let agents = [
        unix(&first_socket),
        unix(&mute_socket),
        deaf_address.clone(),
    ];
    let relay = Relay::of(&agents, &["--agent-plaintext"]).await;
    first.world.see(flow("node-1", 1, SystemTime::now()));

    let mut reader = relay.watch(follow()).await;
    wait_for_streams(std::slice::from_ref(&first), 1).await;
    let began = Instant::now();
    first.world.see(flow("node-1", 2, SystemTime::now()));
    let (live, before) = reader.flow().await;
    assert_eq!(live.id, "node-1-2");
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert!(matches!(&before[..], [Item::Node(state)] if state.node == deaf_address));

    let began = Instant::now();
    let listed = relay.list().await;
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );
    let states: Vec<_> = listed
        .iter()
        .filter_map(|item| match item {
            Item::Node(state) => Some((state.node.as_str(), state.state())),
            Item::Flow(_) | Item::Lost(_) => None,
        })
        .collect();
    assert!(
        states.contains(&(deaf_address.as_str(), State::Unreachable)),
        "{states:?}"
    );
    assert!(
        states.contains(&("node-2", State::Unreachable)),
        "{states:?}"
    );
    assert_eq!(flows(listed).len(), 2);

    let began = Instant::now();
    let status = relay.status(|_| true).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(status.nodes.len(), 3);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_breaks_lose_and_repeat_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (mut agent, socket) = Agent::start(directory.path(), 1);
    let relay = Relay::of(&[unix(&socket)], &[]).await;
    let mut reader = relay.watch(follow()).await;
    wait_for_streams(std::slice::from_ref(&agent), 1).await;
    let world = agent.world.clone();
    let telling = tokio::spawn({
        let world = world.clone();
        async move {
            for number in 0..300 {
                world.see(flow("node-1", number, SystemTime::now()));
                sleep(Duration::from_millis(10)).await;
            }
        }
    });
    for _ in 0..3 {
        sleep(Duration::from_millis(500)).await;
        drop(agent);
        sleep(Duration::from_millis(200)).await;
        agent = world.serve(&socket);
    }
    telling.await.unwrap();
    let mut came = Vec::new();
    while came.len() < 300 {
        came.push(reader.flow().await.0.id);
    }
    let more = flows(reader.rest(Duration::from_secs(2)).await);
    assert_eq!(more, []);
    let mut expected: Vec<_> = (0..300).map(|number| format!("node-1-{number}")).collect();
    expected.sort();
    came.sort();
    assert_eq!(came, expected);
    relay.stop().await;
}
