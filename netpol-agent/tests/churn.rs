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
use serde_json::{Value, json};

const PODS: u32 = 10_000;
/// How long former holders of addresses are remembered here.
const MEMORY: Duration = Duration::from_secs(1);

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
    follower.wait_for(|figures| figures.generation > 0);

    // The first round makes the tables; what it leaves is the base line.
    let mut base = None;
    for generation in 0..2 {
        let pods: Vec<Value> = (0..PODS).map(|number| pod(number, generation)).collect();
        for pod in &pods {
            server.apply(pod.clone()).unwrap();
        }
        let full = follower.wait_for(|figures| figures.pods == PODS);
        for pod in &pods {
            delete(&server, pod);
        }
        let after = emptied(&server, &mut follower);
        let took = full.live - after.live;
        assert!(took > PODS as usize * 500, "{full:?} {after:?}");
        let base = base.get_or_insert(after.live);
        assert!(after.live < *base + took / 20, "{after:?}, {base} B before");
    }
}

/// A pod without what only makes it large.
fn pod(number: u32, generation: u32) -> Value {
    let mut pod = pod::pod(number, generation);
    let metadata = pod["metadata"].as_object_mut().unwrap();
    metadata.retain(|field, _| !["managedFields", "annotations"].contains(&field.as_str()));
    pod["spec"] = json!({ "nodeName": pod["spec"]["nodeName"] });
    pod
}

fn delete(server: &ApiServer, pod: &Value) {
    let name = |field: &str| pod["metadata"][field].as_str().unwrap();
    server
        .delete("Pod", name("namespace"), name("name"))
        .unwrap();
}

/// The figures once nothing of the pods is remembered: that is noticed with the next change.
fn emptied(server: &ApiServer, follower: &mut Follower) -> Figures {
    follower.wait_for(|figures| figures.pods == 0);
    std::thread::sleep(MEMORY + Duration::from_millis(500));
    let one = pod(0, 99);
    server.apply(one.clone()).unwrap();
    follower.wait_for(|figures| figures.pods == 1);
    delete(server, &one);
    follower.wait_for(|figures| figures.pods == 0)
}
