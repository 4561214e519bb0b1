//! What can be asked of an inventory.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::identity::Subject;
use super::space::Space;
use super::subjects::Subjects;
use super::{Inventory, NAMESPACE_NAME_LABEL};
use crate::connection::End;
use crate::dialect::Dialect;
use crate::model::{
    Cidr, EndpointSlice, Labels, NetworkPolicy, Node, Pod, Protocol, Service, Template,
    TieredPolicy, Workload,
};

impl Inventory {
    /// A pod by namespace and name.
    #[must_use]
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Arc<Pod>> {
        self.spaces.get(namespace)?.pods.get(name)
    }

    /// Every pod, finished ones too, by namespace and name.
    pub fn pods(&self) -> impl Iterator<Item = &Arc<Pod>> {
        let mut pods: Vec<_> = self.each_space(|space| space.pods.values()).collect();
        pods.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        pods.into_iter()
    }

    /// The same in no order: for whoever looks through all of them again and again.
    pub fn pods_in_any_order(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.each_space(|space| space.pods.values())
    }

    fn each_space<'a, T, I: Iterator<Item = T>>(
        &'a self,
        of: impl Fn(&'a Space) -> I,
    ) -> impl Iterator<Item = T> {
        self.spaces.values().flat_map(of)
    }

    /// The live pod that has an address; `None` for nobody, for several, and for hostNetwork pods, which have their
    /// node's (rules 21, 24).
    #[must_use]
    pub fn pod_at(&self, address: IpAddr) -> Option<&Arc<Pod>> {
        match self.pod_addresses.holders(address) {
            [pod] => Some(pod),
            _ => None,
        }
    }

    /// A node by name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Arc<Node>> {
        self.nodes.get(name)
    }

    /// Every node, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<Node>> {
        let mut nodes: Vec<_> = self.nodes.values().collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        nodes.into_iter()
    }

    /// The node that has an address; of several the first by name.
    #[must_use]
    pub fn node_at(&self, address: IpAddr) -> Option<&Arc<Node>> {
        let holders = self.node_addresses.holders(address).iter();
        holders.min_by(|a, b| a.name.cmp(&b.name))
    }

    /// A Service by namespace and name.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Arc<Service>> {
        self.spaces.get(namespace)?.services.get(name)
    }

    /// Every Service, by namespace and name.
    pub fn services(&self) -> impl Iterator<Item = &Arc<Service>> {
        let mut services: Vec<_> = self.each_space(|space| space.services.values()).collect();
        services.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
        services.into_iter()
    }

    /// The Service that has an address; of several the first by namespace and name.
    #[must_use]
    pub fn service_at(&self, address: IpAddr) -> Option<&Arc<Service>> {
        let holders = self.service_addresses.holders(address).iter();
        holders.min_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)))
    }

    /// The EndpointSlices of a Service, by name; empty where there are none.
    #[must_use]
    pub fn endpoint_slices(&self, service: &Service) -> &[Arc<EndpointSlice>] {
        let space = self.spaces.get(&service.namespace);
        space
            .and_then(|space| space.slices_of.get(&service.name))
            .map_or(&[], Vec::as_slice)
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
        self.pod_blocks.contains(address)
    }

    /// Who has an address now: a live pod, a node, a Service, somebody unknown of the cluster, or nobody of it.
    #[must_use]
    pub fn end_at(&self, address: IpAddr) -> End {
        let address = address.to_canonical();
        match self.pod_addresses.holders(address) {
            [] => {}
            [pod] => {
                return End::Pod {
                    pod: pod.clone(),
                    address: Some(address),
                };
            }
            // Several claim it.
            _ => return End::Unknown(address),
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
        let mut templates: Vec<_> = self.each_space(|space| space.templates.values()).collect();
        templates.sort_by(|a, b| (&a.namespace, &a.workload).cmp(&(&b.namespace, &b.workload)));
        templates.into_iter()
    }

    /// The pods of a workload, by name: the live ones that it controls or runs, else the one that stands for its
    /// template's.
    #[must_use]
    pub fn pods_of(&self, namespace: &str, workload: &Workload) -> Vec<Arc<Pod>> {
        let Some(space) = self.spaces.get(namespace) else {
            return Vec::new();
        };
        let is_theirs = |pod: &&Arc<Pod>| {
            !pod.phase.is_finished()
                && (pod.controller.as_ref() == Some(workload)
                    || pod.workload.as_ref() == Some(workload))
        };
        let mut live: Vec<_> = space.pods.values().filter(is_theirs).cloned().collect();
        live.sort_by(|a, b| a.name.cmp(&b.name));
        if live.is_empty() {
            let template = space.templates.get(workload);
            live.extend(template.map(|template| template.pod.clone()));
        }
        live
    }

    /// Names of all namespaces: those described and those that objects are in, in order.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.spaces.keys().cloned().collect();
        names.sort();
        names
    }

    /// Labels of a namespace; also for one that no manifest describes, since every namespace has its name's.
    #[must_use]
    pub fn namespace_labels(&self, namespace: &str) -> Labels {
        let space = self.spaces.get(namespace);
        space.map_or_else(
            || Labels::default().with(NAMESPACE_NAME_LABEL, namespace),
            |space| space.labels.clone(),
        )
    }

    /// The NetworkPolicies of a namespace, by name.
    #[must_use]
    pub fn policies(&self, namespace: &str) -> &[Arc<NetworkPolicy>] {
        let space = self.spaces.get(namespace);
        space.map_or(&[], |space| space.policies.as_slice())
    }

    /// Every NetworkPolicy, by namespace and name.
    pub fn all_policies(&self) -> impl Iterator<Item = &Arc<NetworkPolicy>> {
        let mut policies: Vec<_> = self.each_space(|space| space.policies.iter()).collect();
        policies.sort_by(|a, b| a.reference.cmp(&b.reference));
        policies.into_iter()
    }

    /// The policies of the Admin and the Baseline tier, in order of tier and priority.
    pub fn tiered_policies(&self) -> impl Iterator<Item = &Arc<TieredPolicy>> {
        self.tiered.iter()
    }

    /// How the implementation reads what is not said clearly.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where the addresses of pods without one will come from; empty where that is not known.
    #[must_use]
    pub fn pod_ranges(&self) -> &[Cidr] {
        &self.pod_ranges
    }

    /// The addresses of [`Self::pod_ranges`], in as few blocks as can be.
    pub(crate) fn pod_span(&self) -> &[Cidr] {
        &self.pod_span
    }

    /// Which way of reading its objects this is: inventories of one number read the same objects the same way.
    pub(crate) fn reading(&self) -> u64 {
        self.reading
    }

    /// The domain names that an address has; `None` where they are not known.
    #[must_use]
    pub fn names_of(&self, address: IpAddr) -> Option<&[Arc<str>]> {
        self.names.get(&address.to_canonical()).map(AsRef::as_ref)
    }

    /// The addresses whose domain names are known.
    pub fn named_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.names.keys().copied()
    }

    /// The smallest block in which policies put an address; `None` where no policy names one that holds it. Addresses of
    /// one such block are one to every policy.
    #[must_use]
    pub fn policy_block(&self, address: IpAddr) -> Option<IpNet> {
        self.policy_blocks.smallest(address)
    }

    /// What policies can tell about a pod, and which select it. A pod that is not in the inventory as it stands (one of
    /// another time) is looked at as if it were.
    pub(crate) fn subject(&self, pod: &Arc<Pod>) -> Arc<Subject> {
        if let Some(subject) = self.subjects.of(pod) {
            return subject.clone();
        }
        let made_up = match self.spaces.get(&pod.namespace) {
            Some(space) => Subjects::made_up(space, &self.tiered, pod),
            None => Subjects::made_up(&Space::new(&pod.namespace), &self.tiered, pod),
        };
        Arc::new(made_up)
    }
}
