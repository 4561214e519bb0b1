//! Who stands at both ends of a connection, and what policies say of it: read from one snapshot of the inventory.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_common::record::Address;
use netpol_policy::cache::VerdictCache;
use netpol_policy::connection::{Connection as Question, End};
use netpol_policy::model::{Pod, Protocol, Service};

use crate::awaited::Unnamed;
use crate::binding::Bindings;
use crate::flow::{Component, Computed, Endpoint, Identity, ServiceAddress, ip_address};
use crate::inventory::{API_SERVER, Snapshot, started};
use crate::local_node::LocalNode;
use crate::status::Status;
use crate::tracker::Connection;

/// What was known of a connection's ends when it was first published.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) source: Endpoint,
    pub(crate) destination: Endpoint,
    pub(crate) service: Option<ServiceAddress>,
    pub(crate) computed: Arc<Computed>,
    /// What was dialled is a Service that has no ready endpoints.
    pub(crate) no_endpoints: bool,
    /// Addresses of its ends that nobody is known for.
    pub(crate) unnamed: Unnamed,
    /// The tuple it holds for: a backend that becomes known later changes it.
    ends: [(Address, u16); 2],
    /// Inventory it was read from.
    generation: u64,
}

impl Context {
    /// Whether it still says what can be said of the connection's ends: they are the same, and where one was not known, the
    /// inventory has learnt nothing since.
    pub(crate) fn is_of(&self, connection: &Connection, generation: u64) -> bool {
        self.ends == [connection.source(), connection.destination()]
            && (self.unnamed.is_empty() || self.generation == generation)
    }

    /// Whether it names the same ends and the same verdict as another, from whatever inventory.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        self.source.is_same(&other.source)
            && self.destination.is_same(&other.destination)
            && self.computed.verdict == other.computed.verdict
    }
}

/// Reads a connection's context.
pub(crate) struct Enricher<'a> {
    pub(crate) snapshot: &'a Snapshot,
    /// Answers to connections that policies do not tell apart.
    pub(crate) cache: &'a VerdictCache,
    pub(crate) local: &'a LocalNode,
    pub(crate) bindings: &'a mut Bindings,
    pub(crate) status: &'a Status,
    /// How long before a connection a change is worth mentioning.
    pub(crate) grace: Duration,
}

impl Enricher<'_> {
    /// Context of a connection whose first packet was seen at `at`.
    pub(crate) fn context(&mut self, connection: &Connection, at: SystemTime) -> Context {
        let ends = [connection.source(), connection.destination()];
        let mut unnamed = Unnamed::default();
        let source = self.end(ends[0], self.source_interface(connection), at, &mut unnamed);
        let at_destination = connection.at_destination().map(|seen| seen.key.ifindex);
        let mut destination = self.end(ends[1], at_destination, at, &mut unnamed);

        let protocol = Protocol::from_ip_number(connection.key.protocol);
        let dialled = connection.dialled.tuple;
        let dialled = (ip_address(dialled.destination), dialled.destination_port);
        let is_node = matches!(self.remote(dialled.0, at), Identity::Node { .. });
        let reached_by = self.snapshot.dialled(dialled, protocol, is_node);
        let no_endpoints = reached_by.is_some_and(|one| self.snapshot.lacks_endpoints(one));
        let named = reached_by.map(|one| one.service);
        destination.component = self.component(&destination, protocol, named);
        let reached = (destination.address, destination.port);
        let service = (named.is_some() || dialled != reached).then(|| ServiceAddress {
            service: named.cloned(),
            address: dialled.0,
            port: dialled.1,
        });
        let has_ports = !matches!(protocol, Protocol::Other(_));
        let question = Question {
            source: end_of(&source),
            destination: end_of(&destination),
            protocol,
            destination_port: has_ports.then_some(destination.port),
            dialled: service
                .as_ref()
                .map(|service| (service.address, service.port).into()),
        };
        let computed = Arc::new(self.snapshot.compute(&question, at, self.grace, self.cache));
        Context {
            source,
            destination,
            service,
            computed,
            no_endpoints,
            unnamed,
            ends,
            generation: self.snapshot.generation(),
        }
    }

    /// The interface that the source's packets came in by, where that is a pod's.
    fn source_interface(&self, connection: &Connection) -> Option<u32> {
        let seen = connection.at_source().map(|seen| seen.key.ifindex);
        seen.or_else(|| connection.input_interface())
            .filter(|ifindex| self.bindings.is_watched(*ifindex))
    }

    fn end(
        &mut self,
        end: (Address, u16),
        interface: Option<u32>,
        at: SystemTime,
        unnamed: &mut Unnamed,
    ) -> Endpoint {
        let (address, port) = (ip_address(end.0), end.1);
        let identity = match interface {
            Some(ifindex) => {
                let (bindings, status) = (&mut *self.bindings, self.status);
                match bindings.pod(ifindex, address, at, self.snapshot, status) {
                    Some(pod) => self.pod(pod, at),
                    None => {
                        let candidates = bindings.candidates(ifindex, address);
                        unnamed.unknown.extend(candidates);
                        Identity::Unknown
                    }
                }
            }
            None => {
                let identity = self.remote(address, at);
                match identity {
                    Identity::Unknown => unnamed.unknown.push(address),
                    Identity::World => unnamed.world.push(address),
                    _ => {}
                }
                identity
            }
        };
        Endpoint {
            address,
            port,
            identity,
            component: None,
        }
    }

    /// What of Kubernetes itself was reached, by the Service that was dialled or else by the address and port.
    fn component(
        &self,
        end: &Endpoint,
        protocol: Protocol,
        dialled: Option<&Arc<Service>>,
    ) -> Option<Component> {
        let is_service = dialled.is_some_and(|one| (&*one.namespace, &*one.name) == API_SERVER);
        let (address, port) = (end.address, end.port);
        match &end.identity {
            _ if protocol != Protocol::Tcp => None,
            _ if is_service || self.snapshot.is_api_server(address, port) => {
                Some(Component::ApiServer)
            }
            Identity::Node { node } if node.kubelet_port == Some(port) => Some(Component::Kubelet),
            _ => None,
        }
    }

    fn pod(&self, pod: Arc<Pod>, at: SystemTime) -> Identity {
        let age = started(&pod).and_then(|started| at.duration_since(started).ok());
        let workload = self.snapshot.workload_of(&pod).cloned();
        Identity::Pod { pod, workload, age }
    }

    /// Whose an address was, as far as the inventory tells.
    fn remote(&self, address: IpAddr, at: SystemTime) -> Identity {
        if let Some(node) = self.snapshot.node_at(address) {
            return Identity::Node { node: node.clone() };
        }
        if let Some(pod) = self.snapshot.pod_at(address, at) {
            return self.pod(pod.clone(), at);
        }
        if let Some(service) = self.snapshot.service_at(address) {
            return Identity::Service {
                service: service.clone(),
            };
        }
        if let Some(node) = self.local.at(address) {
            return Identity::Node { node: node.clone() };
        }
        if self.snapshot.is_cluster_address(address) {
            Identity::Unknown
        } else {
            Identity::World
        }
    }
}

fn end_of(endpoint: &Endpoint) -> End {
    let address = endpoint.address;
    match &endpoint.identity {
        Identity::Pod { pod, .. } => End::Pod {
            pod: pod.clone(),
            address: Some(address),
        },
        Identity::Node { node } => End::Node {
            node: node.clone(),
            address,
        },
        Identity::Service { service } => End::Service {
            service: service.clone(),
            address,
        },
        Identity::World => End::Address(address),
        Identity::Unknown => End::Unknown(address),
    }
}
