//! What exists, as one immutable snapshot.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::{
    EndpointSlice, Labels, Namespace, NetworkPolicy, Node, Object, Pod, Protocol, Service,
};

/// The label that the API server sets on every namespace (rule 11).
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

type Key = (Arc<str>, Arc<str>);

/// Objects by the keys that evaluation asks for. Cheap to clone; never changed once made.
#[derive(Clone, Debug, Default)]
pub struct Inventory(Arc<Index>);

#[derive(Debug, Default)]
struct Index {
    pods: HashMap<Key, Arc<Pod>>,
    /// Live pods by address; `None` where several claim it.
    holders: HashMap<IpAddr, Option<Arc<Pod>>>,
    namespaces: HashMap<Arc<str>, Labels>,
    nodes: HashMap<IpAddr, Arc<Node>>,
    services: HashMap<IpAddr, Arc<Service>>,
    slices: HashMap<Key, Vec<EndpointSlice>>,
    policies: HashMap<Arc<str>, Vec<Arc<NetworkPolicy>>>,
}

impl Inventory {
    /// From objects in any order. Of objects with the same kind, namespace and name the last one counts.
    #[must_use]
    pub fn new(objects: impl IntoIterator<Item = Object>) -> Self {
        // Ordered, so that which of two Services or Nodes with one address is found does not vary.
        let mut last: BTreeMap<(&'static str, String, String), Object> = BTreeMap::new();
        for object in objects {
            let (namespace, name) = object.key();
            let key = (object.kind(), namespace.to_owned(), name.to_owned());
            last.insert(key, object);
        }
        let mut index = Index::default();
        for object in last.into_values() {
            index.insert(object);
        }
        for policies in index.policies.values_mut() {
            policies.sort_by(|a, b| a.reference.cmp(&b.reference));
        }
        Self(Arc::new(index))
    }

    /// A pod by namespace and name.
    #[must_use]
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Arc<Pod>> {
        self.0.pods.get(&(namespace.into(), name.into()))
    }

    /// The live pod that has an address; `None` for nobody, for several, and for hostNetwork pods, which have their
    /// node's (rules 21, 24).
    #[must_use]
    pub fn pod_at(&self, address: IpAddr) -> Option<&Arc<Pod>> {
        self.0.holders.get(&address.to_canonical())?.as_ref()
    }

    /// The node that has an address; of several the first by name.
    #[must_use]
    pub fn node_at(&self, address: IpAddr) -> Option<&Arc<Node>> {
        self.0.nodes.get(&address.to_canonical())
    }

    /// The Service that has an address; of several the first by namespace and name.
    #[must_use]
    pub fn service_at(&self, address: IpAddr) -> Option<&Arc<Service>> {
        self.0.services.get(&address.to_canonical())
    }

    /// Whether some backend of a Service is ready for the port that clients dial.
    #[must_use]
    pub fn has_ready_endpoints(&self, service: &Service, port: u16, protocol: Protocol) -> bool {
        let Some(dialled) = service
            .ports
            .iter()
            .find(|one| one.port == port && one.protocol == protocol)
        else {
            return false;
        };
        let key = (service.namespace.clone(), service.name.clone());
        let slices = self.0.slices.get(&key).map_or(&[][..], Vec::as_slice);
        slices.iter().any(|slice| {
            slice.endpoints.iter().any(|endpoint| endpoint.ready)
                && slice.ports.iter().any(|one| one.name == dialled.name)
        })
    }

    /// Labels of a namespace; also for one that no manifest describes, since every namespace has its name's.
    #[must_use]
    pub fn namespace_labels(&self, namespace: &str) -> Labels {
        let described = self.0.namespaces.get(namespace).cloned();
        described.unwrap_or_else(|| Labels::default().with(NAMESPACE_NAME_LABEL, namespace))
    }

    /// The policies of a namespace, by name.
    #[must_use]
    pub fn policies(&self, namespace: &str) -> &[Arc<NetworkPolicy>] {
        self.0.policies.get(namespace).map_or(&[], Vec::as_slice)
    }
}

impl Index {
    fn insert(&mut self, object: Object) {
        match object {
            Object::Pod(pod) => self.insert_pod(Arc::new(pod)),
            Object::Namespace(Namespace { name, labels }) => {
                let labels = labels.with(NAMESPACE_NAME_LABEL, &name);
                self.namespaces.insert(name, labels);
            }
            Object::Service(service) => {
                let service = Arc::new(service);
                let addresses = service
                    .cluster_addresses
                    .iter()
                    .chain(&service.external_addresses);
                for address in addresses {
                    self.services
                        .entry(*address)
                        .or_insert_with(|| service.clone());
                }
            }
            Object::EndpointSlice(slice) => {
                if let Some(service) = &slice.service {
                    let key = (slice.namespace.clone(), service.clone());
                    self.slices.entry(key).or_default().push(slice);
                }
            }
            Object::Node(node) => {
                let node = Arc::new(node);
                for address in &node.addresses {
                    self.nodes.entry(*address).or_insert_with(|| node.clone());
                }
            }
            Object::NetworkPolicy(policy) => {
                let namespace = policy.reference.namespace.clone();
                self.policies
                    .entry(namespace)
                    .or_default()
                    .push(Arc::new(policy));
            }
        }
    }

    fn insert_pod(&mut self, pod: Arc<Pod>) {
        if !pod.phase.is_finished() && !pod.host_network {
            for address in &pod.addresses {
                self.holders
                    .entry(*address)
                    .and_modify(|holder| {
                        // A pod that lists an address twice does not compete with itself.
                        holder.take_if(|holder| !Arc::ptr_eq(holder, &pod));
                    })
                    .or_insert_with(|| Some(pod.clone()));
            }
        }
        self.pods
            .insert((pod.namespace.clone(), pod.name.clone()), pod);
    }
}
