//! The address blocks that policies name, and who stands for each.
//!
//! A listed block stands for its addresses that lie in no smaller listed block: to every rule they are all the same.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::party::{Block, Outside};
use crate::connection::End;
use crate::inventory::Inventory;
use crate::model::{Cidr, Peer, TieredPeer};
use crate::verdict::Direction;

/// Blocks of both families, each behind the one it lies in.
pub(crate) struct Blocks {
    listed: Vec<IpNet>,
    /// The smallest other block that each lies in.
    parents: Vec<Option<usize>>,
    /// Blocks whose addresses are no outside world: those of pods, and IPv4 written as IPv6, which rules read as IPv4.
    inner: Vec<IpNet>,
}

impl Blocks {
    /// Every block that a policy names, addresses with known domain names, and the two that hold all addresses.
    pub(crate) fn of(inventory: &Inventory) -> Self {
        let everything: [IpNet; 2] = [Ipv4Net::default().into(), Ipv6Net::default().into()];
        let mut all = BTreeSet::from(everything);
        all.extend(named(inventory).iter().map(Cidr::net));
        // Rule 35: what has names that are known is a block of its own.
        all.extend(inventory.named_addresses().map(IpNet::from));
        // Sorted by first address, then larger blocks first.
        let listed: Vec<IpNet> = all.into_iter().collect();
        let mut parents = Vec::with_capacity(listed.len());
        let mut around: Vec<usize> = Vec::new();
        for (index, block) in listed.iter().enumerate() {
            while around
                .pop_if(|last| !listed[*last].contains(block))
                .is_some()
            {}
            parents.push(around.last().copied());
            around.push(index);
        }
        let pod_blocks = inventory.nodes().flat_map(|node| &node.pod_cidrs);
        let inner = pod_blocks.map(Cidr::net).chain([MAPPED.into()]);
        Self {
            listed,
            parents,
            inner: inner.collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    pub(crate) fn get(&self, index: usize) -> IpNet {
        self.listed[index]
    }

    /// Whether policies name a block that does not hold all addresses of its family.
    pub(crate) fn are_named(&self) -> bool {
        // The two that always stand here hold all addresses of a family each.
        self.listed.len() > 2
    }

    /// The smallest block that holds an address.
    pub(crate) fn innermost(&self, address: IpAddr) -> Option<usize> {
        let before = self
            .listed
            .partition_point(|block| block.network() <= address);
        let mut found = before.checked_sub(1);
        // Blocks nest: the last that begins at or before the address holds it, or one around that block does.
        while let Some(index) = found
            && !self.listed[index].contains(&address)
        {
            found = self.parents[index];
        }
        found
    }

    /// An address that a block stands for and that is outside of the cluster; `None` where it has none.
    pub(crate) fn representative(&self, index: usize, inventory: &Inventory) -> Option<IpAddr> {
        let block = self.listed[index];
        let children = (index + 1..self.listed.len())
            .take_while(|child| block.contains(&self.listed[*child]))
            .filter(|child| self.parents[*child] == Some(index))
            .map(|child| self.listed[child]);
        let within = |one: &IpNet| one.contains(&block) || block.contains(one);
        let inner = self.inner.iter().copied().filter(within);
        let mut taken: Vec<IpNet> = children.chain(inner).collect();
        taken.sort();
        let mut next = block.network();
        for one in taken {
            if one.network() > next
                && let Some(found) = free(next, one.network(), inventory)
            {
                return Some(found);
            }
            if one.broadcast() >= next {
                next = after(one.broadcast())?;
            }
        }
        let last = block.broadcast();
        if next > last {
            return None;
        }
        free(next, last, inventory).or_else(|| is_free(last, inventory).then_some(last))
    }

    /// Blocks that are told alike, as one part of the outside world: a block that lies in another of them is not listed
    /// again, and what lies in them and is not one of them is an exception.
    pub(crate) fn together(&self, members: &[usize]) -> Outside {
        let members: BTreeSet<usize> = members.iter().copied().collect();
        let is_member = |index: usize| members.contains(&index);
        let within_member = |index: usize| self.parents[index].is_some_and(is_member);
        let blocks = members
            .iter()
            .filter(|index| !within_member(**index))
            .map(|&top| {
                let cidr = self.listed[top];
                let except = (top + 1..self.listed.len())
                    .take_while(|index| cidr.contains(&self.listed[*index]))
                    .filter(|index| !is_member(*index) && within_member(*index))
                    .map(|index| self.listed[index]);
                let except: Vec<IpNet> = except.collect();
                Block { cidr, except }
            });
        Outside {
            blocks: blocks.collect(),
        }
    }
}

/// `::ffff:0:0/96`.
const MAPPED: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96);

/// The first address from `first` on and before `end` that is outside of the cluster.
fn free(first: IpAddr, end: IpAddr, inventory: &Inventory) -> Option<IpAddr> {
    let mut next = Some(first);
    while let Some(address) = next
        && address < end
    {
        if is_free(address, inventory) {
            return Some(address);
        }
        next = after(address);
    }
    None
}

fn is_free(address: IpAddr, inventory: &Inventory) -> bool {
    matches!(inventory.end_at(address), End::Address(_))
}

fn after(address: IpAddr) -> Option<IpAddr> {
    Some(match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address).checked_add(1)?).into(),
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address).checked_add(1)?).into(),
    })
}

fn named(inventory: &Inventory) -> Vec<Cidr> {
    let mut found = Vec::new();
    for policy in inventory.all_policies() {
        let rules = [&policy.ingress, &policy.egress].into_iter().flatten();
        for peer in rules.flatten().flat_map(|rule| &rule.peers) {
            if let Peer::IpBlock(block) = peer {
                found.push(block.cidr);
                found.extend(&block.except);
            }
        }
    }
    for policy in inventory.tiered_policies() {
        let rules =
            [Direction::Ingress, Direction::Egress].map(|direction| policy.rules(direction));
        for peer in rules.into_iter().flatten().flat_map(|rule| &rule.peers) {
            if let TieredPeer::Networks(blocks) = peer {
                found.extend(blocks);
            }
        }
    }
    found
}
