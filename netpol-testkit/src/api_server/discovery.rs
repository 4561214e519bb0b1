//! What tells a client which groups, versions and resources there are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::resource::Resource;
use super::store::Store;

/// The answer for a discovery path, if `path` is one and what it asks about is served.
pub(crate) fn document(path: &str, store: &Store) -> Option<Value> {
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    match &*segments {
        ["version"] => Some(version()),
        ["api"] => Some(json!({ "kind": "APIVersions", "versions": ["v1"] })),
        ["apis"] => Some(groups(store)),
        ["api", version] => resources("", version, store),
        ["apis", name] => {
            let found = versions_by_group(store).remove(name)?;
            let mut document = group(name, &found);
            document["kind"] = json!("APIGroup");
            document["apiVersion"] = json!("v1");
            Some(document)
        }
        ["apis", group, version] => resources(group, version, store),
        _ => None,
    }
}

fn version() -> Value {
    json!({
        "major": "1",
        "minor": "34",
        "gitVersion": "v1.34.0",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "2025-08-27T00:00:00Z",
        "goVersion": "go1.24.6",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

fn groups(store: &Store) -> Value {
    let groups: Vec<Value> = versions_by_group(store)
        .iter()
        .map(|(name, versions)| group(name, versions))
        .collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn versions_by_group(store: &Store) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for resource in store
        .resources()
        .iter()
        .filter(|found| !found.group.is_empty())
    {
        let versions = groups.entry(&resource.group).or_default();
        if !versions.contains(&&*resource.version) {
            versions.push(&resource.version);
        }
    }
    groups
}

fn group(name: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions[0] })
}

fn resources(group: &str, version: &str, store: &Store) -> Option<Value> {
    let found: Vec<&Resource> = store
        .resources()
        .iter()
        .filter(|resource| (&*resource.group, &*resource.version) == (group, version))
        .collect();
    let resources: Vec<Value> = found.iter().map(|resource| entry(resource)).collect();
    let api_version = found.first()?.api_version();
    Some(json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": api_version,
        "resources": resources,
    }))
}

fn entry(resource: &Resource) -> Value {
    let verbs: &[&str] = if resource.is_review() {
        &["create"]
    } else {
        &["create", "get", "list", "patch", "watch"]
    };
    json!({
        "name": resource.plural,
        "singularName": resource.kind.to_lowercase(),
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verbs,
    })
}
