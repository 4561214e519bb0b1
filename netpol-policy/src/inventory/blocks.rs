//! Address blocks in prefix tries: those that policies compare addresses with, and those that nodes give pods theirs of.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use crate::model::{Cidr, NetworkPolicy, Peer, TieredPeer, TieredPolicy};
use crate::verdict::Direction;

/// Blocks, each with the number of those who name it.
#[derive(Clone, Debug, Default)]
struct Counted(Arc<JointPrefixMap<IpNet, u32>>);

impl Counted {
    fn add(&mut self, block: Cidr) {
        *Arc::make_mut(&mut self.0).entry(block.net()).or_insert(0) += 1;
    }

    fn remove(&mut self, block: Cidr) {
        let net = block.net();
        match self.0.get(&net) {
            Some(1) => {
                Arc::make_mut(&mut self.0).remove(&net);
            }
            Some(count) => {
                let count = count - 1;
                Arc::make_mut(&mut self.0).insert(net, count);
            }
            None => {}
        }
    }

    /// The smallest block that holds an address.
    fn smallest(&self, address: IpAddr) -> Option<IpNet> {
        self.0.get_lpm_prefix(&IpNet::from(address.to_canonical()))
    }
}

/// The blocks of nodes' `podCIDRs`.
#[derive(Clone, Debug, Default)]
pub(super) struct PodBlocks(Counted);

impl PodBlocks {
    pub(super) fn add(&mut self, blocks: &[Cidr]) {
        blocks.iter().for_each(|block| self.0.add(*block));
    }

    pub(super) fn remove(&mut self, blocks: &[Cidr]) {
        blocks.iter().for_each(|block| self.0.remove(*block));
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.smallest(address).is_some()
    }
}

/// Every block that some policy names. Addresses with the same smallest block here are in the same blocks of every policy,
/// so no policy can tell them apart.
#[derive(Clone, Debug, Default)]
pub(super) struct PolicyBlocks(Counted);

impl PolicyBlocks {
    pub(super) fn add(&mut self, blocks: impl Iterator<Item = Cidr>) {
        blocks.for_each(|block| self.0.add(block));
    }

    pub(super) fn remove(&mut self, blocks: impl Iterator<Item = Cidr>) {
        blocks.for_each(|block| self.0.remove(block));
    }

    pub(super) fn smallest(&self, address: IpAddr) -> Option<IpNet> {
        self.0.smallest(address)
    }
}

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// The blocks of a NetworkPolicy, exceptions too.
pub(super) fn of_policy(policy: &NetworkPolicy) -> impl Iterator<Item = Cidr> {
    DIRECTIONS
        .into_iter()
        .flat_map(|direction| policy.rules(direction).unwrap_or_default())
        .flat_map(|rule| &rule.peers)
        .filter_map(|peer| match peer {
            Peer::IpBlock(block) => Some(block),
            Peer::Pods { .. } => None,
        })
        .flat_map(|block| std::iter::once(block.cidr).chain(block.except.iter().copied()))
}

/// The blocks of a tiered policy.
pub(super) fn of_tiered(policy: &TieredPolicy) -> impl Iterator<Item = Cidr> {
    DIRECTIONS
        .into_iter()
        .flat_map(|direction| policy.rules(direction))
        .flat_map(|rule| &rule.peers)
        .filter_map(|peer| match peer {
            TieredPeer::Networks(blocks) => Some(blocks),
            _ => None,
        })
        .flatten()
        .copied()
}
