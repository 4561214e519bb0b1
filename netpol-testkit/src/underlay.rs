//! The network between nodes: a link over which the pods of two nodes reach each other.

use std::net::Ipv4Addr;

use crate::{Cluster, Result};

/// Addresses of the two nodes on the link between them.
pub const NODES: [Ipv4Addr; 2] = [Ipv4Addr::new(172, 31, 0, 1), Ipv4Addr::new(172, 31, 0, 2)];

/// Connects the nodes of two clusters, made without a world, by `eth0`, which is each one's way to everything that it does
/// not have itself. Waits until the link carries packets.
///
/// # Errors
/// When the kernel refuses a part of it, or [`Error::NotReady`](crate::Error::NotReady).
pub fn connect(one: &Cluster, other: &Cluster) -> Result<()> {
    let [one, other] = [one, other].map(Cluster::node);
    // Two ends of the same number would be slow to carry packets, as at a pod's uplink.
    one.ip_batch(&format!(
        "link add eth0 index 1000000 type veth peer name eth0 netns {}\n",
        other.name()
    ))?;
    for (node, [own, next]) in [(one, NODES), (other, [NODES[1], NODES[0]])] {
        node.ip_batch(&format!(
            "addr add {own}/24 dev eth0\nlink set eth0 up\nroute add default via {next}\n"
        ))?;
    }
    one.wait_until_ready(&["eth0"])?;
    other.wait_until_ready(&["eth0"])
}
