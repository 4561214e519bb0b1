//! What exists, as one snapshot that is cheap to copy and cheap to change.

mod lookup;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use crate::dialect::Dialect;
use crate::model::{
    EndpointSlice, Labels, Namespace, NetworkPolicy, Node, Object, Pod, Service, Template,
    TieredPolicy,
};

/// The label that the API server sets on every namespace (rule 11).
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

type Key = (Arc<str>, Arc<str>);

/// Objects by the keys that evaluation asks for. A clone is a snapshot: later changes of the original do not show in it.
#[derive(Clone, Debug, Default)]
pub struct Inventory(Arc<Index>);

#[derive(Clone, Debug, Default)]
struct Index {
    dialect: Dialect,
    names: HashMap<IpAddr, Arc<[Arc<str>]>>,
    pods: BTreeMap<Key, Arc<Pod>>,
    /// Live pods by address; `None` where several claim it.
    holders: HashMap<IpAddr, Option<Arc<Pod>>>,
    namespaces: BTreeMap<Arc<str>, Labels>,
    nodes: BTreeMap<Arc<str>, Arc<Node>>,
    node_addresses: HashMap<IpAddr, Arc<Node>>,
    services: BTreeMap<Key, Arc<Service>>,
    service_addresses: HashMap<IpAddr, Arc<Service>>,
    slices: HashMap<Key, Vec<Arc<EndpointSlice>>>,
    templates: BTreeMap<(Arc<str>, Arc<str>, Arc<str>), Arc<Template>>,
    policies: BTreeMap<Arc<str>, Vec<Arc<NetworkPolicy>>>,
    tiered: Vec<Arc<TieredPolicy>>,
}

impl Inventory {
    /// From objects in any order. Of objects with the same kind, namespace and name the last one counts.
    #[must_use]
    pub fn new(objects: impl IntoIterator<Item = Object>) -> Self {
        // Ordered, so that which of two Services or Nodes with one address is found does not vary.
        let mut last: BTreeMap<(String, String, String), Object> = BTreeMap::new();
        for object in objects {
            let (namespace, name) = object.key();
            let key = (
                object.kind().to_owned(),
                namespace.to_owned(),
                name.to_owned(),
            );
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

    /// The same objects, read as another implementation would.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        Arc::make_mut(&mut self.0).dialect = dialect;
        self
    }

    /// The same objects, and the domain names that addresses are known to have: an address listed here has these names
    /// and no other, one that is not listed may have any (rule 35).
    #[must_use]
    pub fn with_names(mut self, names: HashMap<IpAddr, Vec<Arc<str>>>) -> Self {
        let index = Arc::make_mut(&mut self.0);
        index.names = names
            .into_iter()
            .map(|(address, names)| (address.to_canonical(), names.into()))
            .collect();
        self
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
                    self.service_addresses
                        .entry(*address)
                        .or_insert_with(|| service.clone());
                }
                let key = (service.namespace.clone(), service.name.clone());
                self.services.insert(key, service);
            }
            Object::EndpointSlice(slice) => {
                if let Some(service) = &slice.service {
                    let key = (slice.namespace.clone(), service.clone());
                    self.slices.entry(key).or_default().push(Arc::new(slice));
                }
            }
            Object::Node(node) => {
                let node = Arc::new(node);
                for address in &node.addresses {
                    self.node_addresses
                        .entry(*address)
                        .or_insert_with(|| node.clone());
                }
                self.nodes.insert(node.name.clone(), node);
            }
            Object::NetworkPolicy(policy) => {
                let namespace = policy.reference.namespace.clone();
                self.policies
                    .entry(namespace)
                    .or_default()
                    .push(Arc::new(policy));
            }
            Object::TieredPolicy(policy) => self.tiered.push(Arc::new(policy)),
            Object::Template(template) => {
                let key = (
                    template.namespace.clone(),
                    template.workload.kind.clone(),
                    template.workload.name.clone(),
                );
                self.templates.insert(key, Arc::new(template));
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
