//! What is there, and what changes, is in force.

use netpol_testkit::api_server::custom_resource_definition;
use netpol_testkit::requirement::require_root;
use netpol_testkit::{PodSpec, inventory};
use serde_json::{Value, json};

use crate::scene::{CLUSTER_POLICIES, Scene, every_watch, policy, wait_for, watch};

#[test]
fn what_is_there_and_what_changes_is_in_force() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.server.apply(policy("closed")).unwrap();
    let agent = scene.agent();
    let first = wait_for(&agent, |status| status["generation"] != 0);
    assert_eq!(first["source"], scene.server.url() + "/");
    assert_eq!(
        (&first["pods"], &first["nodes"], &first["network_policies"]),
        (&json!(2), &json!(1), &json!(1)),
        "{first:#}"
    );
    wait_for(&agent, |status| every_watch(status, "following"));
    assert_eq!(watch(&first, CLUSTER_POLICIES)["state"], "absent");
    let lists = scene.server.requests().into_keys();
    let lists: Vec<_> = lists.filter(|(verb, _)| verb == "list").collect();
    assert_eq!(lists, [], "they are streamed");

    let flow = scene.flow(&agent, 42_001);
    assert_eq!(flow["source"]["pod"], "build", "{flow:#}");
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");

    let extra = PodSpec::new("ops/extra", [10, 244, 7, 30].into());
    scene.server.apply(inventory::pod(&extra)).unwrap();
    wait_for(&agent, |status| status["pods"] == 3);
    let mut open = policy("closed");
    open["spec"]["ingress"] = json!([{}]);
    scene.server.apply(open).unwrap();
    scene.server.apply(policy("other")).unwrap();
    scene.server.delete("Pod", "ops", "extra").unwrap();
    let changed = |status: &Value| status["network_policies"] == 2 && status["pods"] == 2;
    wait_for(&agent, changed);
    scene
        .server
        .delete("NetworkPolicy", "data", "other")
        .unwrap();
    wait_for(&agent, |status| status["network_policies"] == 1);
    let flow = scene.flow(&agent, 42_002);
    assert_eq!(flow["computed"]["verdict"], "allowed", "{flow:#}");
    agent.stop().unwrap();
}

#[test]
fn updates_of_what_nobody_uses_change_nothing() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    let before = wait_for(&agent, |status| status["generation"] != 0);
    let mut node = inventory::node();
    node["status"]["images"] = json!([{ "names": ["registry/app:1"], "sizeBytes": 7 }]);
    for _ in 0..5 {
        scene.server.apply(node.clone()).unwrap();
    }
    scene.server.apply(policy("last")).unwrap();
    let after = wait_for(&agent, |status| status["network_policies"] == 1);
    let generation = |status: &Value| status["generation"].as_u64().unwrap();
    assert_eq!(generation(&after), generation(&before) + 1);
    agent.stop().unwrap();
}

#[test]
fn policies_whose_definition_comes_later_are_found() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let agent = scene.agent();
    wait_for(&agent, |status| {
        watch(status, CLUSTER_POLICIES)["state"] == "absent"
    });
    let definition = custom_resource_definition(
        "policy.networking.k8s.io",
        "v1alpha2",
        "clusternetworkpolicies",
        "ClusterNetworkPolicy",
        "Cluster",
    );
    scene.server.apply(definition).unwrap();
    let policy = json!({
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": { "name": "no-builds" },
        "spec": {
            "tier": "Admin",
            "priority": 10,
            "subject": { "namespaces": {} },
            "ingress": [{ "action": "Deny", "from": [{ "namespaces": {} }] }],
        },
    });
    scene.server.apply(policy).unwrap();
    let status = wait_for(&agent, |status| {
        let policies = status["policies"].as_array().unwrap().iter();
        policies
            .into_iter()
            .any(|one| one["kind"] == "ClusterNetworkPolicy")
    });
    assert_eq!(watch(&status, CLUSTER_POLICIES)["state"], "following");
    agent.stop().unwrap();
}
