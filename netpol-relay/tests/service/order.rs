//! A hundred nodes: order and completeness.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use netpol_api::v1;

use crate::agent::Agent;
use crate::relay::{Relay, flows, follow, unix};
use crate::{flow, seen};

const NODES: u32 = 100;
const EACH: u64 = 100;

async fn cluster(directory: &std::path::Path) -> (Vec<Agent>, Relay) {
    let (agents, sockets): (Vec<_>, Vec<_>) = (0..NODES)
        .map(|number| Agent::start(directory, number))
        .unzip();
    let addresses: Vec<_> = sockets.iter().map(|socket| unix(socket)).collect();
    let relay = Relay::of(&addresses, &[]).await;
    (agents, relay)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kept_flows_of_a_hundred_nodes_come_complete_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (agents, relay) = cluster(directory.path()).await;
    let begin = SystemTime::now() - Duration::from_secs(600);
    for (number, agent) in agents.iter().enumerate() {
        for each in 0..EACH {
            // Nodes alternate, each at times of its own.
            let micros = each * 100_000 + number as u64 * 1000;
            let time = begin + Duration::from_micros(micros);
            agent.world.see(flow(&format!("node-{number}"), each, time));
        }
    }
    let listed = relay.list().await;
    let listed = flows(listed);
    assert_eq!(listed.len() as u64, u64::from(NODES) * EACH);
    assert!(listed.is_sorted_by_key(seen));
    let ids: BTreeSet<_> = listed.iter().map(|flow| &flow.id).collect();
    assert_eq!(ids.len(), listed.len());

    for follow in [false, true] {
        let mut last = relay
            .watch(v1::WatchFlowsRequest {
                last: Some(7),
                follow,
                ..v1::WatchFlowsRequest::default()
            })
            .await;
        for expected in &listed[listed.len() - 7..] {
            let (flow, before) = last.flow().await;
            assert_eq!(flow.id, expected.id);
            assert_eq!(before, []);
        }
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_flows_of_a_hundred_nodes_come_complete_and_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let (agents, relay) = cluster(directory.path()).await;
    let mut reader = relay.watch(follow()).await;
    crate::readers::wait_for_streams(&agents, 1).await;
    let rounds = 20;
    let telling = tokio::task::spawn_blocking(move || {
        for each in 0..rounds {
            for (number, agent) in agents.iter().enumerate() {
                let seen = flow(&format!("node-{number}"), each, SystemTime::now());
                agent.world.see(seen);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        agents
    });
    let mut came = Vec::new();
    while came.len() < NODES as usize * rounds as usize {
        let (flow, before) = reader.flow().await;
        assert_eq!(before, []);
        came.push(flow);
    }
    assert!(came.is_sorted_by_key(seen));
    let ids: BTreeSet<_> = came.iter().map(|flow| &flow.id).collect();
    assert_eq!(ids.len(), came.len());
    drop(telling.await.unwrap());
    relay.stop().await;
}
