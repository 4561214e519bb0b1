//! Which of the traffic that was seen a policy is to let through, and as what.

use std::collections::HashMap;
use std::sync::Arc;

use ipnet::IpNet;

use super::label::{Named, Naming, WorkloadName};
use super::reason::Reason;
use crate::dialect::Dialect;
use crate::history::edge::{Agreement, Observed, Port};
use crate::history::{History, Party, PodGroup, Traffic};
use crate::model::{Labels, Operator, Protocol, Requirement, Selector, Service, TargetPort};
use crate::verdict::Direction;

/// The port of DNS, and the names that its ports have in the usual deployments.
const DNS_PORT: u16 = 53;
const DNS_PORT_NAMES: [&str; 2] = ["dns", "dns-tcp"];
/// Labels of the cluster's DNS servers in the usual deployments.
const DNS_LABELS: [(&str, &str); 2] = [
    ("k8s-app", "kube-dns"),
    ("dns.operator.openshift.io/daemonset-dns", "default"),
];

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
    /// It asks the cluster's DNS.
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
    names: HashMap<WorkloadName, Option<Named>>,
}

impl<'a> Sieve<'a> {
    pub(crate) fn new(history: &'a History, naming: &'a Naming, unenforced: bool) -> Self {
        Self {
            history,
            naming,
            unenforced,
            names: HashMap::new(),
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
        let kept = |other, called, also| Kept {
            traffic: index,
            other,
            protocol: traffic.protocol,
            ports: vec![port],
            is_dns: false,
            called,
            also,
        };
        match other {
            Party::Node { .. } if self.is_blind_to_nodes() => Err(Reason::NodeNotMatched),
            Party::Node { name } if self.addresses_of(name).is_empty() => Err(Reason::NodeUnknown),
            Party::Node { name } => {
                let called = format!("node {name}");
                Ok(kept(Other::Node(name.clone()), called, Vec::new()))
            }
            Party::Pods(group) if group.host_network => Err(Reason::HostNetwork),
            Party::Pods(group) => {
                let name = WorkloadName::of(group);
                let is_dns = direction == Direction::Egress && is_dns(group, port);
                let Some(named) = self.named(&name) else {
                    return Err(Reason::PeerWithoutLabels);
                };
                let other = Other::pods(&name.namespace, &named.selector);
                Ok(Kept {
                    is_dns,
                    ..kept(other, name.to_string(), named.also.clone())
                })
            }
            Party::Outside(block) => Ok(kept(
                Other::Outside(block.net()),
                block.to_string(),
                Vec::new(),
            )),
            // Nobody opens connections from a Service's address.
            Party::Service { .. } if direction == Direction::Ingress => Err(Reason::PartyUnknown),
            Party::Service { namespace, name } => {
                let service = self
                    .service(namespace, name)
                    .ok_or(Reason::BackendUnknown)?;
                self.behind(service, traffic, port)
                    .map(|(other, ports, is_dns)| Kept {
                        ports,
                        is_dns,
                        ..kept(other, format!("service {namespace}/{name}"), Vec::new())
                    })
                    .ok_or(Reason::BackendUnknown)
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

    /// Addresses of a node.
    pub(crate) fn addresses_of(&self, node: &str) -> &'a [std::net::IpAddr] {
        let found = self.history.cluster.iter().find(|one| *one.name == *node);
        found.map_or(&[], |node| &node.addresses)
    }

    /// Whether address blocks match no nodes (rule 17).
    fn is_blind_to_nodes(&self) -> bool {
        let mut dialects = self.history.nodes.iter().map(|node| &node.dialect);
        dialects.any(|name| {
            Dialect::named(name).is_some_and(|dialect| !dialect.ip_block_matches_cluster)
        })
    }

    fn service(&self, namespace: &str, name: &str) -> Option<&'a Service> {
        let mut services = self.history.services.iter();
        services.find(|one| *one.namespace == *namespace && *one.name == *name)
    }

    /// The pods that a Service selects, and their ports for the one that was dialled.
    fn behind(
        &self,
        service: &Service,
        traffic: &Traffic,
        dialled: u16,
    ) -> Option<(Other, Vec<u16>, bool)> {
        let labels = service.selector.as_ref()?;
        let mut entries = service.ports.iter();
        let entry = entries.find(|one| one.port == dialled && one.protocol == traffic.protocol)?;
        let selected = || {
            let groups = self.history.population.iter().map(|present| &present.group);
            groups.filter(|group| {
                group.namespace == service.namespace
                    && labels
                        .iter()
                        .all(|(key, value)| group.labels.get(key) == Some(value))
            })
        };
        let mut ports = match &entry.target {
            TargetPort::Number(port) => vec![*port],
            TargetPort::Name(name) => selected()
                .flat_map(|group| &group.ports)
                .filter(|port| port.name == *name && port.protocol == traffic.protocol)
                .map(|port| port.port)
                .collect(),
        };
        ports.sort_unstable();
        ports.dedup();
        let is_dns = selected().any(|group| ports.iter().any(|port| is_dns(group, *port)));
        let other = Other::Pods {
            namespace: service.namespace.clone(),
            labels: pairs(labels),
        };
        (!ports.is_empty()).then_some((other, ports, is_dns))
    }
}

impl Other {
    fn pods(namespace: &Arc<str>, selector: &Selector) -> Self {
        let labels = selector.requirements.iter();
        let labels = labels.filter_map(|one| match &one.operator {
            Operator::In(values) => Some((one.key.clone(), values.first()?.clone())),
            // Names are made of equalities alone.
            _ => None,
        });
        Self::Pods {
            namespace: namespace.clone(),
            labels: labels.collect(),
        }
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

/// Whether a port of a pod is that of the cluster's DNS.
fn is_dns(group: &PodGroup, port: u16) -> bool {
    let is_server = DNS_LABELS
        .iter()
        .any(|(key, value)| group.labels.get(key) == Some(*value));
    let mut named = group.ports.iter();
    let is_port = port == DNS_PORT
        || named.any(|one| one.port == port && DNS_PORT_NAMES.contains(&&*one.name));
    is_server && is_port
}
