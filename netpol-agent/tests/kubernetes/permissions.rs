//! What the agent may not read.

use netpol_testkit::requirement::require_root;
use serde_json::json;

use crate::scene::{CLUSTER_POLICIES, POLICIES, Scene, policy, wait_for, watch};

#[test]
fn a_missing_permission_costs_that_resource_alone() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    scene.server.deny("watch", POLICIES);
    scene.server.deny("watch", CLUSTER_POLICIES);
    scene.server.apply(policy("unseen")).unwrap();
    let agent = scene.agent();
    let status = wait_for(&agent, |status| status["generation"] != 0);
    assert_eq!(
        (&status["pods"], &status["network_policies"]),
        (&json!(2), &json!(0))
    );
    let refused = watch(&status, POLICIES);
    assert_eq!(refused["state"], "failing");
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.contains(&format!("needs watch on {POLICIES}")),
        "{error}"
    );
    assert_eq!(watch(&status, "pods")["state"], "following");
    assert_eq!(watch(&status, CLUSTER_POLICIES)["state"], "absent");
    let flow = scene.flow(&agent, 42_004);
    assert_eq!(flow["source"]["pod"], "build", "{flow:#}");
    assert_eq!(flow["computed"]["verdict"], "unknown", "{flow:#}");
    assert_eq!(flow["computed"]["caveats"], json!(["policies-unread"]));
    scene.server.allow("watch", POLICIES);
    wait_for(&agent, |status| {
        status["network_policies"] == 1 && watch(status, POLICIES)["state"] == "following"
    });
    let flow = scene.flow(&agent, 42_005);
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");
    agent.stop().unwrap();
}
