//! Overlays are made of components, and all render.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::manifests::{self, BASE, CERT_MANAGER, CLUSTER, METRICS};

/// Every file below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Files and directories that a kustomization names.
fn named(kustomization: &Value) -> Vec<String> {
    let list = |name: &str| kustomization[name].as_array().cloned().unwrap_or_default();
    let patches = list("patches").into_iter().map(|one| one["path"].clone());
    let all = list("resources").into_iter().chain(list("components"));
    all.chain(patches)
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_file_is_taken_in_by_the_kustomization_beside_it() {
    let files = files(&manifests::directory());
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let directory = file.parent().unwrap();
        let text = manifests::read(&directory.join("kustomization.yaml"));
        let names = named(&manifests::documents(&text).remove(0));
        for name in &names {
            assert!(directory.join(name).exists(), "{}: {name}", file.display());
        }
        let own = file.file_name().unwrap().to_str().unwrap();
        assert!(
            own == "kustomization.yaml" || names.iter().any(|name| name == own),
            "{} is not used",
            file.display()
        );
    }
}

fn identities(objects: &[Value]) -> BTreeSet<String> {
    let identity = |object: &Value| {
        let [kind, name] =
            [&object["kind"], &object["metadata"]["name"]].map(|word| word.as_str().unwrap());
        format!("{kind}/{name}")
    };
    objects.iter().map(identity).collect()
}

#[test]
fn each_overlay_adds_to_the_one_before() {
    if !manifests::can_render() {
        return;
    }
    let [base, metrics, cluster, certificates] =
        [BASE, METRICS, CLUSTER, CERT_MANAGER].map(|entry| identities(&manifests::rendered(entry)));
    let added = |more: &BTreeSet<String>, less: &BTreeSet<String>| -> Vec<String> {
        assert!(less.is_subset(more));
        more.difference(less).cloned().collect()
    };
    assert_eq!(
        added(&metrics, &base),
        [
            "Service/netpol-agent-metrics",
            "ServiceMonitor/netpol-agent"
        ]
    );
    assert_eq!(
        added(&cluster, &base),
        [
            "ClusterRole/netpol-reader",
            "ClusterRole/netpol-relay",
            "ClusterRoleBinding/netpol-auth-delegator",
            "ClusterRoleBinding/netpol-reader",
            "ClusterRoleBinding/netpol-relay",
            "Deployment/netpol-relay",
            "NetworkPolicy/netpol-agent-flows",
            "NetworkPolicy/netpol-relay",
            "PodDisruptionBudget/netpol-relay",
            "Role/netpol-client",
            "Role/netpol-relay",
            "RoleBinding/netpol-relay",
            "Service/netpol-agent",
            "Service/netpol-relay",
            "ServiceAccount/netpol-reader",
            "ServiceAccount/netpol-relay",
        ]
    );
    assert_eq!(
        added(&certificates, &cluster),
        [
            "Certificate/netpol-agent",
            "Certificate/netpol-ca",
            "Certificate/netpol-relay",
            "Issuer/netpol",
            "Issuer/netpol-self-signed",
        ]
    );
}

#[test]
fn every_object_says_what_it_is_part_of() {
    if !manifests::can_render() {
        return;
    }
    for object in manifests::rendered(CERT_MANAGER) {
        assert_eq!(
            object["metadata"]["labels"]["app.kubernetes.io/part-of"], "netpol",
            "{} {}",
            object["kind"], object["metadata"]["name"]
        );
    }
}
