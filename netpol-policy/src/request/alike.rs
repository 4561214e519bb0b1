//! Which pods need not be asked about one by one.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::connection::End;
use crate::inventory::Inventory;
use crate::model::{Labels, NamedPort, Pod};

/// All that policies can tell about a pod, but for the node that it is on.
#[derive(PartialEq)]
struct Likeness<'a> {
    namespace: &'a str,
    labels: &'a Labels,
    ports: &'a [NamedPort],
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

/// Those together that no policy can tell apart, as long as no node takes part. `of` names the ends of an item, and the
/// port that is asked about.
pub(super) fn grouped<T>(
    inventory: &Inventory,
    items: impl IntoIterator<Item = T>,
    of: impl Fn(&T) -> (&[End], Option<u16>),
) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    for item in items {
        let place = likeness(inventory, of(&item)).and_then(|wanted| {
            let like = |group: &Vec<T>| {
                let first = group
                    .first()
                    .and_then(|first| likeness(inventory, of(first)));
                first.is_some_and(|first| first == wanted)
            };
            groups.iter().position(like)
        });
        match place {
            Some(place) => groups[place].push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}

/// `None` for what is like nobody: hostNetwork pods are known by their address alone, and so is all that is no pod.
fn likeness<'a>(
    inventory: &Inventory,
    (ends, port): (&'a [End], Option<u16>),
) -> Option<Likeness<'a>> {
    let pod: &Arc<Pod> = match ends.first()? {
        End::Pod { pod, .. } if !pod.host_network => pod,
        _ => return None,
    };
    let blocks = ends.iter().map(|end| Block::of(inventory, end.address()));
    Some(Likeness {
        namespace: &pod.namespace,
        labels: &pod.labels,
        ports: &pod.ports,
        at: blocks.collect(),
        port,
    })
}
