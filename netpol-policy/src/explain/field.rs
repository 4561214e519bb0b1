//! Paths of fields within a policy's manifest.

use crate::verdict::{Direction, PolicyKind};

/// A rule: `spec.ingress[0]`.
#[must_use]
pub fn rule_field(direction: Direction, rule: usize) -> String {
    format!("spec.{}[{rule}]", rules_list(direction))
}

/// The list of rules, as the API spells it.
#[must_use]
pub fn rules_list(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

/// The list of a rule's peers.
#[must_use]
pub fn peers_list(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    }
}

/// The list of a rule's ports.
#[must_use]
pub fn ports_list(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::ClusterNetworkPolicy => "protocols",
        _ => "ports",
    }
}

/// Which pods a policy selects.
#[must_use]
pub fn subjects_field(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::NetworkPolicy => "spec.podSelector",
        _ => "spec.subject",
    }
}
