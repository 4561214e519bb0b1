//! Services and EndpointSlices.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{ObjectError, address, name, namespace_of, port, protocol};
use crate::model::{
    Endpoint, EndpointPort, EndpointSlice, Labels, Service, ServicePort, ServiceType, TargetPort,
};

/// The label by which an EndpointSlice names its Service.
const SERVICE_NAME_LABEL: &str = "kubernetes.io/service-name";

/// Converts a Service.
///
/// # Errors
/// The field that cannot be used.
pub fn service(from: &core::Service) -> Result<Service, ObjectError> {
    let spec = from.spec.clone().unwrap_or_default();
    let kind = match spec.type_.as_deref() {
        None | Some("" | "ClusterIP") => ServiceType::ClusterIp,
        Some("NodePort") => ServiceType::NodePort,
        Some("LoadBalancer") => ServiceType::LoadBalancer,
        Some("ExternalName") => ServiceType::ExternalName,
        Some(other) => {
            let message = format!(
                "expected ClusterIP, NodePort, LoadBalancer or ExternalName, found {other:?}"
            );
            return Err(ObjectError::new("spec.type", message));
        }
    };
    let listed = match spec.cluster_ips {
        Some(listed) if !listed.is_empty() => listed,
        _ => spec.cluster_ip.into_iter().collect(),
    };
    let is_headless = listed.iter().any(|text| text == "None");
    let mut cluster_addresses = Vec::new();
    for (index, text) in listed.iter().enumerate() {
        if !matches!(text.as_str(), "None" | "") {
            cluster_addresses.push(address(text, format!("spec.clusterIPs[{index}]"))?);
        }
    }
    let mut external_addresses = Vec::new();
    for (index, text) in spec.external_ips.iter().flatten().enumerate() {
        external_addresses.push(address(text, format!("spec.externalIPs[{index}]"))?);
    }
    let balancer = from
        .status
        .clone()
        .unwrap_or_default()
        .load_balancer
        .unwrap_or_default();
    for (index, ingress) in balancer.ingress.iter().flatten().enumerate() {
        if let Some(text) = &ingress.ip {
            let field = format!("status.loadBalancer.ingress[{index}].ip");
            external_addresses.push(address(text, field)?);
        }
    }
    if is_headless || kind == ServiceType::ExternalName {
        // A name alone: nothing translates addresses that it may list.
        cluster_addresses.clear();
        external_addresses.clear();
    }
    let mut ports = Vec::new();
    for (index, found) in spec.ports.iter().flatten().enumerate() {
        let field = format!("spec.ports[{index}]");
        let node_port = found.node_port.filter(|port| *port != 0);
        let number = port(found.port, format!("{field}.port"))?;
        ports.push(ServicePort {
            name: found.name.as_deref().unwrap_or_default().into(),
            protocol: protocol(found.protocol.as_deref(), format!("{field}.protocol"))?,
            port: number,
            target: match &found.target_port {
                None | Some(IntOrString::Int(0)) => TargetPort::Number(number),
                Some(IntOrString::Int(target)) => {
                    TargetPort::Number(port(*target, format!("{field}.targetPort"))?)
                }
                Some(IntOrString::String(name)) => TargetPort::Name(name.as_str().into()),
            },
            node_port: node_port
                .map(|one| port(one, format!("{field}.nodePort")))
                .transpose()?,
        });
    }
    Ok(Service {
        namespace: namespace_of(&from.metadata),
        name: name(&from.metadata)?,
        kind,
        cluster_addresses,
        is_headless,
        external_addresses,
        selector: spec
            .selector
            .filter(|selector| !selector.is_empty())
            .map(Labels::from),
        ports,
    })
}

/// Converts an EndpointSlice. Backends by domain name have no address and are left out.
///
/// # Errors
/// The field that cannot be used.
pub fn endpoint_slice(from: &discovery::EndpointSlice) -> Result<EndpointSlice, ObjectError> {
    let service = from
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(SERVICE_NAME_LABEL));
    let mut endpoints = Vec::new();
    if from.address_type != "FQDN" {
        for (index, found) in from.endpoints.iter().flatten().enumerate() {
            let mut addresses = Vec::new();
            for (at, text) in found.addresses.iter().enumerate() {
                addresses.push(address(
                    text,
                    format!("endpoints[{index}].addresses[{at}]"),
                )?);
            }
            let ready = found
                .conditions
                .as_ref()
                .and_then(|conditions| conditions.ready);
            endpoints.push(Endpoint {
                addresses,
                ready: ready.unwrap_or(true),
            });
        }
    }
    let mut ports = Vec::new();
    for (index, found) in from.ports.iter().flatten().enumerate() {
        let field = format!("ports[{index}]");
        ports.push(EndpointPort {
            name: found.name.as_deref().unwrap_or_default().into(),
            protocol: protocol(found.protocol.as_deref(), format!("{field}.protocol"))?,
            port: found
                .port
                .map(|one| port(one, format!("{field}.port")))
                .transpose()?,
        });
    }
    Ok(EndpointSlice {
        namespace: namespace_of(&from.metadata),
        name: name(&from.metadata)?,
        service: service.map(|name| Arc::from(name.as_str())),
        endpoints,
        ports,
    })
}
