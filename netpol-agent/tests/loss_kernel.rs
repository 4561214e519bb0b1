//! The books of the kernel boundary itself: what the ring took is what comes out of it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use netpol_agent::kernel::counters::SharedCounters;
use netpol_agent::kernel::{self, KernelConfig, Observation};
use netpol_common::record::Counter;
use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::{Bound, UdpServer, udp_flood};
use netpol_testkit::{Cluster, PodSpec};
use tokio::sync::mpsc;

/// Connections made at a time. The ring has room for some thirty events.
const BURST: u16 = 500;
/// Bursts at the most: on a busy machine the reader may now and then keep up with one.
const BURSTS: u16 = 20;
/// Between two pods each connection is seen on two interfaces; each sighting makes an event.
const SIGHTINGS: u64 = 2;
const PATIENCE: Duration = Duration::from_secs(20);

/// What the boundary handed over, and what it counted.
#[derive(Default)]
struct Books {
    made: BTreeSet<u16>,
    events: u64,
    told_lost: u64,
    from_events: BTreeSet<u16>,
    from_sweeps: BTreeSet<u16>,
    sent: u64,
    refused: u64,
}

impl Books {
    fn enter(&mut self, observation: Observation) {
        match observation {
            Observation::Flow { key, .. } => {
                self.events += 1;
                self.from_events.insert(key.low_port.max(key.high_port));
            }
            Observation::Sweep { flows, .. } => self
                .from_sweeps
                .extend(flows.iter().map(|(key, _)| key.low_port.max(key.high_port))),
            Observation::Lost {
                reason: "ring_full",
                count,
            } => self.told_lost += count,
            _ => {}
        }
    }

    fn count(&mut self, counters: &SharedCounters) {
        self.sent = counters.get(Counter::FlowEventsSent);
        self.refused = counters.get(Counter::FlowEventsLost);
    }

    fn seen(&self) -> BTreeSet<u16> {
        self.from_events.union(&self.from_sweeps).copied().collect()
    }

    /// Whether all that was made is accounted for.
    fn are_closed(&self) -> bool {
        let sightings = self.made.len() as u64 * SIGHTINGS;
        self.sent + self.refused == sightings
            && self.events == self.sent
            && self.told_lost == self.refused
            && self.seen() == self.made
    }
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
    assert_eq!(
        books.sent + books.refused,
        books.made.len() as u64 * SIGHTINGS,
        "each sighting makes an event"
    );
    assert_eq!(
        books.events, books.sent,
        "what the ring took comes out of it"
    );
    assert_eq!(books.told_lost, books.refused, "what it refused is told of");
    assert_eq!(
        books.seen(),
        books.made,
        "every connection is learnt in the end"
    );
    assert!(
        books.from_events.len() < books.made.len(),
        "some by sweeps alone: a ring of one page was to be overfilled"
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
    let mut books = Books::default();
    for burst in 0..BURSTS {
        let first = 20_000 + burst * BURST;
        for port in first..first + BURST {
            udp_flood(build, to, port, b"x", Bound::count(1)).unwrap();
            books.made.insert(port);
        }
        let deadline = Instant::now() + PATIENCE;
        while !books.are_closed() && Instant::now() < deadline {
            let waited = tokio::time::timeout(Duration::from_millis(20), observations.recv());
            if let Ok(Some(observation)) = waited.await {
                books.enter(observation);
            }
            books.count(&counters);
        }
        if !books.are_closed() || books.from_events.len() < books.made.len() {
            break;
        }
    }
    kernel.stop().await;
    while let Some(observation) = observations.recv().await {
        books.enter(observation);
    }
    books.count(&counters);
    books
}
