//! `ports` of a rule.

use super::{Match, selectable};
use crate::connection::{Connection, End};
use crate::model::{Pod, PortMatch, PortRule, Protocol};

/// Whether an entry covers the connection's port. Ports are the destination pod's (rule 13), so behind a Service whose
/// backend is not known they are not known either.
pub(super) fn matches(rule: &PortRule, connection: &Connection) -> Match {
    if rule
        .protocol
        .is_some_and(|protocol| protocol != connection.protocol)
    {
        return Match::No;
    }
    if rule.port == PortMatch::Any {
        return Match::Yes;
    }
    if matches!(connection.destination, End::Service { .. }) {
        return Match::Unknown;
    }
    let Some(port) = connection.destination_port else {
        return Match::Unknown;
    };
    match &rule.port {
        PortMatch::Any => Match::Yes,
        PortMatch::Range(first, last) => Match::of((*first..=*last).contains(&port)),
        PortMatch::Name(name) => match &connection.destination {
            End::Unknown(_) => Match::Unknown,
            destination => Match::of(selectable(destination).is_some_and(|pod| {
                resolves(pod, name, connection.protocol).any(|resolved| resolved == port)
            })),
        },
    }
}

/// Whether an entry of the connection's protocol names a port that the destination does not have (rule 14).
pub(super) fn is_unresolved(rule: &PortRule, connection: &Connection) -> bool {
    let PortMatch::Name(name) = &rule.port else {
        return false;
    };
    rule.protocol
        .is_none_or(|protocol| protocol == connection.protocol)
        && selectable(&connection.destination)
            .is_none_or(|pod| resolves(pod, name, connection.protocol).next().is_none())
}

fn resolves<'a>(pod: &'a Pod, name: &'a str, protocol: Protocol) -> impl Iterator<Item = u16> + 'a {
    pod.ports
        .iter()
        .filter(move |port| &*port.name == name && port.protocol == protocol)
        .map(|port| port.port)
}

/// In words: `TCP port 5432`.
pub(super) fn words(rule: &PortRule) -> String {
    let Some(protocol) = rule.protocol else {
        return match &rule.port {
            PortMatch::Name(name) => format!("port named {name}"),
            PortMatch::Any | PortMatch::Range(..) => "any port".to_owned(),
        };
    };
    match &rule.port {
        PortMatch::Any => format!("any {protocol} port"),
        PortMatch::Range(first, last) if first == last => format!("{protocol} port {first}"),
        PortMatch::Range(first, last) => format!("{protocol} ports {first}-{last}"),
        PortMatch::Name(name) => format!("{protocol} port named {name}"),
    }
}
