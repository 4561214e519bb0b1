//! The ends of a connection as policies see them.

use std::net::IpAddr;
use std::sync::Arc;

use crate::connection::End;
use crate::inventory::{Identity, Inventory, Subject};
use crate::model::{Node, Pod};
use crate::verdict::Caveat;

/// One end, with all that rules may ask of it.
pub(super) struct Party<'a> {
    pub(super) is: Who<'a>,
    /// What address blocks are compared with; `None` where it is not known.
    pub(super) address: Option<IpAddr>,
}

/// What kind of end it is.
pub(super) enum Who<'a> {
    /// A pod that selectors apply to.
    Pod(Arc<Identity>),
    /// A node, or a hostNetwork pod, which is its node (rule 21); `None` where that node is not known.
    Node(Option<&'a Node>),
    /// Outside of the cluster.
    Outside,
    /// A Service whose backend is not known.
    Service,
    /// Somebody of the cluster.
    Unknown,
}

impl<'a> Party<'a> {
    pub(super) fn new(end: &'a End, inventory: &'a Inventory) -> Self {
        let is = match end {
            End::Pod { pod, address } if pod.host_network => {
                Who::Node(node_of(pod, *address, inventory))
            }
            End::Pod { pod, .. } => Who::Pod(inventory.subject(pod).identity.clone()),
            End::Node { node, .. } => Who::Node(Some(node)),
            End::Address(_) => Who::Outside,
            End::Service { .. } => Who::Service,
            End::Unknown(_) => Who::Unknown,
        };
        let address = end.address();
        Self { is, address }
    }

    /// A pod whose policies are asked.
    pub(super) fn of(subject: &Subject, address: Option<IpAddr>) -> Self {
        let is = Who::Pod(subject.identity.clone());
        Self { is, address }
    }

    /// The pod, where selectors apply to it.
    pub(super) fn pod(&self) -> Option<&Identity> {
        match &self.is {
            Who::Pod(identity) => Some(identity),
            _ => None,
        }
    }

    /// Why nobody can say which selectors match it; `None` where it is known who it is.
    pub(super) fn opaque(&self) -> Option<Caveat> {
        match self.is {
            Who::Unknown => Some(Caveat::EndUnknown),
            Who::Service => Some(Caveat::BackendUnknown),
            Who::Pod(_) | Who::Node(_) | Who::Outside => None,
        }
    }
}

fn node_of<'a>(pod: &Pod, address: Option<IpAddr>, inventory: &'a Inventory) -> Option<&'a Node> {
    let by_name = pod.node.as_deref().and_then(|name| inventory.node(name));
    by_name
        .or_else(|| inventory.node_at(address?))
        .map(AsRef::as_ref)
}
