//! NetworkPolicy.

use super::selector::selector;
use super::tree::Tree;
use super::{Comments, Entry, Metadata};
use crate::model::{IpBlock, NetworkPolicy, Peer, PortMatch, PortRule, Rule};
use crate::verdict::Direction;

/// Writes a policy, which isolates at least one direction: the API has no form for one that isolates none.
pub(super) fn tree(policy: &NetworkPolicy, comments: &Comments, metadata: Metadata) -> Tree {
    let directions = [
        (Direction::Ingress, "Ingress", "ingress", "from"),
        (Direction::Egress, "Egress", "egress", "to"),
    ];
    let mut spec = vec![("podSelector", selector(&policy.subjects))];
    let isolated = directions.iter().filter_map(|(direction, name, ..)| {
        policy.rules(*direction)?;
        let comment = comments.of(Entry::Isolation(*direction));
        Some((comment.to_owned(), Tree::text(*name)))
    });
    spec.push(("policyTypes", Tree::commented(isolated)));
    for (direction, _, list, peers) in directions {
        // Without a rule, the entry in policyTypes says all.
        let Some(rules) = policy.rules(direction).filter(|rules| !rules.is_empty()) else {
            continue;
        };
        let rules = rules.iter().enumerate().map(|(index, found)| {
            let comment = comments.of(Entry::Rule {
                direction,
                rule: index,
            });
            let tree = rule(found, peers, direction, index, comments);
            (comment.to_owned(), tree)
        });
        spec.push((list, Tree::commented(rules)));
    }
    Tree::map([
        ("apiVersion", Tree::text("networking.k8s.io/v1")),
        ("kind", Tree::text(policy.reference.kind.as_str())),
        ("metadata", metadata.tree(&policy.reference)),
        ("spec", Tree::map(spec)),
    ])
}

fn rule(
    from: &Rule,
    peers: &'static str,
    direction: Direction,
    rule: usize,
    comments: &Comments,
) -> Tree {
    let mut fields = Vec::new();
    if !from.peers.is_empty() {
        let listed = from.peers.iter().enumerate().map(|(index, found)| {
            let entry = Entry::Peer {
                direction,
                rule,
                peer: index,
            };
            (comments.of(entry).to_owned(), peer(found))
        });
        fields.push((peers, Tree::commented(listed)));
    }
    if !from.ports.is_empty() {
        let listed = from.ports.iter().enumerate().map(|(index, found)| {
            let entry = Entry::Port {
                direction,
                rule,
                port: index,
            };
            (comments.of(entry).to_owned(), port(found))
        });
        fields.push(("ports", Tree::commented(listed)));
    }
    Tree::map(fields)
}

fn peer(from: &Peer) -> Tree {
    match from {
        Peer::IpBlock(block) => Tree::map([("ipBlock", ip_block(block))]),
        Peer::Pods {
            namespaces: None,
            pods,
        } => Tree::map([("podSelector", selector(pods))]),
        Peer::Pods {
            namespaces: Some(namespaces),
            pods,
        } => {
            let mut fields = vec![("namespaceSelector", selector(namespaces))];
            if !pods.requirements.is_empty() {
                fields.push(("podSelector", selector(pods)));
            }
            Tree::map(fields)
        }
    }
}

fn ip_block(from: &IpBlock) -> Tree {
    let mut fields = vec![("cidr", Tree::text(from.cidr.to_string()))];
    if !from.except.is_empty() {
        let except = from.except.iter().map(|one| Tree::text(one.to_string()));
        fields.push(("except", Tree::list(except)));
    }
    Tree::map(fields)
}

fn port(from: &PortRule) -> Tree {
    let protocol = from.protocol.unwrap_or_default();
    let mut fields = vec![("protocol", Tree::text(protocol.to_string()))];
    match &from.port {
        PortMatch::Any => {}
        PortMatch::Range(first, last) => {
            fields.push(("port", Tree::number(*first)));
            if first != last {
                fields.push(("endPort", Tree::number(*last)));
            }
        }
        PortMatch::Name(name) => fields.push(("port", Tree::text(name))),
    }
    Tree::map(fields)
}
