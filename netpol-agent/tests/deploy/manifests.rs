//! What people apply, as kustomize renders it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment},
    core::v1::{Container, PodSpec},
};
use netpol_testkit::requirement::{self, Requirement};
use netpol_testkit::{artifact, command};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) const BASE: &str = "base";
pub(crate) const METRICS: &str = "overlays/metrics";
pub(crate) const CLUSTER: &str = "overlays/cluster";
pub(crate) const CERT_MANAGER: &str = "overlays/cluster-cert-manager";
/// Everything that people apply.
pub(crate) const ENTRIES: [&str; 4] = [BASE, METRICS, CLUSTER, CERT_MANAGER];

/// Where kustomizations are.
pub(crate) fn directory() -> PathBuf {
    artifact::workspace().join("deploy/kubernetes")
}

/// False where the caller cannot run, for want of kubectl.
pub(crate) fn can_render() -> bool {
    requirement::require(&[Requirement::Command("kubectl")])
}

/// Objects of one of the [`ENTRIES`].
pub(crate) fn rendered(entry: &str) -> Vec<Value> {
    kustomize(&directory().join(entry))
}

/// Objects of the base with these components: what somebody's own overlay comes to.
pub(crate) fn composed(components: &[&str]) -> Vec<Value> {
    let temporary = tempfile::tempdir().unwrap();
    let place = temporary.path().canonicalize().unwrap();
    // kustomize takes relative paths alone.
    let up = "../".repeat(place.components().count() - 1);
    let ours = directory().canonicalize().unwrap();
    let ours = format!("{up}{}", ours.strip_prefix("/").unwrap().display());
    let components = components
        .iter()
        .map(|name| format!("{ours}/components/{name}"));
    let kustomization = serde_json::json!({
        "resources": [format!("{ours}/base")],
        "components": components.collect::<Vec<_>>(),
    });
    let file = place.join("kustomization.yaml");
    fs::write(file, kustomization.to_string()).unwrap();
    kustomize(&place)
}

fn kustomize(directory: &Path) -> Vec<Value> {
    let mut kubectl = Command::new(command::find("kubectl").unwrap());
    documents(&command::output(kubectl.arg("kustomize").arg(directory)).unwrap())
}

pub(crate) fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The object of this kind and name.
pub(crate) fn object<T: DeserializeOwned>(objects: &[Value], kind: &str, name: &str) -> T {
    let mut found = objects
        .iter()
        .filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    let object = found
        .next()
        .unwrap_or_else(|| panic!("no {kind} named {name}"));
    assert!(found.next().is_none(), "more than one {kind} named {name}");
    serde_json::from_value(object.clone()).unwrap()
}

/// All objects of this kind.
pub(crate) fn all<T: DeserializeOwned>(objects: &[Value], kind: &str) -> Vec<T> {
    let found = objects.iter().filter(|object| object["kind"] == kind);
    found
        .map(|object| serde_json::from_value(object.clone()).unwrap())
        .collect()
}

/// Pods of the agents.
pub(crate) fn agent_pod(objects: &[Value]) -> PodSpec {
    let agents: DaemonSet = object(objects, "DaemonSet", "netpol-agent");
    agents.spec.template.spec.unwrap()
}

/// Pods of the relay.
pub(crate) fn relay_pod(objects: &[Value]) -> PodSpec {
    let relay: Deployment = object(objects, "Deployment", "netpol-relay");
    relay.spec.template.spec.unwrap()
}

/// The only container of a pod.
pub(crate) fn container(pod: &PodSpec) -> &Container {
    let [container] = &pod.containers[..] else {
        panic!("{} containers", pod.containers.len())
    };
    container
}
