//! Which ends need not be asked about one by one.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::connection::End;
use crate::inventory::Inventory;
use crate::model::{Labels, Pod};

/// All that policies can tell about an end, but for the node that it is or is on.
struct Likeness {
    pod: Option<Arc<Pod>>,
    /// Of the node whose addresses it has; `None` for what is no node, and for one that is not known (rule 21).
    node: Option<Labels>,
    /// One for each address.
    at: Vec<Block>,
    /// The port that is asked about.
    port: Option<u16>,
}

/// What policies can tell about an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// There is no address.
    Unknown,
    /// No policy names a block that holds it.
    None { is_ipv4: bool },
    /// The smallest that some policy names.
    Some(IpNet),
}

impl Block {
    pub(super) fn of(inventory: &Inventory, address: Option<IpAddr>) -> Self {
        let Some(address) = address else {
            return Self::Unknown;
        };
        let is_ipv4 = address.is_ipv4();
        inventory
            .policy_block(address)
            .map_or(Self::None { is_ipv4 }, Self::Some)
    }

    /// Whether some policy may tell the address apart from others.
    pub(super) fn is_told_apart(self) -> bool {
        matches!(self, Self::Some(_))
    }
}

/// Those together that no policy can tell apart; which node they are, or are on, may yet count (rule 20). `of` names the
/// ends of an item, and the port that is asked about.
pub(super) fn grouped<T>(
    inventory: &Inventory,
    items: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> (&[End], Option<u16>),
) -> Vec<Vec<T>> {
    let mut groups: Vec<(Option<Likeness>, Vec<T>)> = Vec::new();
    for item in items {
        let likeness = Likeness::of(inventory, of(&item));
        let like = likeness.as_ref().and_then(|wanted| {
            let is_like = |found: &Likeness| found.is_like(wanted);
            let mut groups = groups.iter_mut();
            groups.find(|(found, _)| found.as_ref().is_some_and(is_like))
        });
        match like {
            Some((_, group)) => group.push(item),
            None => groups.push((likeness, vec![item])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

impl Likeness {
    /// `None` for what is like nobody: addresses, which are asked about one by one.
    fn of(inventory: &Inventory, (ends, port): (&[End], Option<u16>)) -> Option<Self> {
        let (pod, node) = match ends.first()? {
            End::Pod { pod, address } if pod.host_network => {
                let by_name = pod.node.as_deref().and_then(|node| inventory.node(node));
                let node = by_name.or_else(|| inventory.node_at((*address)?));
                (Some(pod.clone()), node)
            }
            End::Pod { pod, .. } => (Some(pod.clone()), None),
            End::Node { node, .. } => (None, Some(node)),
            End::Service { .. } | End::Address(_) | End::Unknown(_) => return None,
        };
        let blocks = ends.iter().map(|end| Block::of(inventory, end.address()));
        Some(Self {
            pod,
            node: node.map(|node| node.labels.clone()),
            at: blocks.collect(),
            port,
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        let pods = match (&self.pod, &other.pod) {
            (Some(one), Some(other)) => {
                one.host_network == other.host_network
                    && one.namespace == other.namespace
                    && one.labels == other.labels
                    && one.ports == other.ports
            }
            (None, None) => true,
            _ => false,
        };
        pods && self.port == other.port && self.at == other.at && self.node == other.node
    }
}
