//! AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy.

use super::selector::selector;
use super::tree::Tree;
use super::{Comments, Entry, Metadata};
use crate::matrix::PORTS;
use crate::model::{
    Action, NamespacedPods, PortMatch, PortRule, Protocol, TieredPeer, TieredPolicy, TieredRule,
};
use crate::verdict::{Direction, PolicyKind, Tier};

/// What the versions of the API write in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1Alpha1,
    V1Alpha2,
}

pub(super) fn tree(policy: &TieredPolicy, comments: &Comments, metadata: Metadata) -> Tree {
    let version = match policy.reference.kind {
        PolicyKind::ClusterNetworkPolicy => Version::V1Alpha2,
        _ => Version::V1Alpha1,
    };
    let mut spec = Vec::new();
    if version == Version::V1Alpha2 {
        let tier = match policy.tier {
            Tier::Baseline => "Baseline",
            Tier::Admin | Tier::NetworkPolicy => "Admin",
        };
        spec.push(("tier", Tree::text(tier)));
    }
    if let Some(priority) = policy.priority {
        spec.push(("priority", Tree::number(priority)));
    }
    spec.push(("subject", pods(&policy.subjects, version)));
    for (direction, list, peers) in [
        (Direction::Ingress, "ingress", "from"),
        (Direction::Egress, "egress", "to"),
    ] {
        let rules = policy.rules(direction);
        if rules.is_empty() {
            continue;
        }
        let rules = rules.iter().enumerate().map(|(index, found)| {
            let comment = comments.of(Entry::Rule {
                direction,
                rule: index,
            });
            let place = Place {
                direction,
                rule: index,
                peers,
            };
            (comment.to_owned(), rule(found, place, version, comments))
        });
        spec.push((list, Tree::commented(rules)));
    }
    let api_version = match version {
        Version::V1Alpha1 => "policy.networking.k8s.io/v1alpha1",
        Version::V1Alpha2 => "policy.networking.k8s.io/v1alpha2",
    };
    Tree::map([
        ("apiVersion", Tree::text(api_version)),
        ("kind", Tree::text(policy.reference.kind.as_str())),
        ("metadata", metadata.tree(&policy.reference)),
        ("spec", Tree::map(spec)),
    ])
}

/// Where a rule stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    direction: Direction,
    rule: usize,
    /// The name of its list of peers.
    peers: &'static str,
}

fn rule(from: &TieredRule, place: Place, version: Version, comments: &Comments) -> Tree {
    let Place {
        direction, rule, ..
    } = place;
    let mut fields = Vec::new();
    if !from.name.is_empty() {
        fields.push(("name", Tree::text(&from.name)));
    }
    let action = match (from.action, version) {
        (Action::Accept, Version::V1Alpha1) => "Allow",
        (Action::Accept, Version::V1Alpha2) => "Accept",
        (Action::Deny, _) => "Deny",
        (Action::Pass, _) => "Pass",
    };
    fields.push(("action", Tree::text(action)));
    let peers = from.peers.iter().enumerate().map(|(index, found)| {
        let entry = Entry::Peer {
            direction,
            rule,
            peer: index,
        };
        (comments.of(entry).to_owned(), peer(found, version))
    });
    fields.push((place.peers, Tree::commented(peers)));
    if !from.ports.is_empty() {
        let ports = from.ports.iter().enumerate().map(|(index, found)| {
            let entry = Entry::Port {
                direction,
                rule,
                port: index,
            };
            (comments.of(entry).to_owned(), port(found, version))
        });
        let list = match version {
            Version::V1Alpha1 => "ports",
            Version::V1Alpha2 => "protocols",
        };
        fields.push((list, Tree::commented(ports)));
    }
    Tree::map(fields)
}

fn peer(from: &TieredPeer, version: Version) -> Tree {
    match from {
        TieredPeer::Pods(found) => pods(found, version),
        TieredPeer::Nodes(found) => Tree::map([("nodes", selector(found))]),
        TieredPeer::Networks(blocks) => {
            let blocks = blocks.iter().map(|one| Tree::text(one.to_string()));
            Tree::map([("networks", Tree::list(blocks))])
        }
        TieredPeer::DomainNames(names) => {
            let names = names.iter().map(|one| Tree::text(one.to_string()));
            Tree::map([("domainNames", Tree::list(names))])
        }
        // What the fields held is not kept; whatever it is, the rule fails closed.
        TieredPeer::Unsupported(fields) => {
            let nothing = || Tree::Map(Vec::new());
            Tree::map(fields.iter().map(|name| (name, nothing())))
        }
    }
}

/// The fields of a subject, or of a peer.
fn pods(from: &NamespacedPods, version: Version) -> Tree {
    if from.pods.requirements.is_empty() {
        return Tree::map([("namespaces", selector(&from.namespaces))]);
    }
    let mut fields = Vec::new();
    if version == Version::V1Alpha1 || !from.namespaces.requirements.is_empty() {
        fields.push(("namespaceSelector", selector(&from.namespaces)));
    }
    fields.push(("podSelector", selector(&from.pods)));
    Tree::map([("pods", Tree::map(fields))])
}

fn port(from: &PortRule, version: Version) -> Tree {
    let (first, last) = match &from.port {
        PortMatch::Name(name) => {
            let field = match version {
                Version::V1Alpha1 => "namedPort",
                Version::V1Alpha2 => "destinationNamedPort",
            };
            return Tree::map([(field, Tree::text(name))]);
        }
        PortMatch::Range(first, last) => (*first, *last),
        // No entry of these kinds is read as this; all ports of a protocol are a range to them.
        PortMatch::Any => (*PORTS.start(), *PORTS.end()),
    };
    let protocol = from.protocol.unwrap_or_default();
    match version {
        Version::V1Alpha1 => v1alpha1_port(protocol, first, last),
        Version::V1Alpha2 => v1alpha2_port(protocol, first, last),
    }
}

fn v1alpha1_port(protocol: Protocol, first: u16, last: u16) -> Tree {
    let protocol = ("protocol", Tree::text(protocol.to_string()));
    if first == last {
        let number = Tree::map([protocol, ("port", Tree::number(first))]);
        return Tree::map([("portNumber", number)]);
    }
    let (start, end) = (Tree::number(first), Tree::number(last));
    Tree::map([(
        "portRange",
        Tree::map([protocol, ("start", start), ("end", end)]),
    )])
}

fn v1alpha2_port(protocol: Protocol, first: u16, last: u16) -> Tree {
    let port = if first == last {
        Tree::map([("number", Tree::number(first))])
    } else {
        let range = Tree::map([("start", Tree::number(first)), ("end", Tree::number(last))]);
        Tree::map([("range", range)])
    };
    let ports = Tree::map([("destinationPort", port)]);
    Tree::map([(protocol.to_string().to_lowercase(), ports)])
}
