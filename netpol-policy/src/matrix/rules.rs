//! Which rules can matter between two parties, and at which ports their answer can change.
//!
//! What is collected here may be more than what evaluation looks at, never less: it says where to ask, not what the answer is.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::PortRange;
use crate::inventory::Inventory;
use crate::model::{Labels, Peer, Pod, PortMatch, PortRule, Protocol, TieredPeer};
use crate::verdict::Direction;

/// A party as the peers of rules see it.
pub(super) struct Facing {
    /// `None` for the outside world, which no selector matches.
    pub(super) selected: Option<Selected>,
    /// All addresses that stand for it.
    pub(super) addresses: Vec<IpAddr>,
    /// An address of it is not known, so any block may hold it.
    pub(super) lacks_address: bool,
}

/// What selectors look at.
pub(super) struct Selected {
    pub(super) namespace: Arc<str>,
    pub(super) namespace_labels: Labels,
    pub(super) labels: Labels,
}

impl Selected {
    pub(super) fn of(inventory: &Inventory, pod: &Pod) -> Self {
        Self {
            namespace: pod.namespace.clone(),
            namespace_labels: inventory.namespace_labels(&pod.namespace),
            labels: pod.labels.clone(),
        }
    }
}

impl Facing {
    fn may_lie_in(&self, holds: impl Fn(IpAddr) -> bool) -> bool {
        self.lacks_address || self.addresses.iter().copied().any(holds)
    }
}

/// The policies that select a party in one direction, as their rules.
#[derive(Default)]
pub(super) struct Rules<'a> {
    /// Whether there is such a policy; it may have no rule.
    pub(super) is_selected: bool,
    rules: Vec<Rule<'a>>,
}

struct Rule<'a> {
    peers: Peers<'a>,
    ports: &'a [PortRule],
}

enum Peers<'a> {
    NetworkPolicy {
        namespace: &'a str,
        peers: &'a [Peer],
    },
    Tiered(&'a [TieredPeer]),
}

impl<'a> Rules<'a> {
    /// The rules that apply to a party.
    pub(super) fn of(inventory: &'a Inventory, party: &Selected, direction: Direction) -> Self {
        let mut found = Self::default();
        for policy in inventory.policies(&party.namespace) {
            let Some(rules) = policy.rules(direction) else {
                continue;
            };
            if !policy.subjects.matches(&party.labels) {
                continue;
            }
            found.is_selected = true;
            found.rules.extend(rules.iter().map(|rule| Rule {
                peers: Peers::NetworkPolicy {
                    namespace: &policy.reference.namespace,
                    peers: &rule.peers,
                },
                ports: &rule.ports,
            }));
        }
        for policy in inventory.tiered_policies() {
            if !policy.subjects.namespaces.matches(&party.namespace_labels)
                || !policy.subjects.pods.matches(&party.labels)
            {
                continue;
            }
            found.is_selected = true;
            let rules = policy.rules(direction).iter().map(|rule| Rule {
                peers: Peers::Tiered(&rule.peers),
                ports: &rule.ports,
            });
            found.rules.extend(rules);
        }
        found
    }

    /// The ports of those rules whose peers may hold another party; no other rule can match it.
    pub(super) fn towards(&self, other: &Facing) -> Vec<&'a [PortRule]> {
        let rules = self.rules.iter().filter(|rule| rule.peers.may_hold(other));
        rules.map(|rule| rule.ports).collect()
    }
}

impl Peers<'_> {
    /// Whether one of the peers may hold a party; none does where this is false.
    fn may_hold(&self, other: &Facing) -> bool {
        match self {
            Self::NetworkPolicy { namespace, peers } => {
                peers.is_empty()
                    || peers.iter().any(|peer| match (peer, &other.selected) {
                        (Peer::IpBlock(block), _) => other.may_lie_in(|one| block.contains(one)),
                        (Peer::Pods { .. }, None) => false,
                        (Peer::Pods { namespaces, pods }, Some(other)) => {
                            let is_there = match namespaces {
                                // Rule 8.
                                None => *other.namespace == **namespace,
                                Some(selector) => selector.matches(&other.namespace_labels),
                            };
                            is_there && pods.matches(&other.labels)
                        }
                    })
            }
            Self::Tiered(peers) => peers.iter().any(|peer| match (peer, &other.selected) {
                (TieredPeer::Pods(_), None) => false,
                (TieredPeer::Pods(peer), Some(other)) => {
                    peer.namespaces.matches(&other.namespace_labels)
                        && peer.pods.matches(&other.labels)
                }
                (TieredPeer::Networks(blocks), _) => {
                    other.may_lie_in(|one| blocks.iter().any(|block| block.contains(one)))
                }
                // Rule 33: of these the rule itself decides.
                (TieredPeer::Unsupported(_), _) => true,
                (TieredPeer::DomainNames(_), selected) => selected.is_none(),
                // Neither pods nor the outside world are nodes.
                (TieredPeer::Nodes(_), _) => false,
            }),
        }
    }
}

/// The ports at which the answer can change: the first of each range, and the one behind its last. Names are looked up in
/// the destination's ports (rule 14); the outside world has none.
pub(super) fn borders(
    rules: &[&[PortRule]],
    protocol: Protocol,
    destination: Option<&Pod>,
) -> BTreeSet<u16> {
    let mut borders = BTreeSet::new();
    let mut add = |first: u16, last: u16| {
        borders.insert(first);
        borders.extend(last.checked_add(1));
    };
    for rule in rules.iter().copied().flatten() {
        if rule.protocol.is_some_and(|one| one != protocol) {
            continue;
        }
        match &rule.port {
            PortMatch::Any => {}
            PortMatch::Range(first, last) => add(*first, *last),
            PortMatch::Name(name) => {
                let ports = destination.into_iter().flat_map(|pod| &pod.ports);
                ports
                    .filter(|port| *port.name == **name && port.protocol == protocol)
                    .for_each(|port| add(port.port, port.port));
            }
        }
    }
    borders
}

/// Cuts a range at borders: within each part every rule answers alike.
pub(super) fn intervals(range: PortRange, borders: &BTreeSet<u16>) -> Vec<PortRange> {
    let mut first = range.first;
    let mut found = Vec::with_capacity(borders.len() + 1);
    let inside = borders.iter().copied();
    for border in inside.filter(|border| range.first < *border && *border <= range.last) {
        found.push(PortRange {
            first,
            last: border - 1,
        });
        first = border;
    }
    found.push(PortRange {
        first,
        last: range.last,
    });
    found
}
