//! Whether some entries of `ports` match all that another does.

use crate::history::PodGroup;
use crate::matrix::{PORTS, PROTOCOLS, PortSet};
use crate::model::{PortMatch, PortRule, Protocol};

/// Ports that a line matches: without an entry, every port of every protocol.
pub(super) type Entry<'a> = Option<&'a PortRule>;

/// Whether every port of an entry is one of another's, whatever pods there may be.
pub(super) fn covers(other: Entry<'_>, entry: Entry<'_>) -> bool {
    let Some(other) = other else {
        return true;
    };
    let Some(entry) = entry else {
        return false;
    };
    if other.protocol.is_some() && other.protocol != entry.protocol {
        return false;
    }
    let is_whole = |first: u16, last: u16| first <= *PORTS.start() && last == *PORTS.end();
    match (&entry.port, &other.port) {
        // Without a protocol there is a name.
        (_, PortMatch::Any) => true,
        (PortMatch::Range(first, last), PortMatch::Range(from, to)) => from <= first && last <= to,
        (_, PortMatch::Range(first, last)) => is_whole(*first, *last),
        (PortMatch::Name(one), PortMatch::Name(other)) => one == other,
        (_, PortMatch::Name(_)) => false,
    }
}

/// Whether every port of an entry is one of the others', whatever pods there may be.
pub(super) fn are_covered(entry: Entry<'_>, others: &[Entry<'_>]) -> bool {
    // Rule 23: entries for each of the three protocols leave the rest open, no entry does not.
    if others.iter().any(Option::is_none) {
        return true;
    }
    let Some(entry) = entry else {
        return false;
    };
    let numbers = numbers(others, None);
    match &entry.port {
        PortMatch::Any | PortMatch::Range(..) => {
            set(Some(entry), None).difference(&numbers).is_empty()
        }
        PortMatch::Name(name) => {
            let is_same = |other: &&PortRule| {
                other.port == PortMatch::Name(name.clone())
                    && (other.protocol.is_none() || other.protocol == entry.protocol)
            };
            let protocols = entry.protocol.as_slice();
            let protocols = if protocols.is_empty() {
                &PROTOCOLS
            } else {
                protocols
            };
            others
                .iter()
                .copied()
                .flatten()
                .any(|other| is_same(&other))
                || protocols.iter().all(|one| numbers.is_whole(*one))
        }
    }
}

/// The same, at one destination: there names are numbers (rule 14).
pub(super) fn are_covered_at(
    entry: Entry<'_>,
    others: &[Entry<'_>],
    destination: &PodGroup,
) -> bool {
    if others.iter().any(Option::is_none) {
        return true;
    }
    entry.is_some()
        && set(entry, Some(destination))
            .difference(&numbers(others, Some(destination)))
            .is_empty()
}

fn numbers(entries: &[Entry<'_>], destination: Option<&PodGroup>) -> PortSet {
    let mut all = PortSet::default();
    for entry in entries {
        add(&mut all, *entry, destination);
    }
    all
}

fn set(entry: Entry<'_>, destination: Option<&PodGroup>) -> PortSet {
    let mut set = PortSet::default();
    add(&mut set, entry, destination);
    set
}

/// Adds the ports of an entry. A name has those of the destination, and none where that is not known.
fn add(set: &mut PortSet, entry: Entry<'_>, destination: Option<&PodGroup>) {
    let protocols: &[Protocol] = match entry {
        None => &PROTOCOLS,
        Some(rule) => match &rule.protocol {
            None => &PROTOCOLS,
            Some(protocol) => std::slice::from_ref(protocol),
        },
    };
    for &protocol in protocols {
        match entry.map(|rule| &rule.port) {
            None | Some(PortMatch::Any) => set.insert(protocol, *PORTS.start(), *PORTS.end()),
            Some(PortMatch::Range(first, last)) => set.insert(protocol, *first, *last),
            Some(PortMatch::Name(name)) => {
                let ports = destination.into_iter().flat_map(|group| &group.ports);
                ports
                    .filter(|port| *port.name == **name && port.protocol == protocol)
                    .for_each(|port| set.insert(protocol, port.port, port.port));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Option<PortRule> {
        let (protocol, port) = match text.split_once(' ') {
            Some((protocol, port)) => (Protocol::from_api(protocol), port),
            None => return None,
        };
        let port = match port.split_once('-') {
            _ if port == "*" => PortMatch::Any,
            Some((first, last)) => PortMatch::Range(first.parse().unwrap(), last.parse().unwrap()),
            None => match port.parse() {
                Ok(number) => PortMatch::Range(number, number),
                Err(_) => PortMatch::Name(port.to_owned()),
            },
        };
        Some(PortRule { protocol, port })
    }

    #[test]
    fn ports_are_covered_alone_or_together() {
        for (entry, others, expected) in [
            ("TCP 80", &["TCP 1-1024"][..], true),
            ("TCP 80", &["UDP 1-1024"], false),
            ("TCP 80-90", &["TCP 80-85", "TCP 86-90"], true),
            ("TCP 80-90", &["TCP 80-85", "TCP 87-90"], false),
            ("TCP *", &["TCP 1-65535"], true),
            ("TCP *", &["TCP 1-65534"], false),
            ("TCP *", &["all"], true),
            ("all", &["TCP *", "UDP *", "SCTP *"], false),
            ("all", &["all"], true),
            ("TCP http", &["TCP http"], true),
            ("TCP http", &["UDP http"], false),
            ("TCP http", &["TCP web"], false),
            ("TCP http", &["TCP *"], true),
            ("TCP http", &["TCP 80"], false),
            ("any http", &["TCP http"], false),
            ("TCP http", &["any http"], true),
            ("any http", &["TCP *", "UDP *", "SCTP *"], true),
            ("TCP 80", &[], false),
        ] {
            let rules: Vec<Option<PortRule>> = others.iter().map(|text| rule(text)).collect();
            let others: Vec<Entry<'_>> = rules.iter().map(Option::as_ref).collect();
            let entry = rule(entry);
            if let [other] = others.as_slice() {
                assert_eq!(
                    covers(*other, entry.as_ref()),
                    expected,
                    "{entry:?} in {other:?}"
                );
            }
            assert_eq!(
                are_covered(entry.as_ref(), &others),
                expected,
                "{entry:?} in {others:?}"
            );
        }
    }
}
