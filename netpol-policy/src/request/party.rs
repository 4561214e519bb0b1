//! Who an end is: names looked up.

use std::net::IpAddr;
use std::sync::Arc;

use super::alike::grouped;
use super::{EndRef, RequestError, hint};
use crate::connection::End;
use crate::inventory::Inventory;
use crate::model::{Node, Pod, Service, Workload};

/// Who an end of a question is. Looking it up costs more than asking about it, so it may be kept: it stays true for as
/// long as the inventory does.
#[derive(Clone, Debug)]
pub struct Party(pub(super) Who);

#[derive(Clone, Debug)]
pub(super) enum Who {
    /// Each of them is meant, and there is at least one; those together that no policy can tell apart.
    Members(Vec<Vec<Member>>),
    /// Whoever is behind it.
    Service {
        service: Arc<Service>,
        /// The one that was named; `None` for all that it has.
        address: Option<IpAddr>,
    },
}

/// A pod, a node or an address, once with each of its addresses.
pub(super) type Member = Vec<End>;

impl EndRef {
    /// Looks up who is meant.
    ///
    /// # Errors
    /// Nobody is, or nobody who could take part in a connection.
    pub fn resolve(&self, inventory: &Inventory) -> Result<Party, RequestError> {
        match self {
            Self::Address(address) => Ok(match inventory.end_at(*address) {
                End::Service { service, address } => Party::service(service, Some(address)),
                end => Party::one(vec![end]),
            }),
            Self::Pod { namespace, name } => pod(inventory, namespace, name),
            Self::Object {
                namespace,
                name,
                kind,
            } => match kind.as_str() {
                "Pod" => pod(inventory, namespace, name),
                "Service" => match inventory.service(namespace, name) {
                    Some(service) => Ok(Party::service(service.clone(), None)),
                    None => Err(not_found(inventory, "Service", namespace, name)),
                },
                kind => workload(inventory, namespace, name, kind),
            },
            Self::Node(name) => match inventory.node(name) {
                Some(node) => self::node(node),
                None => match inventory.pod("node", name) {
                    Some(pod) => Ok(Party::one(member(inventory, pod))),
                    None => Err(RequestError::NotFound {
                        object: format!("node {name}"),
                        hint: hint::nodes(inventory, name),
                    }),
                },
            },
        }
    }
}

impl Party {
    fn one(member: Member) -> Self {
        Self(Who::Members(vec![vec![member]]))
    }

    fn service(service: Arc<Service>, address: Option<IpAddr>) -> Self {
        Self(Who::Service { service, address })
    }
}

fn pod(inventory: &Inventory, namespace: &str, name: &str) -> Result<Party, RequestError> {
    match inventory.pod(namespace, name) {
        Some(pod) => Ok(Party::one(member(inventory, pod))),
        None => Err(not_found(inventory, "pod", namespace, name)),
    }
}

fn not_found(inventory: &Inventory, kind: &str, namespace: &str, name: &str) -> RequestError {
    RequestError::NotFound {
        object: format!("{kind} {namespace}/{name}"),
        hint: hint::objects(inventory, namespace, name),
    }
}

fn node(node: &Arc<Node>) -> Result<Party, RequestError> {
    let ends = node.addresses.iter().map(|address| End::Node {
        node: node.clone(),
        address: *address,
    });
    let ends: Vec<_> = ends.collect();
    if ends.is_empty() {
        let node = node.name.to_string();
        return Err(RequestError::NoAddress { node });
    }
    Ok(Party::one(ends))
}

/// The pods of a workload: the live ones that it controls, or those of what it controls, else its template's.
fn workload(
    inventory: &Inventory,
    namespace: &str,
    name: &str,
    kind: &str,
) -> Result<Party, RequestError> {
    let wanted = Workload {
        kind: kind.into(),
        name: name.into(),
    };
    let mut pods = inventory.pods_of(namespace, &wanted);
    if pods.is_empty() {
        let below = inventory.templates().filter(|template| {
            *template.namespace == *namespace && template.controller.as_ref() == Some(&wanted)
        });
        pods = below
            .flat_map(|template| inventory.pods_of(namespace, &template.workload))
            .collect();
    }
    if pods.is_empty() {
        let theirs = inventory.pods().filter(|pod| {
            let mut workloads = pod.controller.iter().chain(&pod.workload);
            *pod.namespace == *namespace && workloads.any(|one| *one == wanted)
        });
        let finished: Vec<_> = theirs
            .map(|pod| format!("{}/{}", pod.namespace, pod.name))
            .collect();
        if finished.is_empty() {
            return Err(not_found(inventory, kind, namespace, name));
        }
        let workload = format!("{kind} {namespace}/{name}");
        return Err(RequestError::NoLivePod { workload, finished });
    }
    let members = pods.iter().map(|pod| member(inventory, pod));
    let groups = grouped(inventory, members, |member| (member, None));
    Ok(Party(Who::Members(groups)))
}

/// A pod with each of its addresses: a hostNetwork pod has its node's (rule 21), a finished one none (rule 24).
pub(super) fn member(inventory: &Inventory, pod: &Arc<Pod>) -> Member {
    let mut addresses = pod.addresses.as_slice();
    if pod.phase.is_finished() {
        addresses = &[];
    } else if pod.host_network && addresses.is_empty() {
        let node = pod.node.as_deref().and_then(|node| inventory.node(node));
        addresses = node.map_or(&[], |node| node.addresses.as_slice());
    }
    let with = |address| End::Pod {
        pod: pod.clone(),
        address,
    };
    if addresses.is_empty() {
        return vec![with(None)];
    }
    addresses.iter().map(|one| with(Some(*one))).collect()
}
