//! Policies of network plugins: counted, not evaluated.

use netpol_testkit::api_server::custom_resource_definition;
use netpol_testkit::requirement::require_root;
use serde_json::{Value, json};

use crate::scene::{Scene, policy, wait_for, watch};

const CILIUM: &str = "ciliumnetworkpolicies.cilium.io";
const CALICO: &str = "networkpolicies.crd.projectcalico.org";

fn install(scene: &Scene) {
    for (group, version, plural, kind) in [
        (
            "cilium.io",
            "v2",
            "ciliumnetworkpolicies",
            "CiliumNetworkPolicy",
        ),
        (
            "crd.projectcalico.org",
            "v1",
            "networkpolicies",
            "NetworkPolicy",
        ),
    ] {
        let definition = custom_resource_definition(group, version, plural, kind, "Namespaced");
        scene.server.apply(definition).unwrap();
    }
}

fn named(api_version: &str, kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": api_version,
        "kind": kind,
        "metadata": { "name": name, "namespace": "data" },
        // Of no use: metadata alone is asked for.
        "spec": { "endpointSelector": {} },
    })
}

#[test]
fn policies_of_plugins_are_counted_as_they_come_and_go() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    install(&scene);
    scene.server.apply(policy("same-name")).unwrap();
    scene
        .server
        .apply(named("cilium.io/v2", "CiliumNetworkPolicy", "one"))
        .unwrap();
    let agent = scene.agent();
    let status = wait_for(&agent, |status| status["generation"] != 0);
    let cilium = json!([
        { "api_version": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "count": 1 },
    ]);
    assert_eq!(status["not_evaluated"], cilium, "{status:#}");
    assert_eq!(
        watch(&status, "globalnetworkpolicies.crd.projectcalico.org")["state"],
        "absent"
    );

    // One of another group that is called as ours leaves ours alone.
    let calico = named("crd.projectcalico.org/v1", "NetworkPolicy", "same-name");
    scene.server.apply(calico).unwrap();
    let two = |status: &Value| status["not_evaluated"].as_array().unwrap().len() == 2;
    let status = wait_for(&agent, two);
    assert_eq!(status["network_policies"], 1, "{status:#}");
    let flow = scene.flow(&agent, 42_301);
    assert_eq!(flow["computed"]["verdict"], "denied", "{flow:#}");
    scene
        .server
        .delete("CiliumNetworkPolicy", "data", "one")
        .unwrap();
    let status = wait_for(&agent, |status| !two(status));
    assert_eq!(
        status["not_evaluated"][0]["api_version"],
        "crd.projectcalico.org/v1"
    );
    assert_eq!(status["network_policies"], 1, "{status:#}");
    agent.stop().unwrap();
}

#[test]
fn whether_there_are_any_may_not_be_known() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    install(&scene);
    scene.server.deny("watch", CILIUM);
    let agent = scene.agent();
    let status = wait_for(&agent, |status| status["generation"] != 0);
    let refused = watch(&status, CILIUM);
    assert_eq!(refused["state"], "failing", "{status:#}");
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.contains(&format!("needs watch on {CILIUM}"))
            && error.contains("not known whether there are such policies"),
        "{error}"
    );
    wait_for(&agent, |status| {
        watch(status, CALICO)["state"] == "following"
    });
    let flow = scene.flow(&agent, 42_302);
    assert_eq!(flow["computed"]["verdict"], "allowed", "{flow:#}");
    agent.stop().unwrap();
}
