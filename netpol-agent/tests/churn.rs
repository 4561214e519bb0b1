//! Ten thousand pods come and go: the memory that they took comes back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../benches/inventory/follower.rs"]
#[expect(dead_code, reason = "the bench uses all of it")]
mod follower;
#[path = "../benches/inventory/pod.rs"]
mod pod;

use std::time::Duration;

use follower::{Figures, Follower};
use netpol_testkit::ApiServer;

const PODS: u32 = 10_000;
/// How long former holders of addresses are remembered here.
const MEMORY: Duration = Duration::from_secs(1);
/// What may stay: buffers of connections and queues, and tables that keep their size.
const SLACK: usize = 4 << 20;

/// No test but the process that one is made with.
#[test]
fn follower_process() {
    follower::run_if_asked();
}

#[test]
fn memory_returns_when_pods_are_gone() {
    let server = ApiServer::start().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let kubeconfig = directory.path().join("kubeconfig");
    server.kubeconfig(&kubeconfig).unwrap();
    let child = ["--exact", "follower_process", "--nocapture"];
    let mut follower = Follower::start(&kubeconfig, MEMORY, &child);
    follower.figures();
    follower.wait_for(|figures| figures.generation > 0);

    // The first round makes the tables; what it leaves is the base line.
    let mut base = None;
    for generation in 0..3 {
        for number in 0..PODS {
            server.apply(pod::pod(number, generation)).unwrap();
        }
        let full = follower.wait_for(|figures| figures.pods == PODS);
        for number in 0..PODS {
            let pod = pod::pod(number, generation);
            let name = |field: &str| pod["metadata"][field].as_str().unwrap();
            server
                .delete("Pod", name("namespace"), name("name"))
                .unwrap();
        }
        let after = emptied(&server, &mut follower);
        println!(
            "round {generation}: {} B with {PODS} pods, {} B after",
            full.live, after.live
        );
        assert!(
            full.live > after.live + PODS as usize * 500,
            "{full:?} {after:?}"
        );
        let base = base.get_or_insert(after.live);
        assert!(after.live < *base + SLACK / 4, "{after:?}, {base} B before");
    }
}

/// The figures once nothing of the pods is remembered: that is noticed with the next change.
fn emptied(server: &ApiServer, follower: &mut Follower) -> Figures {
    follower.wait_for(|figures| figures.pods == 0);
    std::thread::sleep(MEMORY + Duration::from_millis(500));
    let one = pod::pod(0, 99);
    server.apply(one.clone()).unwrap();
    follower.wait_for(|figures| figures.pods == 1);
    let name = |field: &str| one["metadata"][field].as_str().unwrap();
    server
        .delete("Pod", name("namespace"), name("name"))
        .unwrap();
    let generation = follower.wait_for(|figures| figures.pods == 0).generation;
    follower.wait_for(|figures| figures.generation >= generation)
}
