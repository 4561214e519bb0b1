//! Readers do not hold each other, nor what they read from.

use std::time::{Duration, SystemTime};

use netpol_api::v1;
use netpol_api::v1::watch_flows_response::Item;
use tokio::time::{sleep, timeout};
use tonic::Code;

use crate::agent::Agent;
use crate::relay::{Relay, follow, unix};
use crate::{PATIENCE, flow};

/// Waits until each agent serves so many streams.
pub(crate) async fn wait_for_streams(agents: &[Agent], streams: u64) {
    let waiting = timeout(PATIENCE, async {
        while agents.iter().any(|agent| agent.world.streams() != streams) {
            sleep(Duration::from_millis(10)).await;
        }
    });
    waiting
        .await
        .expect("agents serve another number of streams");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_loses_and_is_told_and_another_gets_everything() {
    let directory = tempfile::tempdir().unwrap();
    let (agent, socket) = Agent::start(directory.path(), 1);
    let relay = Relay::of(&[unix(&socket)], &["--backlog", "2000", "--window", "0.1"]).await;
    let mut slow = relay.watch(follow()).await;
    let mut quick = relay.watch(follow()).await;
    let agents = [agent];
    wait_for_streams(&agents, 2).await;
    let all = 20_000;
    let telling = async {
        for number in 0..all {
            agents[0]
                .world
                .see(flow("node-1", number, SystemTime::now()));
            if number % 50 == 0 {
                sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let reading = async {
        for _ in 0..all {
            let (_, before) = quick.flow().await;
            assert_eq!(before, []);
        }
    };
    tokio::join!(telling, reading);
    let (mut came, mut lost) = (0, 0);
    for item in slow.rest(Duration::from_secs(2)).await {
        match item {
            Item::Flow(_) => came += 1,
            Item::Lost(loss) => {
                assert_eq!(loss.reason, "slow_subscriber");
                assert_eq!(loss.node, "", "the relay's own loss");
                lost += loss.count;
            }
            Item::Node(state) => panic!("{state:?}"),
        }
    }
    assert!(lost > 0 && came > 0);
    assert_eq!(came + lost, all);
    let status = relay.status(|_| true).await;
    assert_eq!(status.lost[0].count, lost);
    assert_eq!(status.subscribers, 2);
    drop((slow, quick));
    wait_for_streams(&agents, 0).await;
    relay.stop().await;
}

#[tokio::test]
async fn streams_are_limited_and_end_with_the_relay() {
    let directory = tempfile::tempdir().unwrap();
    let (_agent, socket) = Agent::start(directory.path(), 1);
    let relay = Relay::of(&[unix(&socket)], &["--streams", "1"]).await;
    let mut reader = relay.watch(follow()).await;
    let refused = relay
        .client
        .clone()
        .watch_flows(follow())
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(
        refused.message(),
        "the relay serves 1 streams already (--streams)"
    );
    relay.begin_stop();
    let ended = reader.next().await.unwrap_err();
    assert_eq!(ended.code(), Code::Unavailable);
    assert_eq!(ended.message(), "the relay is stopping");
    relay.stop().await;
}

#[tokio::test]
async fn a_filter_is_applied_and_what_cannot_be_meant_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let (agent, socket) = Agent::start(directory.path(), 1);
    let relay = Relay::of(&[unix(&socket)], &[]).await;
    for number in 0..10 {
        agent.world.see(flow("node-1", number, SystemTime::now()));
    }
    let filter = |cidr: &str| v1::WatchFlowsRequest {
        filter: Some(v1::FlowFilter {
            destination: Some(v1::EndpointFilter {
                cidr: vec![cidr.to_owned()],
                ..v1::EndpointFilter::default()
            }),
            ..v1::FlowFilter::default()
        }),
        ..v1::WatchFlowsRequest::default()
    };
    let mut reader = relay.watch(filter("10.250.0.7/32")).await;
    assert_eq!(reader.flow().await.0.id, "node-1-7");
    assert_eq!(reader.next().await.unwrap(), None);
    let refused = relay.client.clone().watch_flows(filter("ten")).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(
        refused.message().contains("filter.destination.cidr"),
        "{refused}"
    );
    relay.stop().await;
}
