//! Entries of `from` and `to`, from the other ends of traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::IpNet;

use super::block::{self, Block, Ungrouped};
use super::label::WorkloadName;
use super::reason::Reason;
use super::rule::seen;
use super::seen::Seen;
use super::sift::{Kept, Other, selector};
use super::surroundings::{Surroundings, addresses_of};
use crate::history::Traffic;
use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::model::{IpBlock, Operator, Peer, Requirement, Selector};

/// What was seen of the traffic with one peer of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerEvidence {
    /// Who they are, in order: workloads as `shop/web[Deployment]`, Services, nodes, outside addresses and blocks.
    pub called: Vec<String>,
    /// Workloads that its labels select beside those that were seen.
    pub also: Vec<WorkloadName>,
    /// The addresses, where it is a block.
    pub block: Option<Block>,
    /// How many workloads it admits, where so many of a namespace were seen that it stands for all of it.
    pub whole_namespace: Option<usize>,
    /// The traffic.
    pub seen: Seen,
}

type Peers = Vec<(Peer, PeerEvidence)>;

/// Peers for whatever other ends.
///
/// # Errors
/// As [`nodes`] and [`outside`].
pub(crate) fn all(
    own: &Arc<str>,
    kept: &[&Kept],
    traffic: &[Traffic],
    around: &Surroundings<'_>,
) -> Result<Vec<(Peer, PeerEvidence)>, Reason> {
    let of = |is_of: fn(&Other) -> bool| -> Vec<&Kept> {
        let kept = kept.iter().filter(|one| is_of(&one.other));
        kept.copied().collect()
    };
    let mut peers = pods(own, kept, traffic, around);
    let at_nodes = of(|other| matches!(other, Other::Node(_)));
    if !at_nodes.is_empty() {
        peers.extend(nodes(&at_nodes, traffic, around)?);
    }
    let at_outside = of(|other| matches!(other, Other::Outside(_)));
    if !at_outside.is_empty() {
        peers.extend(outside(&at_outside, traffic, around)?);
    }
    Ok(peers)
}

/// Peers for pods, those of the policy's own namespace first.
pub(super) fn pods(
    own: &Arc<str>,
    kept: &[&Kept],
    traffic: &[Traffic],
    around: &Surroundings<'_>,
) -> Peers {
    let mut spaces: BTreeMap<&Arc<str>, BTreeMap<&Labels, Vec<&Kept>>> = BTreeMap::new();
    for one in kept {
        if let Other::Pods { namespace, labels } = &one.other {
            let space = spaces.entry(namespace).or_default();
            space.entry(labels).or_default().push(one);
        }
    }
    let mut peers = Peers::new();
    // The same labels in several namespaces are one peer.
    let mut foreign: BTreeMap<&Labels, (Vec<&Arc<str>>, Vec<&Kept>)> = BTreeMap::new();
    let mut whole = Peers::new();
    for (namespace, by_labels) in spaces {
        if by_labels.len() > around.peers {
            let kept: Vec<&Kept> = by_labels.into_values().flatten().collect();
            let namespaces = (namespace != own).then(|| named([namespace]));
            let peer = Peer::Pods {
                namespaces,
                pods: Selector::default(),
            };
            let admits = around.naming.workloads(namespace).count();
            whole.extend(evidence(&kept, traffic).map(|evidence| {
                let evidence = PeerEvidence {
                    whole_namespace: Some(admits),
                    also: Vec::new(),
                    ..evidence
                };
                (peer, evidence)
            }));
            continue;
        }
        for (labels, kept) in by_labels {
            if namespace == own {
                let peer = Peer::Pods {
                    namespaces: None,
                    pods: selector(labels),
                };
                peers.extend(evidence(&kept, traffic).map(|evidence| (peer, evidence)));
            } else {
                let (namespaces, all) = foreign.entry(labels).or_default();
                namespaces.push(namespace);
                all.extend(kept);
            }
        }
    }
    let mut foreign: Vec<_> = foreign.into_iter().collect();
    foreign.sort_by(|(_, (a, _)), (_, (b, _))| a.cmp(b));
    for (labels, (namespaces, kept)) in foreign {
        let peer = Peer::Pods {
            namespaces: Some(named(namespaces)),
            pods: selector(labels),
        };
        peers.extend(evidence(&kept, traffic).map(|evidence| (peer, evidence)));
    }
    peers.extend(whole);
    peers
}

type Labels = Vec<(String, String)>;

/// Namespaces by the label that each has (rule 11).
fn named<'a>(names: impl IntoIterator<Item = &'a Arc<str>>) -> Selector {
    let values = names.into_iter().map(ToString::to_string).collect();
    Selector {
        requirements: vec![Requirement {
            key: NAMESPACE_NAME_LABEL.to_owned(),
            operator: Operator::In(values),
        }],
    }
}

/// Peers for nodes.
///
/// # Errors
/// Their addresses lie too far apart.
pub(super) fn nodes(
    kept: &[&Kept],
    traffic: &[Traffic],
    around: &Surroundings<'_>,
) -> Result<Peers, Reason> {
    let mut addresses: BTreeMap<IpNet, Vec<&Kept>> = BTreeMap::new();
    for one in kept {
        if let Other::Node(name) = &one.other {
            for address in addresses_of(around.history, name) {
                addresses
                    .entry(IpNet::from(*address))
                    .or_default()
                    .push(one);
            }
        }
    }
    let seen: Vec<IpNet> = addresses.keys().copied().collect();
    let blocks = grouped(&seen, &around.pods, around)?;
    let peers = blocks.into_iter().filter_map(|block| {
        let net = block.cidr.net();
        let within = addresses.iter().filter(|(one, _)| net.contains(*one));
        let kept: Vec<&Kept> = within.flat_map(|(_, kept)| kept).copied().collect();
        let evidence = evidence(&kept, traffic)?;
        Some(of_block(block, evidence))
    });
    Ok(peers.collect())
}

/// Peers for outside addresses.
///
/// # Errors
/// They lie too far apart, or are not known well enough.
pub(super) fn outside(
    kept: &[&Kept],
    traffic: &[Traffic],
    around: &Surroundings<'_>,
) -> Result<Peers, Reason> {
    let blocks = grouped(&addresses(kept), &around.cluster, around)?;
    let blocks: Vec<IpNet> = blocks.iter().map(|block| block.cidr.net()).collect();
    Ok(of_blocks(&blocks, kept, traffic))
}

/// Peers for blocks that hold all of some outside addresses.
pub(super) fn of_blocks(blocks: &[IpNet], kept: &[&Kept], traffic: &[Traffic]) -> Peers {
    let addresses = addresses(kept);
    let peers = blocks.iter().filter_map(|block| {
        let is_within =
            |one: &&&Kept| matches!(&one.other, Other::Outside(net) if block.contains(net));
        let within: Vec<&Kept> = kept.iter().filter(is_within).copied().collect();
        let evidence = evidence(&within, traffic)?;
        Some(of_block(Block::seen_of(block, &addresses), evidence))
    });
    peers.collect()
}

fn addresses(kept: &[&Kept]) -> Vec<IpNet> {
    let addresses = kept.iter().filter_map(|one| match &one.other {
        Other::Outside(net) => Some(*net),
        _ => None,
    });
    addresses.collect::<BTreeSet<_>>().into_iter().collect()
}

fn grouped(
    seen: &[IpNet],
    avoid: &[IpNet],
    around: &Surroundings<'_>,
) -> Result<Vec<Block>, Reason> {
    block::group(seen, avoid, &around.limits).map_err(|error| match error {
        Ungrouped::Many(blocks) => Reason::AddressesApart {
            blocks,
            most: around.limits.most,
        },
        Ungrouped::Wide(block) => Reason::OutsideWide(block),
        Ungrouped::Cluster(block) => Reason::OutsideInCluster(block),
    })
}

fn of_block(block: Block, evidence: PeerEvidence) -> (Peer, PeerEvidence) {
    let peer = Peer::IpBlock(IpBlock {
        cidr: block.cidr,
        except: Vec::new(),
    });
    let block = Some(block);
    (peer, PeerEvidence { block, ..evidence })
}

/// What was seen of some traffic; `None` for none.
fn evidence(kept: &[&Kept], traffic: &[Traffic]) -> Option<PeerEvidence> {
    let called: BTreeSet<&String> = kept.iter().map(|one| &one.called).collect();
    let also: BTreeSet<&WorkloadName> = kept.iter().flat_map(|one| &one.also).collect();
    // Some of these may have been seen by themselves.
    let is_unseen = |name: &&&WorkloadName| !called.contains(&name.to_string());
    Some(PeerEvidence {
        also: also
            .iter()
            .filter(is_unseen)
            .map(|name| (*name).clone())
            .collect(),
        called: called.into_iter().cloned().collect(),
        block: None,
        whole_namespace: None,
        seen: seen(kept, traffic)?,
    })
}
