//! What is valid, and yet most likely not what its author meant: seen only with all objects at hand.
//!
//! What one manifest shows by itself stands in [`crate::manifest::Manifests::warnings`].

mod selector;
mod tier;

use std::collections::BTreeMap;

use self::selector::contradiction;
use crate::model::{NetworkPolicy, Object, Peer, Pod, Selector, TieredPeer, TieredPolicy};
use crate::verdict::Direction;

/// Something to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Index among the objects.
    pub object: usize,
    /// Path within the object; empty for the object as a whole.
    pub field: String,
    /// What is odd, and what comes of it.
    pub message: String,
}

/// Looks for selectors that match nothing whatever the labels, for names of ports that mean several, for peers that are
/// not known (rule 33), and for policies whose order is undefined (rule 28). Warnings come in the order of objects.
#[must_use]
pub fn lint(objects: &[Object]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        let mut warn = |field: &str, message: String| {
            warnings.push(Warning {
                object: index,
                field: field.to_owned(),
                message,
            });
        };
        match object {
            Object::Pod(pod) => ambiguous_ports(pod, &mut warn),
            Object::Template(template) => ambiguous_ports(&template.pod, &mut warn),
            Object::NetworkPolicy(policy) => network_policy(policy, &mut warn),
            Object::TieredPolicy(policy) => tiered_policy(policy, &mut warn),
            Object::Namespace(_)
            | Object::Service(_)
            | Object::EndpointSlice(_)
            | Object::Node(_) => {}
        }
    }
    warnings.extend(tier::undefined_order(objects));
    warnings.sort_by_key(|warning| warning.object);
    warnings
}

/// One name and protocol, several numbers.
fn ambiguous_ports(pod: &Pod, warn: &mut impl FnMut(&str, String)) {
    let mut numbers = BTreeMap::new();
    for port in &pod.ports {
        let first = *numbers
            .entry((&port.name, port.protocol))
            .or_insert(port.port);
        if first != port.port {
            let (name, protocol) = (&port.name, port.protocol);
            let message = format!(
                "{protocol} ports {first} and {} are both named {name:?}: implementations differ in which one a policy means",
                port.port
            );
            warn("", message);
        }
    }
}

fn network_policy(policy: &NetworkPolicy, warn: &mut impl FnMut(&str, String)) {
    check("spec.podSelector", &policy.subjects, warn);
    for (direction, list, peers) in DIRECTIONS {
        for (rule, found) in policy
            .rules(direction)
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            for (at, peer) in found.peers.iter().enumerate() {
                let field = format!("{list}[{rule}].{peers}[{at}]");
                if let Peer::Pods { namespaces, pods } = peer {
                    let namespaces = namespaces.iter();
                    namespaces
                        .for_each(|one| check(&format!("{field}.namespaceSelector"), one, warn));
                    check(&format!("{field}.podSelector"), pods, warn);
                }
            }
        }
    }
}

fn tiered_policy(policy: &TieredPolicy, warn: &mut impl FnMut(&str, String)) {
    check("spec.subject", &policy.subjects.namespaces, warn);
    check("spec.subject", &policy.subjects.pods, warn);
    for (direction, list, peers) in DIRECTIONS {
        for (rule, found) in policy.rules(direction).iter().enumerate() {
            for (at, peer) in found.peers.iter().enumerate() {
                let field = format!("{list}[{rule}].{peers}[{at}]");
                match peer {
                    TieredPeer::Pods(selected) => {
                        check(&field, &selected.namespaces, warn);
                        check(&field, &selected.pods, warn);
                    }
                    TieredPeer::Nodes(nodes) => check(&field, nodes, warn),
                    // Rule 33.
                    TieredPeer::Unsupported(names) => {
                        let names = names.join(", ");
                        let message = format!(
                            "has no field that is known, found {{{names}}}: its rule fails closed"
                        );
                        warn(&field, message);
                    }
                    TieredPeer::Networks(_) | TieredPeer::DomainNames(_) => {}
                }
            }
        }
    }
}

/// The names of a policy's lists of rules, and of a rule's list of peers.
const DIRECTIONS: [(Direction, &str, &str); 2] = [
    (Direction::Ingress, "spec.ingress", "from"),
    (Direction::Egress, "spec.egress", "to"),
];

fn check(field: &str, selector: &Selector, warn: &mut impl FnMut(&str, String)) {
    if let Some(key) = contradiction(&selector.requirements) {
        let message = format!("matches nothing: what it asks of label {key} cannot all hold");
        warn(field, message);
    }
}
