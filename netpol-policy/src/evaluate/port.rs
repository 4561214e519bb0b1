//! `ports` of a rule.

use super::matching::Match;
use super::party::{Party, Who};
use crate::connection::Connection;
use crate::inventory::Identity;
use crate::model::{PortMatch, PortRule, Protocol};
use crate::verdict::Caveat;

/// Whether an entry covers the connection's port. Ports are the destination pod's (rule 13), so behind a Service whose
/// backend is not known they are not known either.
pub(super) fn matches(rule: &PortRule, connection: &Connection, destination: &Party<'_>) -> Match {
    if rule
        .protocol
        .is_some_and(|protocol| protocol != connection.protocol)
    {
        return Match::No;
    }
    if rule.port == PortMatch::Any {
        return Match::Yes;
    }
    if !connection.protocol.is_defined() {
        return Match::No;
    }
    if matches!(destination.is, Who::Service) {
        return Match::Unknown(Caveat::BackendUnknown);
    }
    if let (PortMatch::Name(name), Who::Pod(pod)) = (&rule.port, &destination.is)
        && resolves(pod, name, connection.protocol).next().is_none()
    {
        return Match::No;
    }
    match (&rule.port, &destination.is, connection.destination_port) {
        (PortMatch::Any, ..) => Match::Yes,
        (PortMatch::Name(_), Who::Node(_) | Who::Outside | Who::Service, _) => Match::No,
        (PortMatch::Name(_), Who::Unknown, _) => Match::Unknown(Caveat::EndUnknown),
        (_, _, None) => Match::Unknown(Caveat::PortUnknown),
        (PortMatch::Range(first, last), _, Some(port)) => {
            Match::of((*first..=*last).contains(&port))
        }
        (PortMatch::Name(name), Who::Pod(pod), Some(port)) => {
            Match::of(resolves(pod, name, connection.protocol).any(|resolved| resolved == port))
        }
    }
}

/// Whether an entry of the connection's protocol names a port that the destination does not have (rule 14).
pub(super) fn is_unresolved(
    rule: &PortRule,
    connection: &Connection,
    destination: &Party<'_>,
) -> bool {
    let PortMatch::Name(name) = &rule.port else {
        return false;
    };
    rule.protocol
        .is_none_or(|protocol| protocol == connection.protocol)
        && destination
            .pod()
            .is_none_or(|pod| resolves(pod, name, connection.protocol).next().is_none())
}

fn resolves<'a>(
    pod: &'a Identity,
    name: &'a str,
    protocol: Protocol,
) -> impl Iterator<Item = u16> + 'a {
    pod.ports
        .iter()
        .filter(move |port| &*port.name == name && port.protocol == protocol)
        .map(|port| port.port)
}

/// In words: `TCP port 5432`.
pub(crate) fn words(rule: &PortRule) -> String {
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
