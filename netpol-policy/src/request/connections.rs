//! Two parties and a port, as every connection that they stand for.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::alike::Block;
use super::backends::backends;
use super::hint::Hint;
use super::party::{Member, Who};
use super::{Party, PortRef, RequestError};
use crate::connection::{Connection, End};
use crate::inventory::Inventory;
use crate::model::{NamedPort, Protocol};

/// Whom a connection can reach, and at which port.
pub(super) struct Target {
    pub(super) member: Member,
    pub(super) port: Option<u16>,
}

/// Everybody that the opener may reach.
pub(super) struct Targets {
    /// Those together that no policy can tell apart.
    pub(super) groups: Vec<Vec<Target>>,
    /// What was dialled, where that is a Service: its addresses, and its port (0 where none is asked about).
    pub(super) dialled: Vec<SocketAddr>,
    /// Whether a pod that is reached may be the opener too. Otherwise a pod's connection to itself is only meant where
    /// there is no other.
    pub(super) with_self: bool,
}

/// Every connection that a question is about: at least one, in an order that depends on the inventory alone.
///
/// Each pod of a workload is asked about, and each backend of a Service, but of those that no policy can tell apart only
/// one. A pod with addresses of both families is asked about in each that the other end has too, IPv4 first; where no
/// policy compares any of the addresses with a block, in one.
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
        // A packet may bear any address; who sent it is not known then.
        Who::Service {
            service,
            address: Some(address),
        } => {
            let end = End::Service {
                service: service.clone(),
                address: *address,
            };
            opener = vec![vec![vec![end]]];
            &opener
        }
    };
    let targets = match &to.0 {
        Who::Members(groups) => members(groups, protocol, port)?,
        Who::Service { service, address } => {
            backends(inventory, service, *address, protocol, port)?
        }
    };
    let ask = Asked {
        inventory,
        protocol,
        dialled: &targets.dialled,
    };
    let (mut connections, mut to_themselves) = (Vec::new(), Vec::new());
    for sources in sources {
        for targets in &targets.groups {
            if let Some((source, target)) = oneself(sources, targets) {
                ask.pair(source, target, &mut to_themselves);
            }
            for (source, target) in representatives(sources, targets) {
                ask.pair(source, target, &mut connections);
            }
        }
    }
    if targets.with_self || connections.is_empty() {
        connections.append(&mut to_themselves);
    }
    Ok(connections)
}

/// Those who are dialled themselves. Who does not have a port of the name that is asked about is not meant.
fn members(
    groups: &[Vec<Member>],
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
    let targets = groups.iter().map(|group| {
        let group = group.iter();
        group.filter_map(target).collect::<Vec<_>>()
    });
    let targets: Vec<_> = targets.filter(|group| !group.is_empty()).collect();
    if let (true, Some(port)) = (targets.is_empty(), port) {
        return Err(no_such_port(groups, protocol, port));
    }
    Ok(Targets {
        with_self: false,
        groups: targets,
        dialled: Vec::new(),
    })
}

/// The names that a member gives to ports; `None` where it gives none to any.
fn port_names(member: &[End]) -> Option<&[NamedPort]> {
    match member.first() {
        Some(End::Pod { pod, .. }) => Some(&pod.ports),
        _ => None,
    }
}

fn no_such_port(groups: &[Vec<Member>], protocol: Protocol, port: &PortRef) -> RequestError {
    let members = groups.iter().flatten();
    let first = members.clone().flatten().next();
    let end = first.map(ToString::to_string).unwrap_or_default();
    let port = port.to_string();
    let named: Vec<_> = members.filter_map(|member| port_names(member)).collect();
    if named.is_empty() {
        return RequestError::NamedPortOfNobody { port, end };
    }
    let names = named.into_iter().flatten();
    let names = names.map(|port| format!("{} ({} {})", port.name, port.protocol, port.port));
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.dedup();
    RequestError::NoSuchPort {
        end: format!("pod {end}"),
        protocol,
        port,
        hint: Hint::of(names),
    }
}

/// A pod that is in both groups, if there is one.
fn oneself<'a>(sources: &'a [Member], targets: &'a [Target]) -> Option<(&'a Member, &'a Target)> {
    let pairs = sources.iter().filter_map(|source| {
        let mut targets = targets.iter();
        let target = targets.find(|target| is_same(source, &target.member))?;
        Some((source, target))
    });
    { pairs }.next()
}

/// Two that are not one pod, which stand for all such pairs of two groups. Between a pod and a node it counts whether the
/// pod is on that node (rule 20): there is a pair of each kind then.
fn representatives<'a>(
    sources: &'a [Member],
    targets: &'a [Target],
) -> impl Iterator<Item = (&'a Member, &'a Target)> {
    let find = |is_wanted: &dyn Fn(&Member, &Target) -> bool| {
        let mut pairs = sources.iter().flat_map(|source| {
            let targets = targets.iter();
            targets.map(move |target| (source, target))
        });
        pairs.find(|(source, target)| is_wanted(source, target))
    };
    let others = |source: &Member, target: &Target| !is_same(source, &target.member);
    let is_node_at = |member: Option<&Member>| member.is_some_and(|member| is_node(member));
    let first_target = targets.first().map(|target| &target.member);
    if is_node_at(sources.first()) == is_node_at(first_target) {
        return [find(&others), None].into_iter().flatten();
    }
    let nodes: HashSet<_> = targets
        .iter()
        .filter_map(|target| node_name(&target.member))
        .collect();
    let has_node_there =
        |source: &&Member| node_name(source).is_some_and(|node| nodes.contains(node));
    let on_one_node = sources.iter().find(has_node_there).and_then(|source| {
        let mut targets = targets.iter();
        let target = targets.find(|target| node_name(&target.member) == node_name(source))?;
        Some((source, target))
    });
    let apart = find(&|source, target| {
        let node = node_name(source);
        node.is_none() || node != node_name(&target.member)
    });
    [on_one_node, apart].into_iter().flatten()
}

/// A node, or a pod that shares a node's addresses.
fn is_node(member: &[End]) -> bool {
    match member.first() {
        Some(End::Pod { pod, .. }) => pod.host_network,
        Some(End::Node { .. }) => true,
        _ => false,
    }
}

/// The node that it is, or is on.
fn node_name(member: &[End]) -> Option<&str> {
    match member.first()? {
        End::Pod { pod, .. } => pod.node.as_deref(),
        End::Node { node, .. } => Some(&node.name),
        _ => None,
    }
}

/// Whether both are one pod. What stands for the pods of a template is no single one.
fn is_same(one: &[End], other: &[End]) -> bool {
    match (one.first(), other.first()) {
        // An inventory holds a pod once.
        (Some(End::Pod { pod: one, .. }), Some(End::Pod { pod: other, .. })) => {
            !one.is_representative() && Arc::ptr_eq(one, other)
        }
        _ => false,
    }
}

/// What all connections of a question have in common.
struct Asked<'a> {
    inventory: &'a Inventory,
    protocol: Protocol,
    /// As in [`Targets`].
    dialled: &'a [SocketAddr],
}

impl Asked<'_> {
    /// The connections of two: one for each address family that both have. Of two that have none in common, the one of
    /// their first addresses. An end without an address is of any family.
    fn pair(&self, source: &[End], target: &Target, connections: &mut Vec<Connection>) {
        let before = connections.len();
        let mut was_told_apart = false;
        for is_ipv4 in [true, false] {
            let fits = |address: IpAddr| address.is_ipv4() == is_ipv4;
            let is_theirs = |end: &&End| end.address().is_none_or(fits);
            let one = source.iter().find(is_theirs);
            let other = target.member.iter().find(is_theirs);
            let through = self.dialled.iter().find(|dialled| fits(dialled.ip()));
            let (Some(one), Some(other)) = (one, other) else {
                continue;
            };
            if through.is_none() && !self.dialled.is_empty() {
                continue;
            }
            let addresses = [one.address(), other.address(), through.map(SocketAddr::ip)];
            let mut blocks = addresses
                .map(|address| Block::of(self.inventory, address))
                .into_iter();
            let is_told_apart = blocks.any(Block::is_told_apart);
            if connections.len() == before || was_told_apart || is_told_apart {
                was_told_apart = is_told_apart;
                connections.push(self.connection(one, other, target.port, through));
            }
        }
        if connections.len() == before
            && let (Some(one), Some(other)) = (source.first(), target.member.first())
        {
            let through = self.dialled.first();
            connections.push(self.connection(one, other, target.port, through));
        }
    }

    fn connection(
        &self,
        source: &End,
        destination: &End,
        port: Option<u16>,
        dialled: Option<&SocketAddr>,
    ) -> Connection {
        Connection {
            source: source.clone(),
            destination: destination.clone(),
            protocol: self.protocol,
            destination_port: port,
            dialled: dialled.copied(),
        }
    }
}
