//! The books of the kernel boundary itself: what the ring took is what comes out of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::Duration;

use netpol_agent::kernel::{self, KernelConfig, Observation};
use netpol_common::record::Counter;
use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::{Bound, UdpServer, udp_flood};
use netpol_testkit::{Cluster, PodSpec};
use tokio::sync::mpsc;

const COUNT: u16 = 500;

/// What the boundary handed over, and its counters at the end.
#[derive(Default)]
struct Books {
    events: u64,
    told_lost: u64,
    from_events: BTreeSet<u16>,
    from_sweeps: BTreeSet<u16>,
    sent: u64,
    refused: u64,
}

#[test]
fn what_the_ring_took_comes_out_and_the_rest_is_swept_up() {
    if !require_root() {
        return;
    }
    let cluster = Cluster::builder("npa")
        .pod(PodSpec::new("ci/build", [10, 244, 3, 10].into()))
        .pod(PodSpec::new("data/db", [10, 244, 3, 20].into()))
        .build()
        .unwrap();
    let db = cluster.pod("data/db");
    let _server = UdpServer::silent(db.netns(), db.at(9000)).unwrap();
    // Threads that a thread of this namespace starts are in it as well.
    let books = cluster.node().run_in(|| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime
            .enable_all()
            .build()
            .unwrap()
            .block_on(observe(&cluster))
    });
    println!(
        "{} sent, {} refused, {} came out",
        books.sent, books.refused, books.events
    );
    assert!(books.refused > 0, "a ring of one page was to be overfilled");
    assert_eq!(
        books.events, books.sent,
        "what the ring took comes out of it"
    );
    assert_eq!(books.told_lost, books.refused, "what it refused is told of");
    let ports: BTreeSet<u16> = (20_000..20_000 + COUNT).collect();
    let seen: BTreeSet<u16> = books
        .from_events
        .union(&books.from_sweeps)
        .copied()
        .collect();
    assert_eq!(seen, ports, "every connection is learnt in the end");
    assert!(
        books.from_events.len() < ports.len(),
        "some by sweeps alone"
    );
}

async fn observe(cluster: &Cluster) -> Books {
    let config = KernelConfig {
        ring_bytes: 4096,
        sweep_interval: Duration::from_millis(200),
        ..KernelConfig::default()
    };
    let (sender, mut observations) = mpsc::channel(65_536);
    let loaded = kernel::load(&config).unwrap();
    let counters = loaded.counters.clone();
    let kernel = loaded.start(&config, sender).await.unwrap();
    let build = cluster.pod("ci/build").netns();
    let to = cluster.pod("data/db").at(9000);
    for port in 20_000..20_000 + COUNT {
        udp_flood(build, to, port, b"x", Bound::count(1)).unwrap();
    }
    // Two sweeps and many looks at the ring: all is told by then.
    tokio::time::sleep(Duration::from_millis(700)).await;
    kernel.stop().await;
    let mut books = Books {
        sent: counters.get(Counter::FlowEventsSent),
        refused: counters.get(Counter::FlowEventsLost),
        ..Books::default()
    };
    while let Some(observation) = observations.recv().await {
        match observation {
            Observation::Flow { key, .. } => {
                books.events += 1;
                books.from_events.insert(key.low_port.max(key.high_port));
            }
            Observation::Sweep { flows, .. } => books
                .from_sweeps
                .extend(flows.iter().map(|(key, _)| key.low_port.max(key.high_port))),
            Observation::Lost {
                reason: "ring_full",
                count,
            } => books.told_lost += count,
            _ => {}
        }
    }
    books
}
