//! This node and the addresses it really has.
//!
//! A Node object lists few of them: not those of bridges, tunnels or of the host side of veths, from which the node's own
//! processes (the kubelet's probes among them) speak to its pods.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use netpol_policy::model::{Labels, Node};

use crate::inventory::Snapshot;

/// The node that the agent runs on.
#[derive(Debug)]
pub struct LocalNode {
    node: Arc<Node>,
    addresses: HashSet<IpAddr>,
}

impl LocalNode {
    /// A node of this name, with no address known yet.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let node = Node {
            name: name.into(),
            labels: Labels::default(),
            addresses: Vec::new(),
            kubelet_port: None,
            pod_cidrs: Vec::new(),
        };
        Self {
            node: Arc::new(node),
            addresses: HashSet::new(),
        }
    }

    /// Takes the addresses of every interface in the node's network namespace.
    pub fn set_addresses(&mut self, addresses: Vec<IpAddr>) {
        self.addresses = addresses.into_iter().collect();
    }

    /// Takes over what the inventory says of this node.
    pub fn follow(&mut self, snapshot: &Snapshot) {
        if let Some(node) = snapshot.node_named(&self.node.name) {
            self.node = node.clone();
        }
    }

    /// This node, where the address is its own.
    #[must_use]
    pub fn at(&self, address: IpAddr) -> Option<&Arc<Node>> {
        self.addresses.contains(&address).then_some(&self.node)
    }

    /// Its addresses; those of Services among them where IPVS serves them.
    #[must_use]
    pub fn addresses(&self) -> HashSet<IpAddr> {
        self.addresses.clone()
    }
}
