//! Pods that connect before the API server has told of them.

use std::time::Duration;

use netpol_testkit::requirement::require_root;
use netpol_testkit::{FlowsCommand, PodSpec, inventory};
use serde_json::{Value, json};

use crate::figures::{HTTP, figure, wait_for_figure};
use crate::scene::{Scene, every_watch, flow_from, wait_for};

/// A pod of the node that the API server knows of as soon as it is resumed.
fn pod_of_which_nobody_heard(scene: &mut Scene) {
    let spec = PodSpec::new("ops/late", [10, 244, 7, 40].into());
    scene.server.pause();
    let mut object = inventory::pod(&spec);
    object["status"]["startTime"] = json!("2026-01-01T00:00:00Z");
    scene.server.apply(object).unwrap();
    scene.cluster.add_pod(spec).unwrap();
}

/// Whether so many waits came to this.
fn came_to(scene: &Scene, outcome: &str, count: u64) -> bool {
    let series = format!("netpol_address_waits_total{{outcome=\"{outcome}\"}}");
    wait_for_figure(scene.cluster.node(), &series, count) == count
}

#[test]
fn a_connection_waits_for_a_pod_that_is_told_late() {
    if !require_root() {
        return;
    }
    let mut scene = Scene::new();
    let agent = scene.agent_told(&["--address-wait", "10", "--http-listen", HTTP]);
    wait_for(&agent, |status| {
        status["pods"] == 2 && every_watch(status, "following")
    });
    pod_of_which_nobody_heard(&mut scene);
    scene.connect("ops/late", 42_101);
    // Longer than anything else takes to be published.
    std::thread::sleep(Duration::from_millis(500));
    let none = FlowsCommand::against(&agent).list(["--from-port", "42101"]);
    assert_eq!(none.unwrap(), Vec::<Value>::new());
    assert_eq!(figure(scene.cluster.node(), "netpol_connections_held"), 1);
    scene.server.resume();
    let flow = flow_from(&agent, 42_101, |_| true);
    assert_eq!(flow["source"]["pod"], "late", "{flow:#}");
    assert_eq!(flow["destination"]["pod"], "db", "{flow:#}");
    assert!(came_to(&scene, "learnt", 1) && came_to(&scene, "given_up", 0));
    agent.stop().unwrap();
}

#[test]
fn what_is_learnt_after_the_wait_is_told_again() {
    if !require_root() {
        return;
    }
    let mut scene = Scene::new();
    let agent = scene.agent_told(&["--address-wait", "0.2", "--http-listen", HTTP]);
    wait_for(&agent, |status| {
        status["pods"] == 2 && every_watch(status, "following")
    });
    pod_of_which_nobody_heard(&mut scene);
    scene.connect("ops/late", 42_102);
    let flow = flow_from(&agent, 42_102, |_| true);
    assert_eq!(flow["source"]["kind"], "unknown", "{flow:#}");
    assert_eq!(flow["computed"]["verdict"], "unknown", "{flow:#}");
    scene.server.resume();
    let later = flow_from(&agent, 42_102, |flow| flow["source"]["pod"] == "late");
    assert_eq!(later["id"], flow["id"]);
    assert!(
        later["revision"].as_u64() > flow["revision"].as_u64(),
        "{later:#}"
    );
    assert_eq!(later["computed"]["verdict"], "allowed", "{later:#}");
    assert!(came_to(&scene, "given_up", 1) && came_to(&scene, "told_again", 1));
    agent.stop().unwrap();
}

#[test]
fn a_pod_made_anew_under_its_name_gets_no_flows_of_the_one_before() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    wait_for(&agent, |status| {
        status["pods"] == 2 && every_watch(status, "following")
    });
    let before = scene.flow(&agent, 42_103);
    assert_eq!(before["source"]["pod_uid"], "uid-ci-build", "{before:#}");

    // A finished pod has given its address up, and another one of its name takes it.
    let mut finished = inventory::pod(scene.cluster.pod("ci/build").spec());
    finished["status"]["phase"] = json!("Succeeded");
    scene.server.apply(finished.clone()).unwrap();
    let mut anew = finished;
    anew["metadata"]["uid"] = json!("another");
    anew["status"]["phase"] = json!("Running");
    scene.server.delete("Pod", "ci", "build").unwrap();
    scene.server.apply(anew).unwrap();
    // Nothing tells when the agent has heard of it but a flow that says so.
    let mut ports = 42_104..42_140;
    let after = ports.find_map(|port| {
        let flow = scene.flow(&agent, port);
        (flow["source"]["pod_uid"] == "another").then_some(flow)
    });
    assert!(after.is_some());
    let before = flow_from(&agent, 42_103, |_| true);
    assert_eq!(before["source"]["pod_uid"], "uid-ci-build", "{before:#}");
    agent.stop().unwrap();
}
