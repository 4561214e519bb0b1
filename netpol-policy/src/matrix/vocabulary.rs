//! What policies can tell pods apart by: the label keys and port names that stand in them.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::inventory::Inventory;
use crate::model::{Peer, Pod, PortMatch, PortRule, Protocol, Selector, TieredPeer};
use crate::verdict::Direction;

/// Label keys of pods and names of ports that some policy mentions.
#[derive(Default)]
pub(crate) struct Vocabulary<'a> {
    label_keys: BTreeSet<&'a str>,
    port_names: BTreeSet<&'a str>,
}

impl<'a> Vocabulary<'a> {
    pub(crate) fn of(inventory: &'a Inventory) -> Self {
        let mut vocabulary = Self::default();
        for policy in inventory.all_policies() {
            vocabulary.add_selector(&policy.subjects);
            let rules = [&policy.ingress, &policy.egress].into_iter().flatten();
            for rule in rules.flatten() {
                vocabulary.add_ports(&rule.ports);
                for peer in &rule.peers {
                    if let Peer::Pods { pods, .. } = peer {
                        vocabulary.add_selector(pods);
                    }
                }
            }
        }
        for policy in inventory.tiered_policies() {
            vocabulary.add_selector(&policy.subjects.pods);
            let rules = [Direction::Ingress, Direction::Egress].map(|one| policy.rules(one));
            for rule in rules.into_iter().flatten() {
                vocabulary.add_ports(&rule.ports);
                for peer in &rule.peers {
                    if let TieredPeer::Pods(peer) = peer {
                        vocabulary.add_selector(&peer.pods);
                    }
                }
            }
        }
        vocabulary
    }

    fn add_selector(&mut self, selector: &'a Selector) {
        let requirements = selector.requirements.iter();
        self.label_keys
            .extend(requirements.map(|requirement| requirement.key.as_str()));
    }

    fn add_ports(&mut self, ports: &'a [PortRule]) {
        self.port_names
            .extend(ports.iter().filter_map(|rule| match &rule.port {
                PortMatch::Name(name) => Some(name.as_str()),
                PortMatch::Any | PortMatch::Range(..) => None,
            }));
    }

    /// All that policies can know a pod by, beside its namespace and its addresses.
    pub(super) fn traits(&self, pod: &Pod) -> BTreeSet<Trait> {
        let labels = pod
            .labels
            .iter()
            .filter(|(key, _)| self.label_keys.contains(key))
            .map(|(key, value)| Trait::Label(key.to_owned(), value.to_owned()));
        let ports = pod
            .ports
            .iter()
            .filter(|port| self.port_names.contains(&*port.name))
            .map(|port| Trait::Port(port.name.clone(), port.protocol, port.port));
        labels.chain(ports).collect()
    }
}

/// Something that policies can tell pods apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Trait {
    /// A label's key and value.
    Label(String, String),
    /// A named port.
    Port(Arc<str>, Protocol, u16),
}

impl Trait {
    /// Of the label or the port.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Label(name, _) => name,
            Self::Port(name, ..) => name,
        }
    }
}

/// `track=canary`, `http=TCP 8080`.
impl fmt::Display for Trait {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Label(key, value) => write!(out, "{key}={value}"),
            Self::Port(name, protocol, port) => write!(out, "{name}={protocol} {port}"),
        }
    }
}
