//! NetworkPolicy v1 against one connection.
//!
//! Both directions are always evaluated, and every rule that allows and every policy that isolates is named.

mod peer;
mod port;
mod rule;

use std::net::IpAddr;

use crate::connection::{Connection, End};
use crate::inventory::Inventory;
use crate::model::{NetworkPolicy, Pod};
use crate::verdict::{
    Caveat, DecidedBy, Decision, Denial, Direction, DirectionVerdict, RuleRef, Verdict,
};

/// What policies say of a connection, in the state of the world that the inventory holds.
#[must_use]
pub fn evaluate(inventory: &Inventory, connection: &Connection) -> Verdict {
    let mut caveats = Vec::new();
    let egress = direction(inventory, connection, Direction::Egress, &mut caveats);
    let ingress = direction(inventory, connection, Direction::Ingress, &mut caveats);
    caveats.sort();
    caveats.dedup();
    Verdict {
        egress,
        ingress,
        caveats,
    }
}

/// Matching can be undecidable: the other end, or the backend's port, is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    Unknown,
}

impl Match {
    fn of(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }

    /// Both hold.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
        }
    }
}

fn direction(
    inventory: &Inventory,
    connection: &Connection,
    direction: Direction,
    caveats: &mut Vec<Caveat>,
) -> DirectionVerdict {
    let (subject, other) = match direction {
        Direction::Egress => (&connection.source, &connection.destination),
        Direction::Ingress => (&connection.destination, &connection.source),
    };
    let pod = match subject {
        End::Pod { pod, .. } if pod.host_network => {
            caveats.push(Caveat::HostNetwork);
            return decided(Decision::Allowed, DecidedBy::NotASubject);
        }
        End::Pod { pod, .. } => pod,
        End::Node { .. } | End::Address(_) => {
            return decided(Decision::Allowed, DecidedBy::NotASubject);
        }
        End::Service { .. } => {
            caveats.push(Caveat::BackendUnknown);
            return decided(Decision::Unknown, DecidedBy::Unknown);
        }
        End::Unknown(_) => {
            caveats.push(Caveat::EndUnknown);
            return decided(Decision::Unknown, DecidedBy::Unknown);
        }
    };
    // Rule 19.
    if connection.dialled.is_none() && is_self(pod, other) {
        return decided(Decision::Allowed, DecidedBy::SelfTraffic);
    }
    // Rule 20.
    if is_own_node(pod, other) {
        return decided(Decision::Allowed, DecidedBy::Node);
    }
    let isolating: Vec<&NetworkPolicy> = inventory
        .policies(&pod.namespace)
        .iter()
        .map(AsRef::as_ref)
        .filter(|policy| policy.rules(direction).is_some() && policy.subjects.matches(&pod.labels))
        .collect();
    if isolating.is_empty() {
        return decided(Decision::Allowed, DecidedBy::Default);
    }
    // Rule 23.
    if !connection.protocol.is_defined() {
        caveats.push(Caveat::ProtocolUndefined);
        return decided(Decision::Unknown, DecidedBy::Policy);
    }
    by_policies(inventory, connection, other, direction, &isolating, caveats)
}

fn by_policies(
    inventory: &Inventory,
    connection: &Connection,
    other: &End,
    direction: Direction,
    isolating: &[&NetworkPolicy],
    caveats: &mut Vec<Caveat>,
) -> DirectionVerdict {
    let question = rule::Question {
        inventory,
        connection,
        other,
        direction,
    };
    let mut allowed_by: Vec<RuleRef> = Vec::new();
    let mut denied_by: Vec<Denial> = Vec::new();
    let (mut undecided, mut by_address_only) = (false, true);
    for policy in isolating {
        let answer = question.ask(policy);
        undecided |= answer.undecided;
        by_address_only &= answer.by_address_only;
        match answer.denial {
            Some(denial) => denied_by.push(denial),
            None => allowed_by.extend(answer.allowed_by),
        }
    }
    if !allowed_by.is_empty() {
        if by_address_only && selectable(other).is_some() {
            caveats.push(Caveat::IpBlockMatchesPod);
        }
        return DirectionVerdict {
            decision: Decision::Allowed,
            decided_by: DecidedBy::Policy,
            allowed_by,
            denied_by: Vec::new(),
            path: Vec::new(),
        };
    }
    if undecided {
        caveats.push(match other {
            End::Service { .. } => Caveat::BackendUnknown,
            End::Unknown(_) => Caveat::EndUnknown,
            End::Pod { address: None, .. } => Caveat::AddressUnknown,
            _ => Caveat::PortUnknown,
        });
        return decided(Decision::Unknown, DecidedBy::Policy);
    }
    // Rule 19: through a Service the exemption is undefined, so policies do not have the last word.
    if connection.dialled.is_some() && connects_to_itself(connection) {
        caveats.push(Caveat::SelfThroughService);
        return decided(Decision::Unknown, DecidedBy::Policy);
    }
    DirectionVerdict {
        decision: Decision::Denied,
        decided_by: DecidedBy::Policy,
        allowed_by,
        denied_by,
        path: Vec::new(),
    }
}

fn decided(decision: Decision, decided_by: DecidedBy) -> DirectionVerdict {
    DirectionVerdict {
        decision,
        decided_by,
        allowed_by: Vec::new(),
        denied_by: Vec::new(),
        path: Vec::new(),
    }
}

fn connects_to_itself(connection: &Connection) -> bool {
    matches!(&connection.source, End::Pod { pod, .. } if is_self(pod, &connection.destination))
}

fn is_self(pod: &Pod, other: &End) -> bool {
    matches!(other, End::Pod { pod: other, .. }
        if other.namespace == pod.namespace && other.name == pod.name && other.uid == pod.uid)
}

/// The node that a pod runs on, or a pod that shares that node's addresses.
fn is_own_node(pod: &Pod, other: &End) -> bool {
    let Some(own) = &pod.node else {
        return false;
    };
    match other {
        End::Node { node, .. } => node.name == *own,
        End::Pod { pod: other, .. } => other.host_network && other.node.as_ref() == Some(own),
        _ => false,
    }
}

/// The pod at an end, where selectors apply to it: hostNetwork pods are their node (rule 21).
fn selectable(end: &End) -> Option<&Pod> {
    match end {
        End::Pod { pod, .. } if !pod.host_network => Some(pod),
        _ => None,
    }
}

/// Whether nobody knows who the end is, so that selectors are undecidable for it.
fn is_opaque(end: &End) -> bool {
    matches!(end, End::Unknown(_) | End::Service { .. })
}

fn address(end: &End) -> Option<IpAddr> {
    end.address()
}
