//! Peers, narrowed to those that were used.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;

use super::finding::{Unseen, counted, few};
use crate::explain::peer_words;
use crate::history::{History, Party, Traffic};
use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::model::{Cidr, IpBlock, Labels, NetworkPolicy, Operator, Peer, Requirement, Selector};
use crate::suggest::{
    Block, BlockLimits, Sieve, WorkloadName, addresses, block_words, group, selector,
};
use crate::verdict::Direction;

/// What is at least so many times as wide as what was used of it is worth a change: addresses, and workloads.
const FAR_MORE_ADDRESSES: u64 = 4;
const FAR_MORE_WORKLOADS: usize = 2;
/// More peers than these in place of one are no help to a reader.
const MOST: usize = 8;

/// Peers in place of one, what of it was used, and what they permit no more.
pub(super) struct Narrowed {
    pub(super) peers: Vec<Peer>,
    pub(super) permits: String,
    pub(super) used: String,
    pub(super) unseen: Unseen,
}

/// What is known of who exists.
pub(super) struct Known<'a> {
    pub(super) history: &'a History,
    pub(super) limits: BlockLimits,
    /// Ranges of pods.
    pub(super) pods: Vec<IpNet>,
}

impl Known<'_> {
    /// Peers in place of one; `None` where it is fine, or where too little is known of who used it.
    pub(super) fn narrow(
        &self,
        policy: &NetworkPolicy,
        peer: &Peer,
        others: &[&Party],
        sieve: &mut Sieve<'_>,
    ) -> Option<Narrowed> {
        match peer {
            Peer::IpBlock(block) => self.narrow_block(block, others),
            Peer::Pods { namespaces, pods } => {
                self.narrow_pods(policy, peer, namespaces.as_ref(), pods, others, sieve)
            }
        }
    }

    fn narrow_block(&self, block: &IpBlock, others: &[&Party]) -> Option<Narrowed> {
        let used = others.iter().map(|party| match party {
            Party::Outside(used) => Some(used.net()),
            // Pods, Services and nodes come and go under other addresses.
            _ => None,
        });
        let used: BTreeSet<IpNet> = used.collect::<Option<_>>()?;
        let used: Vec<IpNet> = used.into_iter().collect();
        // Where it held pods before, it may do so still.
        let is_for_pods = self
            .pods
            .iter()
            .any(|range| block.cidr.net().contains(range));
        let avoid = if is_for_pods { &[][..] } else { &self.pods };
        let blocks = group(&used, avoid, &self.limits).ok()?;
        let peers: Vec<IpBlock> = blocks.iter().map(|one| within(one, block)).collect();
        let permitted = size(block);
        let admitted = peers.iter().map(size).fold(0, u64::saturating_add);
        let is_within = blocks
            .iter()
            .all(|one| block.cidr.net().contains(&one.cidr.net()));
        if blocks.is_empty()
            || !is_within
            || admitted.saturating_mul(FAR_MORE_ADDRESSES) > permitted
        {
            return None;
        }
        let unseen = match permitted {
            u64::MAX => u64::MAX,
            permitted => permitted - admitted,
        };
        Some(Narrowed {
            permits: format!("{}: {}", words(block), counted(permitted)),
            used: few(used.iter().map(block_words)),
            unseen: Unseen::Addresses(unseen),
            peers: peers.into_iter().map(Peer::IpBlock).collect(),
        })
    }

    fn narrow_pods(
        &self,
        policy: &NetworkPolicy,
        peer: &Peer,
        namespaces: Option<&Selector>,
        pods: &Selector,
        others: &[&Party],
        sieve: &mut Sieve<'_>,
    ) -> Option<Narrowed> {
        let used: Option<BTreeSet<WorkloadName>> = others
            .iter()
            .map(|party| match party {
                Party::Pods(group) => Some(WorkloadName::of(group)),
                _ => None,
            })
            .collect();
        let used = used?;
        let permitted = self.selected(policy, peer);
        let mut peers: Vec<Peer> = Vec::new();
        for name in &used {
            let named = selector(&sieve.named(name)?.labels);
            let narrowed = Peer::Pods {
                namespaces: namespaces.map(|selector| both(&namespace(&name.namespace), selector)),
                pods: both(&named, pods),
            };
            if !peers.contains(&narrowed) {
                peers.push(narrowed);
            }
            // Told at once: whom many peers leave is costly to know.
            if peers.len() > MOST {
                return None;
            }
        }
        let left: BTreeSet<WorkloadName> = peers
            .iter()
            .flat_map(|peer| self.selected(policy, peer))
            .collect();
        let is_far_more = left.len().saturating_mul(FAR_MORE_WORKLOADS) <= permitted.len();
        if peers.is_empty() || !is_far_more {
            return None;
        }
        let unseen = permitted.difference(&left).map(ToString::to_string);
        Some(Narrowed {
            permits: format!(
                "{}: {} workloads are known",
                peer_words(peer, policy),
                permitted.len()
            ),
            used: few(used.iter().map(ToString::to_string)),
            unseen: Unseen::Workloads(unseen.collect()),
            peers,
        })
    }

    /// Workloads that a peer selects, or selected within the time that is remembered.
    fn selected(&self, policy: &NetworkPolicy, peer: &Peer) -> BTreeSet<WorkloadName> {
        let Peer::Pods { namespaces, pods } = peer else {
            return BTreeSet::new();
        };
        let groups = self.history.population.iter().map(|present| &present.group);
        let selected = groups.filter(|group| {
            let is_there = match namespaces {
                // Rule 8.
                None => group.namespace == policy.reference.namespace,
                Some(selector) => selector.matches(&group.namespace_labels),
            };
            is_there && !group.host_network && pods.matches(&group.labels)
        });
        selected.map(|group| WorkloadName::of(group)).collect()
    }
}

/// A block within another, with those exceptions of the other that lie in it.
fn within(block: &Block, other: &IpBlock) -> IpBlock {
    let net = block.cidr.net();
    let except = other.except.iter().filter(|one| net.contains(&one.net()));
    IpBlock {
        cidr: block.cidr,
        except: except.copied().collect(),
    }
}

/// How many addresses a block permits; `u64::MAX` for that many and more.
fn size(block: &IpBlock) -> u64 {
    let except: Vec<IpNet> = block.except.iter().map(Cidr::net).collect();
    let except = IpNet::aggregate(&except);
    let except = except.iter().map(addresses).fold(0, u64::saturating_add);
    match addresses(&block.cidr.net()) {
        u64::MAX => u64::MAX,
        all => all.saturating_sub(except),
    }
}

/// `203.0.0.0/16 except 203.0.113.0/30`.
fn words(block: &IpBlock) -> String {
    let mut words = block.cidr.to_string();
    if !block.except.is_empty() {
        let except: Vec<String> = block.except.iter().map(ToString::to_string).collect();
        words.push_str(&format!(" except {}", except.join(", ")));
    }
    words
}

fn namespace(name: &Arc<str>) -> Selector {
    Selector {
        requirements: vec![Requirement {
            key: NAMESPACE_NAME_LABEL.to_owned(),
            operator: Operator::In(vec![name.to_string()]),
        }],
    }
}

/// What matches both: the first, which asks for one value each, and what of the second does not follow from it.
fn both(first: &Selector, second: &Selector) -> Selector {
    let values: BTreeMap<&str, &str> = first
        .requirements
        .iter()
        .filter_map(|one| match &one.operator {
            Operator::In(values) => Some((one.key.as_str(), values.first()?.as_str())),
            _ => None,
        })
        .collect();
    let labels: Labels = values.iter().map(|(key, value)| (*key, *value)).collect();
    let follows =
        |one: &&Requirement| values.contains_key(one.key.as_str()) && one.matches(&labels);
    let rest = second.requirements.iter().filter(|one| !follows(one));
    let all = first.requirements.iter().chain(rest).cloned();
    let (mut equal, other): (Vec<Requirement>, Vec<Requirement>) =
        all.partition(|one| matches!(&one.operator, Operator::In(values) if values.len() == 1));
    // As manifests have them: what `matchLabels` can say comes first, in order of keys.
    equal.sort_by(|a, b| a.key.cmp(&b.key));
    Selector {
        requirements: equal.into_iter().chain(other).collect(),
    }
}

/// The ends of some traffic that peers are about.
pub(super) fn others<'a>(
    traffic: impl Iterator<Item = &'a Traffic>,
    direction: Direction,
) -> Vec<&'a Party> {
    let ends = traffic.map(|one| match direction {
        Direction::Ingress => &one.source,
        Direction::Egress => &one.destination,
    });
    ends.collect()
}
