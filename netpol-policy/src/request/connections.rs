//! Two parties and a port, as every connection that they stand for.

use std::net::{IpAddr, SocketAddr};

use super::backends::backends;
use super::hint::Hint;
use super::party::{Groups, Member, Who, port_names};
use super::{Party, PortRef, RequestError};
use crate::connection::{Connection, End};
use crate::inventory::Inventory;
use crate::model::Protocol;

/// Whom a connection can reach, and how.
pub(super) struct Target {
    pub(super) member: Member,
    pub(super) port: Option<u16>,
}

/// Everybody that the opener may reach; those together that no policy can tell apart.
pub(super) struct Targets {
    pub(super) groups: Vec<Vec<Target>>,
    /// What was dialled, where that is a Service: its addresses, and its port.
    pub(super) dialled: Vec<SocketAddr>,
    /// Whether connections of a member to itself are meant too.
    pub(super) with_self: bool,
}

/// Every connection that a question is about: at least one, in an order that depends on the inventory alone.
///
/// Each pod of a workload is asked about, and each backend of a Service, but of those that no policy can tell apart only
/// one. A pod with addresses of both families is asked about in each that the other end has too, IPv4 first.
///
/// # Errors
/// A port that the destination does not have, or that its protocol cannot have; a Service as opener.
pub fn connections(
    inventory: &Inventory,
    from: &Party,
    to: &Party,
    protocol: Protocol,
    port: Option<&PortRef>,
) -> Result<Vec<Connection>, RequestError> {
    if port.is_some() && !protocol.is_defined() {
        return Err(RequestError::PortWithoutProtocol { protocol });
    }
    let opener;
    let sources = match &from.0 {
        Who::Members(groups) => groups,
        Who::Service {
            service,
            address: None,
        } => {
            let service = format!("Service {}/{}", service.namespace, service.name);
            return Err(RequestError::OpenedByService { service });
        }
        // A packet may come from any address; what it says of the sender is not known then.
        Who::Service {
            service,
            address: Some(address),
        } => {
            let service = service.clone();
            let address = *address;
            opener = Groups(vec![vec![vec![End::Service { service, address }]]]);
            &opener
        }
    };
    let (targets, on_nodes) = match &to.0 {
        Who::Members(groups) => (members(groups, protocol, port)?, groups.has_nodes()),
        Who::Service { service, address } => {
            let backends = backends(inventory, service, *address, protocol, port)?;
            let mut members = backends.groups.iter().flatten();
            let on_nodes = members.any(|target| is_on_node(&target.member));
            (backends, on_nodes)
        }
    };
    let mut connections = Vec::new();
    // Which node a pod is on decides only beside a node (rule 20); otherwise one of each group stands for it.
    let sources_on_nodes = sources.has_nodes();
    for group in &sources.0 {
        let asked = if on_nodes { group.len() } else { 1 };
        for source in &group[..asked] {
            for group in &targets.groups {
                for target in chosen(source, group, sources_on_nodes, targets.with_self) {
                    pair(source, target, protocol, &targets.dialled, &mut connections);
                }
            }
        }
    }
    if connections.is_empty() {
        // A workload of one pod, asked about itself.
        for (source, target) in sources
            .0
            .iter()
            .flatten()
            .zip(targets.groups.iter().flatten())
        {
            pair(source, target, protocol, &targets.dialled, &mut connections);
        }
    }
    Ok(connections)
}

fn is_on_node(member: &[End]) -> bool {
    match member.first() {
        Some(End::Pod { pod, .. }) => pod.host_network,
        Some(End::Node { .. }) => true,
        _ => false,
    }
}

/// The ports of those who are dialled themselves. Who does not have a port of that name is not meant.
fn members(
    groups: &Groups,
    protocol: Protocol,
    port: Option<&PortRef>,
) -> Result<Targets, RequestError> {
    let target = |member: &Member| -> Option<Target> {
        let port = match port {
            None => None,
            Some(PortRef::Number(number)) => Some(*number),
            Some(PortRef::Name(name)) => {
                let mut ports = port_names(member)?.iter();
                let named = ports.find(|one| *one.name == **name && one.protocol == protocol)?;
                Some(named.port)
            }
        };
        let member = member.clone();
        Some(Target { member, port })
    };
    let targets = groups.0.iter().map(|group| {
        let group = group.iter();
        group.filter_map(target).collect::<Vec<_>>()
    });
    let targets: Vec<_> = targets.filter(|group| !group.is_empty()).collect();
    if let (true, Some(port)) = (targets.is_empty(), port) {
        return Err(no_such_port(groups, protocol, port));
    }
    Ok(Targets {
        groups: targets,
        dialled: Vec::new(),
        with_self: groups.0.iter().map(Vec::len).sum::<usize>() == 1,
    })
}

fn no_such_port(groups: &Groups, protocol: Protocol, port: &PortRef) -> RequestError {
    let mut ends = groups.0.iter().flatten().flatten();
    let end = ends.next().map(ToString::to_string).unwrap_or_default();
    let port = port.to_string();
    let members = groups.0.iter().flatten();
    let mut named: Vec<_> = members.filter_map(|member| port_names(member)).collect();
    if named.is_empty() {
        return RequestError::NamedPortOfNobody { port, end };
    }
    named.dedup();
    let mut names: Vec<_> = named
        .into_iter()
        .flatten()
        .map(|port| format!("{} ({} {})", port.name, port.protocol, port.port))
        .collect();
    names.sort();
    names.dedup();
    RequestError::NoSuchPort {
        end: format!("pod {end}"),
        protocol,
        port,
        hint: Hint::of(names),
    }
}

/// Those of a group that have to be asked about: one that is not the opener itself stands for all others.
fn chosen<'a>(
    source: &'a [End],
    group: &'a [Target],
    each: bool,
    with_self: bool,
) -> impl Iterator<Item = &'a Target> {
    let mut is_first = true;
    group.iter().filter(move |target| {
        if is_same(source, &target.member) {
            return with_self;
        }
        each || std::mem::take(&mut is_first)
    })
}

/// Whether both are one pod. What stands for the pods of a template is not one.
fn is_same(one: &[End], other: &[End]) -> bool {
    match (one.first(), other.first()) {
        (Some(End::Pod { pod: one, .. }), Some(End::Pod { pod: other, .. })) => {
            !one.is_representative() && one.namespace == other.namespace && one.name == other.name
        }
        _ => false,
    }
}

/// The connections of two, one for each address family that both have; of two that have none in common, that of their
/// first addresses. An end without an address is of any family.
fn pair(
    source: &[End],
    target: &Target,
    protocol: Protocol,
    dialled: &[SocketAddr],
    connections: &mut Vec<Connection>,
) {
    let connection = |source: &End, destination: &End, dialled: Option<&SocketAddr>| Connection {
        source: source.clone(),
        destination: destination.clone(),
        protocol,
        destination_port: target.port,
        dialled: dialled.copied(),
    };
    let before = connections.len();
    for is_ipv4 in [true, false] {
        let fits = |address: IpAddr| address.is_ipv4() == is_ipv4;
        let of_family = |ends: &[End]| {
            let place = ends.iter().position(|end| end.address().is_none_or(fits));
            place
        };
        let (Some(one), Some(other)) = (of_family(source), of_family(&target.member)) else {
            continue;
        };
        let (one, other) = (&source[one], &target.member[other]);
        let through = dialled.iter().find(|dialled| fits(dialled.ip()));
        if through.is_none() && !dialled.is_empty() {
            continue;
        }
        connections.push(connection(one, other, through));
        if one.address().is_none() && other.address().is_none() && dialled.is_empty() {
            // The other family would be the same question.
            break;
        }
    }
    if connections.len() == before
        && let (Some(one), Some(other)) = (source.first(), target.member.first())
    {
        connections.push(connection(one, other, dialled.first()));
    }
}
