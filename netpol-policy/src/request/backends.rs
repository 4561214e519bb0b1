//! Who answers behind a Service.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::alike::grouped;
use super::connections::{Target, Targets};
use super::hint::Hint;
use super::party::{self, Member};
use super::{PortRef, RequestError};
use crate::connection::End;
use crate::inventory::Inventory;
use crate::model::{Endpoint, Pod, Protocol, Service, ServicePort, ServiceType, TargetPort};

/// The backends of a Service for a port that is dialled, or for all its ports of a protocol where none is said. Of its
/// EndpointSlices where it has some, else of its selector. Where there is none, the Service itself stands for them.
///
/// # Errors
/// A port that the Service does not have, and a Service without backends and without an address.
pub(super) fn backends(
    inventory: &Inventory,
    service: &Arc<Service>,
    address: Option<IpAddr>,
    protocol: Protocol,
    port: Option<&PortRef>,
) -> Result<Targets, RequestError> {
    let addresses = match address {
        Some(address) => vec![address],
        None => service.cluster_addresses.clone(),
    };
    let ports = match dialled_ports(service, protocol, port) {
        Ok(ports) => ports,
        // Who dials an address may find anything there.
        Err(_) if address.is_some() && matches!(port, Some(PortRef::Number(_))) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut found: Vec<Target> = Vec::new();
    for one in &ports {
        let targets = behind(inventory, service, one);
        found.extend(targets.into_iter().map(|target| Target {
            // Without a port to dial there is none to be translated.
            port: target.port.filter(|_| port.is_some()),
            ..target
        }));
    }
    if found.is_empty() {
        let is_listed = !inventory.endpoint_slices(service).is_empty();
        return unknown(service, is_listed, &addresses, protocol, port);
    }
    let number = match (port, ports.as_slice()) {
        (Some(PortRef::Number(number)), _) => *number,
        (Some(PortRef::Name(_)), [one, ..]) => one.port,
        _ => 0,
    };
    Ok(Targets {
        groups: grouped(inventory, found, |target| (&target.member, target.port)),
        dialled: addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, number))
            .collect(),
        with_self: true,
    })
}

/// The Service itself, with whatever may be behind it.
fn unknown(
    service: &Arc<Service>,
    is_listed: bool,
    addresses: &[IpAddr],
    protocol: Protocol,
    port: Option<&PortRef>,
) -> Result<Targets, RequestError> {
    let member: Member = addresses
        .iter()
        .map(|address| End::Service {
            service: service.clone(),
            address: *address,
        })
        .collect();
    if member.is_empty() {
        return Err(RequestError::NoBackends {
            service: described(service),
            reason: match &service.selector {
                _ if service.kind == ServiceType::ExternalName => {
                    "it is a name for somebody outside"
                }
                _ if !protocol.is_defined() => "only TCP, UDP and SCTP reach them",
                _ if is_listed => "its EndpointSlices list none with that port",
                None => "it has no selector, and no EndpointSlice",
                Some(_) => "its selector matches no pod with that port",
            },
        });
    }
    let port = match port {
        Some(PortRef::Number(number)) => Some(*number),
        _ => None,
    };
    Ok(Targets {
        groups: vec![vec![Target { member, port }]],
        dialled: Vec::new(),
        with_self: true,
    })
}

fn described(service: &Service) -> String {
    format!("Service {}/{}", service.namespace, service.name)
}

fn dialled_ports<'a>(
    service: &'a Service,
    protocol: Protocol,
    port: Option<&PortRef>,
) -> Result<Vec<&'a ServicePort>, RequestError> {
    let of_protocol = service.ports.iter().filter(|one| one.protocol == protocol);
    let Some(port) = port else {
        return Ok(of_protocol.collect());
    };
    let mut fitting = of_protocol.filter(|one| match port {
        PortRef::Number(number) => one.port == *number,
        PortRef::Name(name) => *one.name == **name,
    });
    fitting.next().map(|one| vec![one]).ok_or_else(|| {
        let ports = service.ports.iter().map(|port| match &*port.name {
            "" => format!("{} {}", port.protocol, port.port),
            name => format!("{name} ({} {})", port.protocol, port.port),
        });
        RequestError::NoSuchPort {
            end: described(service),
            protocol,
            port: port.to_string(),
            hint: Hint::of(ports),
        }
    })
}

/// The backends of one port.
fn behind(inventory: &Inventory, service: &Service, port: &ServicePort) -> Vec<Target> {
    let slices = inventory.endpoint_slices(service);
    if slices.is_empty() {
        return selected(inventory, service, port);
    }
    let listed = |is_wanted: fn(&Endpoint) -> bool| -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        for slice in slices {
            let fits = |one: &&_| is_port(one, port);
            let Some(found) = slice.ports.iter().find(fits) else {
                continue;
            };
            let number = found.port.unwrap_or(port.port);
            for endpoint in slice.endpoints.iter().filter(|one| is_wanted(one)) {
                let ends = endpoint.addresses.iter().map(|one| inventory.end_at(*one));
                for end in ends {
                    add(&mut targets, end, number);
                }
            }
        }
        targets
    };
    // A policy says something also of backends that do not answer yet.
    let ready = listed(|endpoint| endpoint.ready);
    if ready.is_empty() {
        return listed(|_| true);
    }
    ready
}

fn is_port(one: &crate::model::EndpointPort, port: &ServicePort) -> bool {
    one.name == port.name && one.protocol == port.protocol
}

/// A pod has one entry in the slices of each address family, and is one backend.
fn add(targets: &mut Vec<Target>, end: End, port: u16) {
    if let End::Pod { pod, .. } = &end {
        let same = targets.iter_mut().find(|target| {
            matches!(target.member.first(), Some(End::Pod { pod: known, .. }) if Arc::ptr_eq(known, pod))
                && target.port == Some(port)
        });
        if let Some(target) = same {
            target.member.push(end);
            return;
        }
    }
    let member = vec![end];
    let port = Some(port);
    targets.push(Target { member, port });
}

/// The pods that the selector matches, and what stands for the pods of templates that have none yet.
fn selected(inventory: &Inventory, service: &Service, port: &ServicePort) -> Vec<Target> {
    let Some(selector) = &service.selector else {
        return Vec::new();
    };
    let is_selected = |pod: &&Arc<Pod>| {
        *pod.namespace == *service.namespace
            && !pod.phase.is_finished()
            && selector
                .iter()
                .all(|(key, value)| pod.labels.get(key) == Some(value))
    };
    let live = inventory.pods().filter(is_selected).cloned();
    let templates = inventory.templates().filter(|template| {
        let pods = inventory.pods_of(&template.namespace, &template.workload);
        is_selected(&&template.pod) && pods.iter().any(|pod| Arc::ptr_eq(pod, &template.pod))
    });
    let pods = live.chain(templates.map(|template| template.pod.clone()));
    let target = |pod: Arc<Pod>| {
        let number = match &port.target {
            TargetPort::Number(number) => *number,
            TargetPort::Name(name) => {
                let mut ports = pod.ports.iter();
                ports
                    .find(|one| one.name == *name && one.protocol == port.protocol)?
                    .port
            }
        };
        Some(Target {
            member: party::member(inventory, &pod),
            port: Some(number),
        })
    };
    pods.filter_map(target).collect()
}
