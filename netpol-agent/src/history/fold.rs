//! Where traffic has many ends or many ports, it is kept less finely: a scan must not push out everything else.
//!
//! Edges that differ in one thing alone are a family of that dimension. A family that grows beyond its bound is folded: what
//! is seen most stays, the rest becomes one edge with the sum of all. Of addresses, those that are close together become
//! a block.

use netpol_policy::history::edge::Port;
use netpol_policy::history::{EdgeKey, Party};

use super::blocks;

/// What edges of a family differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Dimension {
    /// The port.
    Port,
    /// The address, or block of addresses, of the source.
    SourceBlock,
    /// The same of the destination.
    DestinationBlock,
    /// The pods, node or Service at the source.
    Source,
    /// The same at the destination.
    Destination,
}

/// How large a family may grow, and how much of it stays.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) most: usize,
    pub(super) kept: usize,
}

impl Dimension {
    pub(super) const ALL: [Self; 5] = [
        Self::Port,
        Self::SourceBlock,
        Self::DestinationBlock,
        Self::Source,
        Self::Destination,
    ];

    /// Bounds in ordinary times.
    pub(super) fn bound(self) -> Bound {
        match self {
            // Few programs serve as many ports.
            Self::Port => Bound { most: 64, kept: 32 },
            Self::SourceBlock | Self::DestinationBlock => Bound {
                most: 128,
                kept: 64,
            },
            // What collects metrics, or serves all, has as many peers as there are workloads.
            Self::Source | Self::Destination => Bound {
                most: 4096,
                kept: 2048,
            },
        }
    }

    /// Bounds where there is no room for more edges.
    pub(super) fn narrow_bound(self) -> Bound {
        match self {
            Self::Port => Bound { most: 8, kept: 4 },
            Self::SourceBlock | Self::DestinationBlock => Bound { most: 16, kept: 8 },
            Self::Source | Self::Destination => Bound { most: 64, kept: 32 },
        }
    }

    /// What the family of a key has in common; `None` where there is nothing (more) to fold.
    pub(super) fn family(self, key: &EdgeKey) -> Option<EdgeKey> {
        // Most keys have little to fold: they are not copied for the rest.
        let with_source = |source| EdgeKey {
            source,
            ..key.clone()
        };
        let with_destination = |destination| EdgeKey {
            destination,
            ..key.clone()
        };
        match self {
            Self::Port => matches!(key.port, Port::One(_)).then(|| EdgeKey {
                port: Port::Many,
                ..key.clone()
            }),
            Self::SourceBlock => everybody(&key.source).map(with_source),
            Self::DestinationBlock => everybody(&key.destination).map(with_destination),
            Self::Source => anybody(&key.source).map(with_source),
            Self::Destination => anybody(&key.destination).map(with_destination),
        }
    }

    /// What becomes of members of a family, given with how often each was seen, so that few more than `kept` are left.
    /// Those that stay are left out.
    pub(super) fn fold(self, members: &[(&EdgeKey, u64)], kept: usize) -> Vec<(EdgeKey, EdgeKey)> {
        match self {
            Self::SourceBlock | Self::DestinationBlock => self.fold_blocks(members, kept),
            Self::Port | Self::Source | Self::Destination => {
                let mut members = members.to_vec();
                members.sort_by_key(|(_, seen)| std::cmp::Reverse(*seen));
                let rest = members.into_iter().skip(kept);
                rest.filter_map(|(key, _)| Some((key.clone(), self.family(key)?)))
                    .collect()
            }
        }
    }

    fn fold_blocks(self, members: &[(&EdgeKey, u64)], kept: usize) -> Vec<(EdgeKey, EdgeKey)> {
        let end = |key: &EdgeKey| match self {
            Self::SourceBlock => block(&key.source),
            _ => block(&key.destination),
        };
        let blocks: Vec<_> = members.iter().filter_map(|(key, _)| end(key)).collect();
        let folded = blocks::fold(&blocks, kept);
        let wider = members.iter().filter_map(|(key, _)| {
            let wider = *folded.get(&end(key)?)?;
            let mut new = (*key).clone();
            let party = match self {
                Self::SourceBlock => &mut new.source,
                _ => &mut new.destination,
            };
            if let Party::Outside(block) | Party::Unknown(block) = party {
                *block = wider;
            }
            Some(((*key).clone(), new))
        });
        wider.collect()
    }
}

/// The keys under which a connection may be counted already, where its addresses were folded: finest first.
pub(super) fn wider(key: &EdgeKey) -> impl Iterator<Item = EdgeKey> {
    let of = |party: &Party| block(party).into_iter().flat_map(blocks::around);
    let sources = of(&key.source).map(|wider| {
        let source = with_block(&key.source, wider);
        let key = key.clone();
        EdgeKey { source, ..key }
    });
    let destinations = of(&key.destination).map(|wider| {
        let destination = with_block(&key.destination, wider);
        let key = key.clone();
        EdgeKey { destination, ..key }
    });
    sources.chain(destinations)
}

fn block(party: &Party) -> Option<netpol_policy::model::Cidr> {
    match party {
        Party::Outside(block) | Party::Unknown(block) => Some(*block),
        _ => None,
    }
}

fn with_block(party: &Party, wider: netpol_policy::model::Cidr) -> Party {
    match party {
        Party::Unknown(_) => Party::Unknown(wider),
        _ => Party::Outside(wider),
    }
}

/// Every address of the kind that a party is.
fn everybody(party: &Party) -> Option<Party> {
    Some(with_block(party, blocks::everything(block(party)?)))
}

fn anybody(party: &Party) -> Option<Party> {
    match party {
        Party::Pods(_) | Party::Node { .. } | Party::Service { .. } => Some(Party::Many),
        Party::Outside(_) | Party::Unknown(_) | Party::Many => None,
    }
}
