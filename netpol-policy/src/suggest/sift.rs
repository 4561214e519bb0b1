//! Which of the traffic that was seen a policy is to let through, and as what.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use ipnet::IpNet;

use super::block;
use super::label::{DNS_LABELS, Named, Naming, WorkloadName};
use super::reason::Reason;
use super::surroundings::addresses_of;
use crate::dialect::Dialect;
use crate::history::edge::{Agreement, Observed, Port};
use crate::history::{History, Party, PodGroup, Traffic};
use crate::model::{Labels, Operator, Protocol, Requirement, Selector, Service, TargetPort};
use crate::verdict::Direction;

/// The port of DNS, and the names that its ports have where the cluster's DNS has another.
const DNS_PORT: u16 = 53;
const DNS_PORT_NAMES: [&str; 2] = ["dns", "dns-tcp"];

/// The other end, as a rule can name it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Other {
    /// Pods of a namespace.
    Pods {
        /// Whose.
        namespace: Arc<str>,
        /// Labels with the values that they have.
        labels: Vec<(String, String)>,
    },
    /// A node, by its addresses.
    Node(Arc<str>),
    /// Outside of the cluster.
    Outside(IpNet),
}

/// Traffic that a rule is to let through.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// Index of the traffic.
    pub(crate) traffic: usize,
    /// Whom it is with.
    pub(crate) other: Other,
    /// Protocol.
    pub(crate) protocol: Protocol,
    /// Ports of the destination; several only where a Service's backends differ.
    pub(crate) ports: Vec<u16>,
    /// It asks a DNS server.
    pub(crate) is_dns: bool,
    /// What the other end is called.
    pub(crate) called: String,
    /// Workloads that the labels select beside the one that was seen.
    pub(crate) also: Vec<WorkloadName>,
}

/// Decides by what is remembered.
pub(crate) struct Sieve<'a> {
    history: &'a History,
    naming: &'a Naming,
    /// Keep what policies denied and nobody enforced.
    unenforced: bool,
    /// Whether address blocks match no nodes (rule 17).
    is_blind_to_nodes: bool,
    services: HashMap<(&'a str, &'a str), &'a Service>,
    names: HashMap<WorkloadName, Option<Named>>,
    backends: HashMap<Dialled, Option<Backends>>,
}

/// Namespace, name, protocol and port of a Service.
type Dialled = (Arc<str>, Arc<str>, Protocol, u16);

/// The pods that a Service selects, and their ports for the one that was dialled.
#[derive(Clone)]
struct Backends {
    other: Other,
    called: String,
    also: Vec<WorkloadName>,
    ports: Vec<u16>,
    is_dns: bool,
}

impl<'a> Sieve<'a> {
    pub(crate) fn new(history: &'a History, naming: &'a Naming, unenforced: bool) -> Self {
        let mut dialects = history.nodes.iter().map(|node| &node.dialect);
        let services = history.services.iter();
        Self {
            history,
            naming,
            unenforced,
            is_blind_to_nodes: dialects.any(|name| {
                Dialect::named(name).is_some_and(|dialect| !dialect.ip_block_matches_cluster)
            }),
            services: services
                .map(|service| ((&*service.namespace, &*service.name), service))
                .collect(),
            names: HashMap::new(),
            backends: HashMap::new(),
        }
    }

    /// How a workload is named; the same each time.
    pub(crate) fn named(&mut self, name: &WorkloadName) -> Option<&Named> {
        if !self.names.contains_key(name) {
            self.names.insert(name.clone(), self.naming.name(name));
        }
        self.names.get(name)?.as_ref()
    }

    /// What is to be let through in one direction of the pods at that end.
    ///
    /// # Errors
    /// Why it gets no rule.
    pub(crate) fn sift(
        &mut self,
        index: usize,
        traffic: &Traffic,
        direction: Direction,
    ) -> Result<Kept, Reason> {
        let other = match direction {
            Direction::Ingress => &traffic.source,
            Direction::Egress => &traffic.destination,
        };
        // Who saw it are the nodes of the pods at this end: a node's own interfaces are not watched.
        if let Party::Node { name } = other
            && traffic.nodes.iter().all(|seen_by| seen_by == name)
        {
            return Err(Reason::OwnNode);
        }
        self.is_wanted(traffic)?;
        let port = port(traffic)?;
        let kept = |other, called| Kept {
            traffic: index,
            other,
            protocol: traffic.protocol,
            ports: vec![port],
            is_dns: is_dns(&traffic.destination, port),
            called,
            also: Vec::new(),
        };
        match other {
            Party::Node { .. } if self.is_blind_to_nodes => Err(Reason::NodeNotMatched),
            Party::Node { name } if addresses_of(self.history, name).is_empty() => {
                Err(Reason::NodeUnknown)
            }
            Party::Node { name } => Ok(kept(Other::Node(name.clone()), format!("node {name}"))),
            Party::Pods(group) if group.host_network => Err(Reason::HostNetwork),
            Party::Pods(group) => {
                let name = WorkloadName::of(group);
                let named = self.named(&name).ok_or(Reason::PeerWithoutLabels)?;
                let also = named.also.clone();
                let other = Other::Pods {
                    namespace: name.namespace.clone(),
                    labels: named.labels.clone(),
                };
                Ok(Kept {
                    also,
                    ..kept(other, name.to_string())
                })
            }
            Party::Outside(block) => {
                let block = block.net();
                Ok(kept(Other::Outside(block), block::words(&block)))
            }
            // Nobody opens connections from a Service's address.
            Party::Service { .. } if direction == Direction::Ingress => Err(Reason::PartyUnknown),
            Party::Service { namespace, name } => {
                let dialled = (namespace.clone(), name.clone(), traffic.protocol, port);
                let found = self.backends(dialled).ok_or(Reason::BackendUnknown)?;
                Ok(Kept {
                    also: found.also,
                    ports: found.ports,
                    is_dns: found.is_dns,
                    ..kept(found.other, found.called)
                })
            }
            Party::Many => Err(Reason::ManyParties),
            Party::Unknown(_) => Err(Reason::PartyUnknown),
        }
    }

    /// Whether it was let through, and rightly so.
    fn is_wanted(&self, traffic: &Traffic) -> Result<(), Reason> {
        match traffic.observed {
            Observed::Forwarded => {}
            Observed::Dropped | Observed::Rejected => return Err(Reason::Blocked),
            Observed::Unanswered => return Err(Reason::Unanswered),
            Observed::Unknown => return Err(Reason::OutcomeUnknown),
        }
        let is_unenforced = traffic.agreement == Agreement::DeniedButForwarded;
        if is_unenforced && !self.unenforced {
            return Err(Reason::NotEnforced);
        }
        Ok(())
    }

    fn backends(&mut self, dialled: Dialled) -> Option<Backends> {
        if let Some(known) = self.backends.get(&dialled) {
            return known.clone();
        }
        let found = self.find_backends(&dialled);
        self.backends.insert(dialled, found.clone());
        found
    }

    fn find_backends(&mut self, dialled: &Dialled) -> Option<Backends> {
        let (namespace, name, protocol, port) = dialled;
        let service = *self.services.get(&(&**namespace, &**name))?;
        let labels = service.selector.as_ref()?;
        let mut entries = service.ports.iter();
        let entry = entries.find(|one| one.port == *port && one.protocol == *protocol)?;
        let population = self.history.population.iter();
        let groups: Vec<&PodGroup> = population
            .map(|present| &*present.group)
            .filter(|group| {
                let mut labels = labels.iter();
                group.namespace == service.namespace
                    && labels.all(|(key, value)| group.labels.get(key) == Some(value))
            })
            .collect();
        // Rule 21: no selector applies to these.
        if !groups.is_empty() && groups.iter().all(|group| group.host_network) {
            return None;
        }
        let mut ports = match &entry.target {
            TargetPort::Number(port) => vec![*port],
            TargetPort::Name(name) => groups
                .iter()
                .flat_map(|group| &group.ports)
                .filter(|port| port.name == *name && port.protocol == *protocol)
                .map(|port| port.port)
                .collect(),
        };
        ports.sort_unstable();
        ports.dedup();
        if ports.is_empty() {
            return None;
        }
        let is_dns =
            |port: &u16| *port == DNS_PORT || groups.iter().any(|one| serves_dns(one, *port));
        let is_dns = ports.iter().any(is_dns);
        let workloads: BTreeSet<WorkloadName> =
            groups.iter().map(|group| WorkloadName::of(group)).collect();
        // The one behind it is named as where it is dialled without a Service.
        let mut workloads = workloads.iter();
        let only = workloads.next().filter(|_| workloads.next().is_none());
        let named = only.and_then(|name| Some((name, self.named(name)?)));
        let (labels, called, also) = match named {
            Some((name, named)) => (named.labels.clone(), name.to_string(), named.also.clone()),
            None => (
                pairs(labels),
                format!("service {namespace}/{name}"),
                Vec::new(),
            ),
        };
        Some(Backends {
            other: Other::Pods {
                namespace: service.namespace.clone(),
                labels,
            },
            called,
            also,
            ports,
            is_dns,
        })
    }
}

/// A selector that wants these values.
pub(crate) fn selector(labels: &[(String, String)]) -> Selector {
    let requirements = labels.iter().map(|(key, value)| Requirement {
        key: key.clone(),
        operator: Operator::In(vec![value.clone()]),
    });
    Selector {
        requirements: requirements.collect(),
    }
}

fn pairs(labels: &Labels) -> Vec<(String, String)> {
    let pairs = labels.iter();
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn port(traffic: &Traffic) -> Result<u16, Reason> {
    match traffic.port {
        _ if !traffic.protocol.is_defined() => Err(Reason::ProtocolUndefined),
        Port::One(port) => Ok(port),
        Port::None => Err(Reason::PortUnknown),
        Port::Many => Err(Reason::ManyPorts),
    }
}

/// Whether a port is that of DNS.
fn is_dns(destination: &Party, port: u16) -> bool {
    let is_served = || match destination {
        Party::Pods(group) => serves_dns(group, port),
        _ => false,
    };
    port == DNS_PORT || is_served()
}

/// Whether pods are the cluster's DNS servers, and have it at this port.
fn serves_dns(group: &PodGroup, port: u16) -> bool {
    let mut labels = DNS_LABELS.iter();
    let mut ports = group.ports.iter();
    labels.any(|(key, value)| group.labels.get(key) == Some(*value))
        && ports.any(|one| one.port == port && DNS_PORT_NAMES.contains(&&*one.name))
}
