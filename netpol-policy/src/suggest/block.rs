//! Outside addresses, put together into blocks.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::Cidr;

/// How far addresses may be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// As long as there are no more blocks than this, each is exactly what was seen.
    pub most: usize,
    /// Prefix length of the widest IPv4 block that may be made.
    pub widest_v4: u8,
    /// The same for IPv6.
    pub widest_v6: u8,
}

impl Default for BlockLimits {
    fn default() -> Self {
        Self {
            most: 8,
            widest_v4: 24,
            widest_v6: 64,
        }
    }
}

impl BlockLimits {
    fn widest(&self, block: &IpNet) -> u8 {
        match block {
            IpNet::V4(_) => self.widest_v4,
            IpNet::V6(_) => self.widest_v6,
        }
    }
}

/// A block, and what of it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it admits.
    pub cidr: Cidr,
    /// How many of its addresses were seen; `None` where the history itself has only a block, and not which of its addresses.
    pub seen: Option<u64>,
}

impl Block {
    /// A block, and how many of these addresses lie in it.
    pub(crate) fn seen_of(block: &IpNet, seen: &[IpNet]) -> Self {
        Self {
            seen: seen_in(block, seen),
            cidr: (*block).into(),
        }
    }

    /// How many addresses it admits; `u64::MAX` for that many and more.
    #[must_use]
    pub fn addresses(&self) -> u64 {
        addresses(&self.cidr.net())
    }
}

/// Addresses of a block; `u64::MAX` for that many and more.
pub(crate) fn addresses(block: &IpNet) -> u64 {
    let bits = u32::from(block.max_prefix_len() - block.prefix_len());
    1_u64.checked_shl(bits).unwrap_or(u64::MAX)
}

/// A block of one address is the address.
pub(crate) fn words(block: &IpNet) -> String {
    match is_address(block) {
        true => block.addr().to_string(),
        false => block.to_string(),
    }
}

/// Why there are no blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ungrouped {
    /// It takes this many, with none wider than the limit.
    Many(usize),
    /// This was seen as a block already, since there were too many addresses to be kept apart, and it is wider than the limit.
    Wide(IpNet),
    /// This was seen as a block already, and it holds addresses of the cluster.
    Cluster(IpNet),
}

/// Puts together what was seen until there are few enough blocks. None of them is wider than the limits, nor holds addresses
/// of the cluster: those are to be named by their labels.
pub(crate) fn group(
    seen: &[IpNet],
    cluster: &[IpNet],
    limits: &BlockLimits,
) -> Result<Vec<Block>, Ungrouped> {
    let touches_cluster = |block: &IpNet| {
        let touches = |one: &IpNet| one.contains(block) || block.contains(one);
        cluster.iter().any(touches)
    };
    for block in seen {
        if block.prefix_len() < limits.widest(block) {
            return Err(Ungrouped::Wide(*block));
        }
        // A single address that was seen is no guess, whoever else may have it.
        if !is_address(block) && touches_cluster(block) {
            return Err(Ungrouped::Cluster(*block));
        }
    }
    let mut blocks = IpNet::aggregate(&seen.to_vec());
    blocks.sort();
    let least = at_widest(&blocks, limits);
    if least > limits.most {
        return Err(Ungrouped::Many(least));
    }
    while blocks.len() > limits.most {
        let joins = blocks.windows(2).enumerate().filter_map(|(index, pair)| {
            let joined = join(&pair[0], &pair[1])?;
            let spare = joined.prefix_len().checked_sub(limits.widest(&joined))?;
            (!touches_cluster(&joined)).then_some((spare, index, joined))
        });
        // The one that is furthest from the limit; of equals the first.
        let best = joins.max_by_key(|(spare, index, _)| (*spare, Reverse(*index)));
        let Some((_, index, joined)) = best else {
            return Err(Ungrouped::Many(blocks.len()));
        };
        blocks.splice(index..=index + 1, [joined]);
    }
    let blocks = blocks.iter().map(|block| Block::seen_of(block, seen));
    Ok(blocks.collect())
}

fn is_address(block: &IpNet) -> bool {
    block.prefix_len() == block.max_prefix_len()
}

/// How many blocks there are where each is as wide as the limit lets it be.
fn at_widest(blocks: &[IpNet], limits: &BlockLimits) -> usize {
    let widest = blocks.iter().map(|block| {
        let length = block.prefix_len().min(limits.widest(block));
        // The length is not above that of a valid block.
        IpNet::new(block.addr(), length).map_or(*block, |wide| wide.trunc())
    });
    widest.collect::<BTreeSet<_>>().len()
}

/// The narrowest block that holds both; `None` across IP versions.
fn join(one: &IpNet, other: &IpNet) -> Option<IpNet> {
    let shared = match (one.addr(), other.addr()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return None,
    };
    let length = u8::try_from(shared)
        .ok()?
        .min(one.prefix_len())
        .min(other.prefix_len());
    Some(IpNet::new(one.addr(), length).ok()?.trunc())
}

/// How many addresses of a block were seen; `None` where that is not known.
fn seen_in(block: &IpNet, seen: &[IpNet]) -> Option<u64> {
    let within = seen.iter().filter(|one| block.contains(*one));
    let distinct: BTreeSet<&IpNet> = within.collect();
    let known = distinct.iter().all(|one| is_address(one));
    known.then(|| u64::try_from(distinct.len()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        let parse = |text: &&str| match text.contains('/') {
            true => text.parse().unwrap(),
            false => IpNet::from(text.parse::<IpAddr>().unwrap()),
        };
        texts.iter().map(parse).collect()
    }

    fn grouped(seen: &[&str], cluster: &[&str], most: usize) -> Result<String, Ungrouped> {
        let limits = BlockLimits {
            most,
            ..BlockLimits::default()
        };
        let blocks = group(&nets(seen), &nets(cluster), &limits)?;
        let words = blocks.iter().map(|block| match block.seen {
            Some(seen) => format!("{} {seen}/{}", block.cidr, block.addresses()),
            None => format!("{} ?/{}", block.cidr, block.addresses()),
        });
        Ok(words.collect::<Vec<_>>().join(", "))
    }

    #[test]
    fn few_addresses_stand_as_they_were_seen() {
        for (seen, blocks) in [
            (&["192.0.2.7"][..], "192.0.2.7/32 1/1"),
            (
                &["192.0.2.7", "198.51.100.1"],
                "192.0.2.7/32 1/1, 198.51.100.1/32 1/1",
            ),
            // Nothing is added by putting these together.
            (&["192.0.2.6", "192.0.2.7"], "192.0.2.6/31 2/2"),
            (&["192.0.2.0/28"], "192.0.2.0/28 ?/16"),
            (&["2001:db8::1"], "2001:db8::1/128 1/1"),
        ] {
            assert_eq!(grouped(seen, &[], 2).unwrap(), blocks, "{seen:?}");
        }
    }

    #[test]
    fn the_nearest_are_put_together_until_there_are_few_enough() {
        let seen = ["192.0.2.1", "192.0.2.2", "192.0.2.200", "198.51.100.9"];
        assert_eq!(
            grouped(&seen, &[], 3).unwrap(),
            "192.0.2.0/30 2/4, 192.0.2.200/32 1/1, 198.51.100.9/32 1/1"
        );
        assert_eq!(
            grouped(&seen, &[], 2).unwrap(),
            "192.0.2.0/24 3/256, 198.51.100.9/32 1/1"
        );
    }

    #[test]
    fn nothing_is_wider_than_the_limit() {
        let far = ["192.0.2.1", "198.51.100.1", "203.0.113.1"];
        assert_eq!(grouped(&far, &[], 2), Err(Ungrouped::Many(3)));
        assert_eq!(
            grouped(&["192.0.2.1", "2001:db8::1"], &[], 1),
            Err(Ungrouped::Many(2))
        );
        let wide = Ungrouped::Wide("192.0.0.0/16".parse().unwrap());
        assert_eq!(grouped(&["192.0.0.0/16"], &[], 2), Err(wide));
    }

    #[test]
    fn no_block_holds_an_address_of_the_cluster() {
        // 192.0.2.0/30 would hold the node.
        let seen = ["192.0.2.1", "192.0.2.3", "192.0.2.8", "192.0.2.15"];
        assert_eq!(
            grouped(&seen, &["192.0.2.2"], 3).unwrap(),
            "192.0.2.1/32 1/1, 192.0.2.3/32 1/1, 192.0.2.8/29 2/8"
        );
        let cluster = Ungrouped::Cluster("192.0.2.0/24".parse().unwrap());
        assert_eq!(grouped(&["192.0.2.0/24"], &["192.0.2.2"], 3), Err(cluster));
    }
}
