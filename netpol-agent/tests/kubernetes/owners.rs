//! What runs a pod, by the objects between them.

use netpol_testkit::requirement::require_root;
use netpol_testkit::{PodSpec, inventory};
use serde_json::{Value, json};

use crate::scene::{Scene, every_watch, wait_for, watch};

const REPLICA_SETS: &str = "replicasets.apps";

fn owner(api_version: &str, kind: &str, name: &str) -> Value {
    json!([{
        "apiVersion": api_version, "kind": kind, "name": name, "uid": "1", "controller": true,
    }])
}

fn replica_set(name: &str, owners: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": "ci", "labels": { "pod-template-hash": "5d4f" },
            "ownerReferences": owners,
        },
        "spec": { "selector": {} },
    })
}

/// Says that `ci/build` is controlled by this.
fn run_by(scene: &Scene, owners: &Value) {
    let spec = PodSpec::new("ci/build", [10, 244, 7, 10].into()).label("pod-template-hash", "5d4f");
    let mut build = inventory::pod(&spec);
    build["metadata"]["ownerReferences"] = owners.clone();
    scene.server.apply(build).unwrap();
}

fn workload(flow: &Value) -> String {
    let workload = &flow["source"]["workload"];
    format!(
        "{}/{}",
        workload["kind"].as_str().unwrap_or_default(),
        workload["name"].as_str().unwrap_or_default()
    )
}

#[test]
fn owners_of_owners_are_found() {
    if !require_root() {
        return;
    }
    for (port, pods_owner, between, expected) in [
        (
            42_201,
            owner("apps/v1", "ReplicaSet", "web-5d4f"),
            replica_set("web-5d4f", &owner("apps/v1", "Deployment", "web")),
            "Deployment/web",
        ),
        (
            42_202,
            owner("apps/v1", "ReplicaSet", "web-5d4f"),
            replica_set(
                "web-5d4f",
                &owner("argoproj.io/v1alpha1", "Rollout", "canary"),
            ),
            "Rollout/canary",
        ),
        (
            42_203,
            owner("apps/v1", "ReplicaSet", "web-5d4f"),
            replica_set("web-5d4f", &json!([])),
            "ReplicaSet/web-5d4f",
        ),
        (
            42_204,
            owner("batch/v1", "Job", "night-29"),
            json!({
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {
                    "name": "night-29", "namespace": "ci",
                    "ownerReferences": owner("batch/v1", "CronJob", "night"),
                },
                "spec": {},
            }),
            "CronJob/night",
        ),
    ] {
        let scene = Scene::new();
        run_by(&scene, &pods_owner);
        scene.server.apply(between).unwrap();
        let agent = scene.agent();
        wait_for(&agent, |status| {
            status["pods"] == 2 && every_watch(status, "following")
        });
        assert_eq!(workload(&scene.flow(&agent, port)), expected);
        agent.stop().unwrap();
    }
}

#[test]
fn an_owner_that_changes_or_may_not_be_read() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.server.deny("watch", REPLICA_SETS);
    run_by(&scene, &owner("apps/v1", "ReplicaSet", "web-5d4f"));
    let rollout = owner("argoproj.io/v1alpha1", "Rollout", "canary");
    scene
        .server
        .apply(replica_set("web-5d4f", &rollout))
        .unwrap();
    let agent = scene.agent();
    let status = wait_for(&agent, |status| status["generation"] != 0);
    let error = watch(&status, REPLICA_SETS)["error"].as_str().unwrap();
    assert!(
        error.contains("needs watch on replicasets.apps") && error.contains("guessed"),
        "{error}"
    );
    let flow = scene.flow(&agent, 42_211);
    assert_eq!(workload(&flow), "Deployment/web", "by the names alone");
    assert_eq!(flow["computed"]["verdict"], "allowed", "{flow:#}");

    scene.server.allow("watch", REPLICA_SETS);
    wait_for(&agent, |status| {
        watch(status, REPLICA_SETS)["state"] == "following"
    });
    // Nothing tells when the agent makes use of it but a flow that says so.
    let told = |port| workload(&scene.flow(&agent, port));
    assert!((42_212..42_240).any(|port| told(port) == "Rollout/canary"));
    scene.server.delete("ReplicaSet", "ci", "web-5d4f").unwrap();
    // The pod outlives it for a while, and is told as if nothing had been read.
    assert!((42_240..42_270).any(|port| told(port) == "Deployment/web"));
    agent.stop().unwrap();
}
