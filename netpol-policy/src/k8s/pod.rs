//! Pods, namespaces and nodes.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as api;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{ObjectError, address, labels, name, namespace_of, port, protocol};
use crate::model::{Cidr, NamedPort, Namespace, Node, Phase, Pod, Workload};

/// Converts a pod.
///
/// # Errors
/// The field that cannot be used.
pub fn pod(from: &api::Pod) -> Result<Pod, ObjectError> {
    let metadata = &from.metadata;
    let (no_spec, no_status) = Default::default();
    let spec = from.spec.as_ref().unwrap_or(&no_spec);
    let status = from.status.as_ref().unwrap_or(&no_status);
    let labels = labels(metadata);
    let mut addresses = Vec::new();
    for (index, found) in status.pod_ips.iter().flatten().enumerate() {
        addresses.push(address(&found.ip, format!("status.podIPs[{index}].ip"))?);
    }
    if addresses.is_empty()
        && let Some(found) = status.pod_ip.as_deref().filter(|found| !found.is_empty())
    {
        addresses.push(address(found, "status.podIP")?);
    }
    let controller = controller(metadata);
    let workload = controller
        .as_ref()
        .map(|controller| Workload::of_controller(&controller.kind, &controller.name, &labels));
    Ok(Pod {
        uid: metadata
            .uid
            .as_deref()
            .map_or_else(|| Arc::from(""), Arc::from),
        namespace: namespace_of(metadata),
        name: name(metadata)?,
        phase: phase(status.phase.as_deref())?,
        addresses,
        node: spec
            .node_name
            .as_deref()
            .filter(|node| !node.is_empty())
            .map(Arc::from),
        host_network: spec.host_network.unwrap_or(false),
        ports: named_ports(spec, "spec")?,
        controller,
        workload,
        started: status.start_time.as_ref().map(|time| time.0.as_second()),
        labels,
    })
}

/// The owner that manages an object.
pub fn controller(metadata: &ObjectMeta) -> Option<Workload> {
    let mut owners = metadata.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.controller == Some(true))?;
    Some(Workload {
        kind: owner.kind.as_str().into(),
        name: owner.name.as_str().into(),
    })
}

fn phase(text: Option<&str>) -> Result<Phase, ObjectError> {
    Ok(match text {
        None | Some("" | "Running") => Phase::Running,
        Some("Pending") => Phase::Pending,
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        Some("Unknown") => Phase::Unknown,
        Some(other) => {
            let message =
                format!("expected Pending, Running, Succeeded, Failed or Unknown, found {other:?}");
            return Err(ObjectError::new("status.phase", message));
        }
    })
}

/// Named ports of containers, and of init containers that go on running (rule 14). `field` is the path of the spec.
pub(super) fn named_ports(spec: &api::PodSpec, field: &str) -> Result<Vec<NamedPort>, ObjectError> {
    let containers = spec
        .containers
        .iter()
        .enumerate()
        .map(|found| ("containers", found));
    let restartable = spec
        .init_containers
        .iter()
        .flatten()
        .enumerate()
        .filter(|(_, container)| container.restart_policy.as_deref() == Some("Always"))
        .map(|found| ("initContainers", found));
    let mut ports = Vec::new();
    for (list, (index, container)) in containers.chain(restartable) {
        for (at, found) in container.ports.iter().flatten().enumerate() {
            let Some(name) = &found.name else {
                continue;
            };
            let field = format!("{field}.{list}[{index}].ports[{at}]");
            ports.push(NamedPort {
                name: name.as_str().into(),
                protocol: protocol(found.protocol.as_deref(), format!("{field}.protocol"))?,
                port: port(found.container_port, format!("{field}.containerPort"))?,
            });
        }
    }
    Ok(ports)
}

/// Converts a namespace.
///
/// # Errors
/// It has no name.
pub fn namespace(from: &api::Namespace) -> Result<Namespace, ObjectError> {
    Ok(Namespace {
        name: name(&from.metadata)?,
        labels: labels(&from.metadata),
    })
}

/// Converts a node.
///
/// # Errors
/// The field that cannot be used.
pub fn node(from: &api::Node) -> Result<Node, ObjectError> {
    let status = from.status.clone().unwrap_or_default();
    let mut addresses = Vec::new();
    for (index, found) in status.addresses.iter().flatten().enumerate() {
        if matches!(found.type_.as_str(), "InternalIP" | "ExternalIP") {
            addresses.push(address(
                &found.address,
                format!("status.addresses[{index}].address"),
            )?);
        }
    }
    let daemons = status.daemon_endpoints.unwrap_or_default();
    let kubelet_port = daemons.kubelet_endpoint.map(|found| found.port);
    let spec = from.spec.clone().unwrap_or_default();
    let blocks = match spec.pod_cidrs {
        Some(blocks) if !blocks.is_empty() => blocks,
        _ => spec.pod_cidr.into_iter().collect(),
    };
    let mut pod_cidrs = Vec::new();
    for (index, text) in blocks.iter().enumerate() {
        let (block, _) = Cidr::parse_lenient(text).map_err(|error| {
            ObjectError::new(format!("spec.podCIDRs[{index}]"), error.to_string())
        })?;
        pod_cidrs.push(block);
    }
    Ok(Node {
        name: name(&from.metadata)?,
        labels: labels(&from.metadata),
        addresses,
        // 0 where the kubelet says nothing.
        kubelet_port: kubelet_port
            .filter(|port| *port != 0)
            .and_then(|port| port.try_into().ok()),
        pod_cidrs,
    })
}
