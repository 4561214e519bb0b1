//! The agent asks for what its ClusterRole allows, and for all of it.

use std::collections::BTreeSet;
use std::path::Path;

use k8s_openapi::api::rbac::v1::ClusterRole;
use netpol_agent::inventory::Resource;
use netpol_testkit::api_server::custom_resource_definition;
use netpol_testkit::requirement::require_root;

use crate::scene::{Scene, wait_for};

/// Verb and resource of every rule of the role.
fn granted() -> BTreeSet<(String, String)> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/base/cluster-role.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).unwrap();
    let mut roles = documents
        .into_iter()
        .filter(|one| one["kind"] == "ClusterRole");
    let role: ClusterRole = serde_json::from_value(roles.next().unwrap()).unwrap();
    let mut granted = BTreeSet::new();
    for rule in role.rules.unwrap() {
        for group in rule.api_groups.unwrap() {
            for resource in rule.resources.iter().flatten() {
                let name = match &*group {
                    "" => resource.clone(),
                    group => format!("{resource}.{group}"),
                };
                granted.extend(rule.verbs.iter().map(|verb| (verb.clone(), name.clone())));
            }
        }
    }
    granted
}

#[test]
fn the_role_allows_what_is_asked_for_and_nothing_else() {
    if !require_root() {
        return;
    }
    let scene = Scene::new();
    let with_definition = Resource::ALL.into_iter().filter(|one| !one.is_built_in());
    for one in with_definition {
        // A group of two kinds has a definition for each.
        let definition = custom_resource_definition(
            one.group(),
            one.version(),
            one.plural(),
            one.kind(),
            "Cluster",
        );
        scene.server.apply(definition).unwrap();
    }
    let mut asked = BTreeSet::new();
    // API servers that stream lists, and older ones.
    for streamed in [true, false] {
        scene.server.stream_lists(streamed);
        let agent = scene.agent();
        wait_for(&agent, |status| {
            let watches = status["watches"].as_array().unwrap();
            watches.iter().all(|watch| watch["state"] == "following")
        });
        agent.stop().unwrap();
    }
    for (verb, resource) in scene.server.requests().into_keys() {
        // Discovery, which everybody may do.
        if !resource.starts_with('/') {
            asked.insert((verb, resource));
        }
    }
    assert_eq!(asked, granted());
}
