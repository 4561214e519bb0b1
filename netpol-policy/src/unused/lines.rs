//! Policies, taken apart: every peer with every port of every rule by itself.

use crate::evaluate::{block_words, port_words};
use crate::explain::{peer_words, tiered_peer_words};
use crate::history::policy::RememberedPolicy;
use crate::history::rule::Part;
use crate::model::{
    Action, DomainName, IpBlock, NetworkPolicy, Peer, PortRule, Selector, TieredPeer, TieredPolicy,
};
use crate::verdict::Direction;

/// One peer and one port of a rule, or a direction without rules.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Index of the policy.
    pub(super) policy: usize,
    pub(super) direction: Direction,
    pub(super) part: Part,
    /// `None` for a direction without rules.
    pub(super) action: Option<Action>,
    pub(super) who: Who<'a>,
    /// `None` matches every port of every protocol.
    pub(super) port: Option<&'a PortRule>,
    /// The rule has a peer of a kind that is not known, which decides for all of it (rule 33).
    pub(super) fails_closed: bool,
}

/// A peer of either kind of policy.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who<'a> {
    /// The rule lists no peers, or the direction no rules.
    Everyone,
    /// Without a selector of namespaces, pods of the policy's own.
    Pods {
        namespaces: Option<&'a Selector>,
        pods: &'a Selector,
    },
    Block(&'a IpBlock),
    Networks(&'a [crate::model::Cidr]),
    Nodes(&'a Selector),
    Names(&'a [DomainName]),
    Unsupported,
}

impl Line<'_> {
    /// Index of the rule; `None` for a direction without rules.
    pub(super) fn rule(&self) -> Option<u32> {
        match self.part {
            Part::Entry { rule, .. } => Some(rule),
            Part::Isolation => None,
        }
    }

    /// Its peer and its port in words.
    pub(super) fn words(&self, policy: &RememberedPolicy) -> (String, String) {
        let port = match (self.part, self.port) {
            (Part::Isolation, _) => String::new(),
            (_, None) => "every port".to_owned(),
            (_, Some(rule)) => port_words(rule),
        };
        (self.peer_words(policy).unwrap_or_default(), port)
    }

    fn peer_words(&self, policy: &RememberedPolicy) -> Option<String> {
        let Part::Entry { rule, peer, .. } = self.part else {
            return None;
        };
        let Some(peer) = peer else {
            return Some("everyone".to_owned());
        };
        let (rule, peer) = (index(rule), index(peer));
        match policy {
            RememberedPolicy::Network(policy) => {
                let peer = policy.rules(self.direction)?.get(rule)?.peers.get(peer)?;
                Some(match peer {
                    Peer::IpBlock(block) => block_words(block),
                    Peer::Pods { .. } => peer_words(peer, policy),
                })
            }
            RememberedPolicy::Tiered(policy) => {
                let rule = policy.rules(self.direction).get(rule)?;
                rule.peers.get(peer).map(tiered_peer_words)
            }
        }
    }
}

/// Indices are kept in 32 bits, which is no more than a `usize` has on any machine this runs on.
fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What a list of 2^32 entries would need is more than an API server stores.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// All lines of all policies, in order of policy, direction, rule, peer and port.
pub(super) fn of(policies: &[RememberedPolicy]) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    for (index, policy) in policies.iter().enumerate() {
        for direction in [Direction::Ingress, Direction::Egress] {
            match policy {
                RememberedPolicy::Network(policy) => network(&mut lines, index, direction, policy),
                RememberedPolicy::Tiered(policy) => tiered(&mut lines, index, direction, policy),
            }
        }
    }
    lines
}

fn network<'a>(
    lines: &mut Vec<Line<'a>>,
    policy: usize,
    direction: Direction,
    says: &'a NetworkPolicy,
) {
    let Some(rules) = says.rules(direction) else {
        return;
    };
    if rules.is_empty() {
        lines.push(Line {
            policy,
            direction,
            part: Part::Isolation,
            action: None,
            who: Who::Everyone,
            port: None,
            fails_closed: false,
        });
    }
    for (rule, list) in rules.iter().enumerate() {
        let peers = list.peers.iter().map(|peer| match peer {
            Peer::Pods { namespaces, pods } => Who::Pods {
                namespaces: namespaces.as_ref(),
                pods,
            },
            Peer::IpBlock(block) => Who::Block(block),
        });
        let pairs = pairs(rule, peers, &list.ports);
        lines.extend(pairs.into_iter().map(|(part, who, port)| Line {
            policy,
            direction,
            part,
            action: Some(Action::Accept),
            who,
            port,
            fails_closed: false,
        }));
    }
}

fn tiered<'a>(
    lines: &mut Vec<Line<'a>>,
    policy: usize,
    direction: Direction,
    says: &'a TieredPolicy,
) {
    for (rule, list) in says.rules(direction).iter().enumerate() {
        let unsupported = |peer: &TieredPeer| matches!(peer, TieredPeer::Unsupported(_));
        let fails_closed = list.peers.iter().any(unsupported);
        let peers = list.peers.iter().map(|peer| match peer {
            TieredPeer::Pods(both) => Who::Pods {
                namespaces: Some(&both.namespaces),
                pods: &both.pods,
            },
            TieredPeer::Nodes(selector) => Who::Nodes(selector),
            TieredPeer::Networks(blocks) => Who::Networks(blocks),
            TieredPeer::DomainNames(names) => Who::Names(names),
            TieredPeer::Unsupported(_) => Who::Unsupported,
        });
        let pairs = pairs(rule, peers, &list.ports);
        lines.extend(pairs.into_iter().map(|(part, who, port)| Line {
            policy,
            direction,
            part,
            action: Some(list.action),
            who,
            port,
            fails_closed,
        }));
    }
}

/// Every peer of a rule with every port. An empty list matches everything, and has no index (rule 6).
fn pairs<'a>(
    rule: usize,
    peers: impl Iterator<Item = Who<'a>>,
    ports: &'a [PortRule],
) -> Vec<(Part, Who<'a>, Option<&'a PortRule>)> {
    let mut peers: Vec<(Option<u32>, Who<'a>)> = peers
        .enumerate()
        .map(|(index, who)| (Some(number(index)), who))
        .collect();
    if peers.is_empty() {
        peers.push((None, Who::Everyone));
    }
    let mut all: Vec<(Option<u32>, Option<&PortRule>)> = ports
        .iter()
        .enumerate()
        .map(|(index, rule)| (Some(number(index)), Some(rule)))
        .collect();
    if all.is_empty() {
        all.push((None, None));
    }
    let rule = number(rule);
    let mut pairs = Vec::with_capacity(peers.len() * all.len());
    for (peer, who) in peers {
        pairs.extend(all.iter().map(|&(port, says)| {
            let part = Part::Entry { rule, peer, port };
            (part, who, says)
        }));
    }
    pairs
}
