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
use crate::model::{
    Endpoint, EndpointPort, EndpointSlice, NamedPort, Pod, Protocol, Service, ServicePort,
    ServiceType, TargetPort,
};

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
    let ports = match (port, service.is_headless) {
        // What is dialled there is a pod's port already.
        (Some(PortRef::Number(number)), true) => vec![Wanted::Dialled(Some(*number))],
        (None, true) => vec![Wanted::Dialled(None)],
        _ => match service_ports(service, protocol, port) {
            Ok(ports) => ports.into_iter().map(Wanted::Port).collect(),
            // Who dials an address may find anything there.
            Err(_) if address.is_some() && matches!(port, Some(PortRef::Number(_))) => Vec::new(),
            Err(error) => return Err(error),
        },
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
        (Some(PortRef::Name(_)), [Wanted::Port(one), ..]) => one.port,
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

/// Which backends are wanted, and at which port.
enum Wanted<'a> {
    /// Those of a port of the Service, at the port that it is translated into.
    Port(&'a ServicePort),
    /// All of them, at the port that is dialled.
    Dialled(Option<u16>),
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

fn service_ports<'a>(
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

/// The backends that are wanted.
fn behind(inventory: &Inventory, service: &Service, wanted: &Wanted<'_>) -> Vec<Target> {
    let slices = inventory.endpoint_slices(service);
    if slices.is_empty() {
        return selected(inventory, service, wanted);
    }
    let listed = |is_wanted: fn(&Endpoint) -> bool| -> Vec<Target> {
        let mut targets: Vec<Target> = Vec::new();
        for slice in slices {
            let Some(port) = wanted.of_slice(slice) else {
                continue;
            };
            for endpoint in slice.endpoints.iter().filter(|one| is_wanted(one)) {
                let ends = endpoint.addresses.iter().map(|one| inventory.end_at(*one));
                for end in ends {
                    add(&mut targets, end, port);
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

impl Wanted<'_> {
    /// The port on the backends of a slice; outer `None` where it has no such port.
    fn of_slice(&self, slice: &EndpointSlice) -> Option<Option<u16>> {
        match self {
            Self::Dialled(port) => Some(*port),
            Self::Port(port) => {
                let is_it =
                    |one: &&EndpointPort| one.name == port.name && one.protocol == port.protocol;
                let found = slice.ports.iter().find(is_it)?;
                Some(Some(found.port.unwrap_or(port.port)))
            }
        }
    }

    /// The port on a pod; outer `None` where it has no such port.
    fn of_pod(&self, pod: &Pod) -> Option<Option<u16>> {
        let port = match self {
            Self::Dialled(port) => return Some(*port),
            Self::Port(port) => port,
        };
        Some(Some(match &port.target {
            TargetPort::Number(number) => *number,
            TargetPort::Name(name) => {
                let is_it = |one: &&NamedPort| one.name == *name && one.protocol == port.protocol;
                pod.ports.iter().find(is_it)?.port
            }
        }))
    }
}

/// A pod has one entry in the slices of each address family, and is one backend.
fn add(targets: &mut Vec<Target>, end: End, port: Option<u16>) {
    if let End::Pod { pod, .. } = &end {
        let same = targets.iter_mut().find(|target| {
            matches!(target.member.first(), Some(End::Pod { pod: known, .. }) if Arc::ptr_eq(known, pod))
                && target.port == port
        });
        if let Some(target) = same {
            target.member.push(end);
            return;
        }
    }
    let member = vec![end];
    targets.push(Target { member, port });
}

/// The pods that the selector matches, and what stands for the pods of templates that have none yet.
fn selected(inventory: &Inventory, service: &Service, wanted: &Wanted<'_>) -> Vec<Target> {
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
        Some(Target {
            port: wanted.of_pod(&pod)?,
            member: party::member(inventory, &pod),
        })
    };
    pods.filter_map(target).collect()
}
