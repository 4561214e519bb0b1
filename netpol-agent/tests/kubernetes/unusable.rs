//! Objects that cannot be used.

use netpol_testkit::requirement::require_root;
use serde_json::json;

use crate::scene::{Scene, policy, wait_for};

#[test]
fn an_object_that_cannot_be_used_is_named_and_hides_no_other() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let mut broken = policy("broken");
    broken["spec"]["ingress"][0]["from"][0]["podSelector"] = json!(["app"]);
    scene.server.apply(broken).unwrap();
    scene.server.apply(policy("good")).unwrap();
    let agent = scene.agent();
    let status = wait_for(&agent, |status| status["generation"] != 0);
    assert_eq!(status["network_policies"], 1, "{status:#}");
    let error = &status["errors"][0];
    assert_eq!(error["object"], "NetworkPolicy data/broken");
    assert_eq!(error["field"], "spec.ingress[0].from[0].podSelector");
    assert_eq!(error["file"], "");

    // What goes bad later stays as it was.
    let mut bad = policy("good");
    bad["spec"]["ingress"][0]["from"][0] = json!({ "ipBlock": { "cidr": "10.0.0.0/99" } });
    scene.server.apply(bad).unwrap();
    let status = wait_for(&agent, |status| status["errors"][1].is_object());
    let error = &status["errors"][1];
    assert_eq!(error["object"], "NetworkPolicy data/good");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.ends_with("the version before stays in force"),
        "{error}"
    );
    assert_eq!(status["network_policies"], 1, "{status:#}");

    scene.server.apply(policy("good")).unwrap();
    scene
        .server
        .delete("NetworkPolicy", "data", "broken")
        .unwrap();
    wait_for(&agent, |status| status["errors"] == json!([]));
    agent.stop().unwrap();
}
