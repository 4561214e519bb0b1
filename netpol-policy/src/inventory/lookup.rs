//! What can be asked of an inventory.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Inventory, NAMESPACE_NAME_LABEL};
use crate::connection::End;
use crate::dialect::Dialect;
use crate::model::{
    EndpointSlice, Labels, NetworkPolicy, Node, Pod, Protocol, Service, Template, TieredPolicy,
    Workload,
};

impl Inventory {
    /// A pod by namespace and name.
    #[must_use]
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Arc<Pod>> {
        self.0.pods.get(&(namespace.into(), name.into()))
    }

    /// Every pod, finished ones too, by namespace and name.
    pub fn pods(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.0.pods.values()
    }

    /// The live pod that has an address; `None` for nobody, for several, and for hostNetwork pods, which have their
    /// node's (rules 21, 24).
    #[must_use]
    pub fn pod_at(&self, address: IpAddr) -> Option<&Arc<Pod>> {
        self.0.holders.get(&address.to_canonical())?.as_ref()
    }

    /// A node by name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Arc<Node>> {
        self.0.nodes.get(name)
    }

    /// Every node, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.0.nodes.values()
    }

    /// The node that has an address; of several the first by name.
    #[must_use]
    pub fn node_at(&self, address: IpAddr) -> Option<&Arc<Node>> {
        self.0.node_addresses.get(&address.to_canonical())
    }

    /// A Service by namespace and name.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Arc<Service>> {
        self.0.services.get(&(namespace.into(), name.into()))
    }

    /// The Service that has an address; of several the first by namespace and name.
    #[must_use]
    pub fn service_at(&self, address: IpAddr) -> Option<&Arc<Service>> {
        self.0.service_addresses.get(&address.to_canonical())
    }

    /// The EndpointSlices of a Service; empty where there are none.
    #[must_use]
    pub fn endpoint_slices(&self, service: &Service) -> &[Arc<EndpointSlice>] {
        let key = (service.namespace.clone(), service.name.clone());
        self.0.slices.get(&key).map_or(&[], Vec::as_slice)
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
        self.endpoint_slices(service).iter().any(|slice| {
            slice.endpoints.iter().any(|endpoint| endpoint.ready)
                && slice.ports.iter().any(|one| one.name == dialled.name)
        })
    }

    /// Whether an address lies in some node's `podCIDRs`.
    #[must_use]
    pub fn is_pod_address(&self, address: IpAddr) -> bool {
        let mut blocks = self.0.nodes.values().flat_map(|node| &node.pod_cidrs);
        blocks.any(|block| block.contains(address))
    }

    /// Who has an address now: a live pod, a node, a Service, somebody unknown of the cluster, or nobody of it.
    #[must_use]
    pub fn end_at(&self, address: IpAddr) -> End {
        let address = address.to_canonical();
        if let Some(holder) = self.0.holders.get(&address) {
            return match holder {
                Some(pod) => End::Pod {
                    pod: pod.clone(),
                    address: Some(address),
                },
                // Several claim it.
                None => End::Unknown(address),
            };
        }
        if let Some(node) = self.node_at(address) {
            let node = node.clone();
            return End::Node { node, address };
        }
        if let Some(service) = self.service_at(address) {
            let service = service.clone();
            return End::Service { service, address };
        }
        if self.is_pod_address(address) {
            End::Unknown(address)
        } else {
            End::Address(address)
        }
    }

    /// What makes pods, by namespace, kind and name.
    pub fn templates(&self) -> impl Iterator<Item = &Arc<Template>> {
        self.0.templates.values()
    }

    /// The pods of a workload: the live ones that it controls or runs, else the one that stands for its template's.
    #[must_use]
    pub fn pods_of(&self, namespace: &str, workload: &Workload) -> Vec<Arc<Pod>> {
        let is_theirs = |pod: &&Arc<Pod>| {
            *pod.namespace == *namespace
                && (pod.controller.as_ref() == Some(workload)
                    || pod.workload.as_ref() == Some(workload))
        };
        let live: Vec<_> = self
            .pods()
            .filter(is_theirs)
            .filter(|pod| !pod.phase.is_finished())
            .cloned()
            .collect();
        if !live.is_empty() {
            return live;
        }
        let key = (
            namespace.into(),
            workload.kind.clone(),
            workload.name.clone(),
        );
        self.0
            .templates
            .get(&key)
            .map(|template| template.pod.clone())
            .into_iter()
            .collect()
    }

    /// Names of all namespaces: those described and those that objects are in, in order.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Arc<str>> {
        let index = &self.0;
        let described = index.namespaces.keys();
        let mut names: Vec<_> = described
            .chain(index.pods.keys().map(|(namespace, _)| namespace))
            .chain(index.services.keys().map(|(namespace, _)| namespace))
            .chain(index.templates.keys().map(|(namespace, _, _)| namespace))
            .chain(index.policies.keys())
            .cloned()
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Labels of a namespace; also for one that no manifest describes, since every namespace has its name's.
    #[must_use]
    pub fn namespace_labels(&self, namespace: &str) -> Labels {
        let described = self.0.namespaces.get(namespace).cloned();
        described.unwrap_or_else(|| Labels::default().with(NAMESPACE_NAME_LABEL, namespace))
    }

    /// The NetworkPolicies of a namespace, by name.
    #[must_use]
    pub fn policies(&self, namespace: &str) -> &[Arc<NetworkPolicy>] {
        self.0.policies.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// Every NetworkPolicy, by namespace and name.
    pub fn all_policies(&self) -> impl Iterator<Item = &Arc<NetworkPolicy>> {
        self.0.policies.values().flatten()
    }

    /// The policies of the Admin and the Baseline tier.
    pub fn tiered_policies(&self) -> impl Iterator<Item = &Arc<TieredPolicy>> {
        self.0.tiered.iter()
    }

    /// How the implementation reads what is not said clearly.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.dialect
    }

    /// The domain names that an address has; `None` where they are not known.
    #[must_use]
    pub fn names_of(&self, address: IpAddr) -> Option<&[Arc<str>]> {
        self.0.names.get(&address.to_canonical()).map(AsRef::as_ref)
    }
}
