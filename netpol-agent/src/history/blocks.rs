//! Many addresses become few blocks.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use netpol_policy::model::Cidr;

/// Lengths of the prefixes that addresses are folded to, finest first: what a site, a provider or a region has.
const IPV4_STEPS: [u8; 4] = [24, 16, 8, 0];
/// As above; a /64 is one link.
const IPV6_STEPS: [u8; 4] = [64, 48, 32, 0];

/// The blocks that hold a block and that it may be folded to, finest first.
pub(super) fn around(block: Cidr) -> impl Iterator<Item = Cidr> {
    steps(block.net())
        .into_iter()
        .filter(move |prefix| *prefix < block.net().prefix_len())
        .map(move |prefix| cut(block.net(), prefix))
}

/// Every address of its family.
pub(super) fn everything(block: Cidr) -> Cidr {
    match block.net() {
        IpNet::V4(_) => Cidr::from(IpNet::new_assert(Ipv4Addr::UNSPECIFIED.into(), 0)),
        IpNet::V6(_) => Cidr::from(IpNet::new_assert(Ipv6Addr::UNSPECIFIED.into(), 0)),
    }
}

/// What blocks of one family are folded to so that about `most` remain, and no more: where the most addresses are close
/// together, first. Those that stay as they are, are left out.
pub(super) fn fold(blocks: &[Cidr], most: usize) -> HashMap<Cidr, Cidr> {
    let mut now: HashMap<Cidr, Cidr> = blocks.iter().map(|block| (*block, *block)).collect();
    let Some(first) = blocks.first() else {
        return now;
    };
    let mut count = now.len();
    for prefix in steps(first.net()) {
        let mut close: BTreeMap<IpNet, Vec<Cidr>> = BTreeMap::new();
        let mut distinct: Vec<Cidr> = now.values().copied().collect();
        distinct.sort_by_key(Cidr::net);
        distinct.dedup();
        for block in distinct {
            if block.net().prefix_len() >= prefix {
                let wider = cut(block.net(), prefix).net();
                close.entry(wider).or_default().push(block);
            }
        }
        let mut close: Vec<(IpNet, Vec<Cidr>)> = close.into_iter().collect();
        // The order among equals is that of addresses.
        close.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
        for (wider, members) in close {
            if count <= most || members.len() < 2 {
                break;
            }
            count -= members.len() - 1;
            for folded in now.values_mut().filter(|block| members.contains(block)) {
                *folded = Cidr::from(wider);
            }
        }
    }
    now.retain(|before, after| before != after);
    now
}

fn steps(of: IpNet) -> [u8; 4] {
    match of {
        IpNet::V4(_) => IPV4_STEPS,
        IpNet::V6(_) => IPV6_STEPS,
    }
}

/// The block of this prefix length that holds a longer one.
fn cut(block: IpNet, prefix: u8) -> Cidr {
    Cidr::from(IpNet::new_assert(block.addr(), prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        Cidr::parse_lenient(text).unwrap().0
    }

    fn folded(blocks: &[String], most: usize) -> Vec<(String, String)> {
        let blocks: Vec<Cidr> = blocks.iter().map(|text| cidr(text)).collect();
        let mut folded: Vec<_> = fold(&blocks, most)
            .into_iter()
            .map(|(before, after)| (before.to_string(), after.to_string()))
            .collect();
        folded.sort();
        folded
    }

    #[test]
    fn what_is_close_together_becomes_one_and_what_stands_alone_stays() {
        let mut blocks: Vec<String> = (0..8).map(|last| format!("203.0.113.{last}/32")).collect();
        blocks.extend(["198.51.100.7/32", "192.0.2.9/32"].map(str::to_owned));
        let folded = folded(&blocks, 3);
        assert_eq!(folded.len(), 8);
        assert!(folded.iter().all(|(_, after)| after == "203.0.113.0/24"));
    }

    #[test]
    fn a_scan_of_everything_ends_in_few_blocks() {
        let blocks: Vec<String> = (0..=255)
            .map(|first| format!("{first}.{}.1.1/32", first ^ 0x55))
            .collect();
        let blocks: Vec<Cidr> = blocks.iter().map(|text| cidr(text)).collect();
        let folded = fold(&blocks, 16);
        assert!(folded.values().all(|block| *block == cidr("0.0.0.0/0")));
        assert_eq!(folded.len(), 256);
        let six: Vec<Cidr> = (0..100)
            .map(|link| cidr(&format!("2001:db8:0:{link:x}::1/128")))
            .collect();
        let folded = fold(&six, 16);
        assert!(folded.values().all(|block| *block == cidr("2001:db8::/48")));
    }

    #[test]
    fn a_block_that_stands_takes_its_neighbours_in() {
        let blocks = ["10.0.0.0/24", "10.0.0.7/32", "10.9.0.7/32"].map(str::to_owned);
        assert_eq!(
            folded(&blocks, 2),
            [("10.0.0.7/32".to_owned(), "10.0.0.0/24".to_owned())]
        );
        let around: Vec<String> = around(cidr("10.1.2.3/32"))
            .map(|block| block.to_string())
            .collect();
        assert_eq!(
            around,
            ["10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0"]
        );
    }
}
