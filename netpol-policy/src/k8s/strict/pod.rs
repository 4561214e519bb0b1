//! Pods, namespaces and nodes.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1 as api;

use super::{Findings, Name, Scope, metadata, node_cidrs};
use crate::k8s::syntax::{is_dns_label, is_port_name};
use crate::k8s::{ObjectError, port, protocol};

/// Checks a pod.
#[must_use]
pub fn pod(from: &api::Pod) -> Vec<ObjectError> {
    let mut findings = Findings::default();
    metadata(
        &from.metadata,
        Scope::Namespaced,
        Name::Subdomain,
        &mut findings,
    );
    match &from.spec {
        Some(spec) => pod_spec(spec, "spec", &RESTART_POLICIES, &mut findings),
        None => findings.add("spec", "expected a pod's spec, found none"),
    }
    findings.into_errors()
}

/// Checks a namespace.
#[must_use]
pub fn namespace(from: &api::Namespace) -> Vec<ObjectError> {
    let mut findings = Findings::default();
    metadata(&from.metadata, Scope::Cluster, Name::Label, &mut findings);
    findings.into_errors()
}

/// Checks a node.
#[must_use]
pub fn node(from: &api::Node) -> Vec<ObjectError> {
    let mut findings = Findings::default();
    metadata(
        &from.metadata,
        Scope::Cluster,
        Name::Subdomain,
        &mut findings,
    );
    findings.extend(node_cidrs(from));
    findings.into_errors()
}

/// All that the API knows; a missing one means the first.
pub(super) const RESTART_POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];

/// A pod's spec, or that of a pod template.
pub(super) fn pod_spec(
    from: &api::PodSpec,
    field: &str,
    restart_policies: &[&str],
    findings: &mut Findings,
) {
    let restart = from
        .restart_policy
        .as_deref()
        .unwrap_or(RESTART_POLICIES[0]);
    findings.one_of(restart, restart_policies, format!("{field}.restartPolicy"));
    if from.containers.is_empty() {
        let message = "expected at least one container, found none";
        findings.add(format!("{field}.containers"), message);
    }
    let is_host_network = from.host_network == Some(true);
    let mut names = BTreeSet::new();
    let lists = [
        ("containers", Some(&from.containers)),
        ("initContainers", from.init_containers.as_ref()),
    ];
    for (list, containers) in lists {
        for (index, found) in containers.into_iter().flatten().enumerate() {
            let field = format!("{field}.{list}[{index}]");
            if !names.insert(&found.name) {
                let message = format!("expected each name once, found {:?} again", found.name);
                findings.add(format!("{field}.name"), message);
            }
            container(found, is_host_network, &field, findings);
        }
    }
}

fn container(from: &api::Container, is_host_network: bool, field: &str, findings: &mut Findings) {
    let text = |found: &Option<String>| found.clone().unwrap_or_default();
    findings.form(
        &from.name,
        format!("{field}.name"),
        "a DNS label",
        is_dns_label,
    );
    findings.form(
        &text(&from.image),
        format!("{field}.image"),
        "an image",
        |_| true,
    );
    let mut names = BTreeSet::new();
    for (index, found) in from.ports.iter().flatten().enumerate() {
        let field = format!("{field}.ports[{index}]");
        if let Some(name) = &found.name {
            let field = format!("{field}.name");
            findings.form(name, &field, "the name of a port", is_port_name);
            if !names.insert(name) {
                let message = format!("expected each name once, found {name:?} again");
                findings.add(field, message);
            }
        }
        findings.check(port(found.container_port, format!("{field}.containerPort")));
        findings.check(protocol(
            found.protocol.as_deref(),
            format!("{field}.protocol"),
        ));
        let Some(host_port) = found.host_port.filter(|number| *number != 0) else {
            continue;
        };
        let field = format!("{field}.hostPort");
        findings.check(port(host_port, &field));
        if is_host_network && host_port != found.container_port {
            let message = format!(
                "expected containerPort as the pod is on the host's network, found {host_port}"
            );
            findings.add(field, message);
        }
    }
}
