//! One object comes, changes or goes; only what it can affect is touched.

use std::sync::Arc;

use super::space::Space;
use super::{Inventory, NAMESPACE_NAME_LABEL, blocks};
use crate::model::{
    EndpointSlice, Labels, Namespace, NetworkPolicy, Node, Object, Pod, Protocol, Service,
    Template, TieredPolicy, Workload,
};
use crate::verdict::PolicyKind;

impl Inventory {
    /// Adds an object, in place of one with the same kind, namespace and name.
    pub fn apply(&mut self, object: Object) {
        match object {
            Object::Pod(pod) => self.apply_pod(Arc::new(pod)),
            Object::Namespace(Namespace { name, labels }) => {
                let labels = labels.with(NAMESPACE_NAME_LABEL, &name);
                self.space(&name).is_described = true;
                self.relabel(&name, labels);
            }
            Object::Service(service) => self.apply_service(Arc::new(service)),
            Object::EndpointSlice(slice) => self.apply_slice(Arc::new(slice)),
            Object::Node(node) => self.apply_node(Arc::new(node)),
            Object::NetworkPolicy(policy) => {
                let namespace = policy.reference.namespace.clone();
                let name = policy.reference.name.clone();
                self.change_policy(&namespace, &name, Some(Arc::new(policy)));
            }
            Object::TieredPolicy(policy) => {
                let (kind, name) = (policy.reference.kind, policy.reference.name.clone());
                self.change_tiered(kind, &name, Some(Arc::new(policy)));
            }
            Object::Template(template) => self.apply_template(Arc::new(template)),
        }
    }

    /// Removes the object of a kind, such as `Pod`, with this namespace (empty for cluster-scoped kinds) and name; false
    /// where there is none.
    pub fn remove(&mut self, kind: &str, namespace: &str, name: &str) -> bool {
        let removed = match kind {
            "Pod" => self.remove_pod(namespace, name),
            "Namespace" => self.remove_namespace(name),
            "Service" => self.remove_service(namespace, name),
            "EndpointSlice" => self.remove_slice(namespace, name),
            "Node" => self.remove_node(name),
            "NetworkPolicy" => self.change_policy(namespace, name, None),
            "AdminNetworkPolicy" => self.change_tiered(PolicyKind::AdminNetworkPolicy, name, None),
            "BaselineAdminNetworkPolicy" => {
                self.change_tiered(PolicyKind::BaselineAdminNetworkPolicy, name, None)
            }
            "ClusterNetworkPolicy" => {
                self.change_tiered(PolicyKind::ClusterNetworkPolicy, name, None)
            }
            kind => self.remove_template(namespace, kind, name),
        };
        if self.spaces.get(namespace).is_some_and(Space::is_empty) {
            self.spaces.remove(namespace);
        }
        removed
    }

    fn space(&mut self, namespace: &Arc<str>) -> &mut Space {
        self.spaces
            .entry(namespace.clone())
            .or_insert_with(|| Space::new(namespace))
    }

    fn apply_pod(&mut self, pod: Arc<Pod>) {
        self.remove_pod(&pod.namespace, &pod.name);
        if has_addresses(&pod) {
            self.pod_addresses.add(&pod.addresses, &pod);
        }
        self.add_subject(&pod);
        self.space(&pod.namespace)
            .pods
            .insert(pod.name.clone(), pod);
    }

    fn remove_pod(&mut self, namespace: &str, name: &str) -> bool {
        let Some(space) = self.spaces.get_mut(namespace) else {
            return false;
        };
        let Some(pod) = space.pods.remove(name) else {
            return false;
        };
        self.subjects.remove(space, &pod);
        if has_addresses(&pod) {
            self.pod_addresses.remove(&pod.addresses, &pod);
        }
        true
    }

    fn add_subject(&mut self, pod: &Arc<Pod>) {
        let space = self
            .spaces
            .entry(pod.namespace.clone())
            .or_insert_with(|| Space::new(&pod.namespace));
        self.subjects.add(space, &self.tiered, pod);
    }

    fn apply_template(&mut self, template: Arc<Template>) {
        let workload = &template.workload;
        self.remove_template(&template.namespace, &workload.kind, &workload.name);
        self.add_subject(&template.pod);
        self.space(&template.namespace)
            .templates
            .insert(template.workload.clone(), template);
    }

    fn remove_template(&mut self, namespace: &str, kind: &str, name: &str) -> bool {
        let workload = Workload {
            kind: kind.into(),
            name: name.into(),
        };
        let Some(space) = self.spaces.get_mut(namespace) else {
            return false;
        };
        let Some(template) = space.templates.remove(&workload) else {
            return false;
        };
        self.subjects.remove(space, &template.pod);
        true
    }

    fn relabel(&mut self, name: &Arc<str>, labels: Labels) {
        let space = self.space(name);
        if space.labels == labels {
            return;
        }
        space.labels = labels;
        if let Some(space) = self.spaces.get_mut(name) {
            self.subjects.relabel(name, space, &self.tiered);
        }
    }

    fn remove_namespace(&mut self, name: &str) -> bool {
        let Some(space) = self.spaces.get_mut(name).filter(|space| space.is_described) else {
            return false;
        };
        space.is_described = false;
        self.relabel(&name.into(), Space::new(name).labels);
        if self.spaces.get(name).is_some_and(Space::is_empty) {
            self.spaces.remove(name);
        }
        true
    }

    fn apply_service(&mut self, service: Arc<Service>) {
        self.remove_service(&service.namespace, &service.name);
        self.service_addresses
            .add(&service.cluster_addresses, &service);
        self.service_addresses
            .add(&service.external_addresses, &service);
        for port in node_ports(&service) {
            self.node_ports.insert(port, service.clone());
        }
        self.space(&service.namespace)
            .services
            .insert(service.name.clone(), service);
    }

    fn remove_service(&mut self, namespace: &str, name: &str) -> bool {
        let space = self.spaces.get_mut(namespace);
        let Some(service) = space.and_then(|space| space.services.remove(name)) else {
            return false;
        };
        self.service_addresses
            .remove(&service.cluster_addresses, &service);
        self.service_addresses
            .remove(&service.external_addresses, &service);
        for port in node_ports(&service) {
            let holder = self.node_ports.get(&port);
            if holder.is_some_and(|holder| Arc::ptr_eq(holder, &service)) {
                self.node_ports.remove(&port);
            }
        }
        true
    }

    fn apply_slice(&mut self, slice: Arc<EndpointSlice>) {
        self.remove_slice(&slice.namespace, &slice.name);
        let space = self.space(&slice.namespace);
        if let Some(service) = &slice.service {
            let slices = space.slices_of.entry(service.clone()).or_default();
            slices.push(slice.clone());
            slices.sort_by(|a, b| a.name.cmp(&b.name));
        }
        space.slices.insert(slice.name.clone(), slice);
    }

    fn remove_slice(&mut self, namespace: &str, name: &str) -> bool {
        let Some(space) = self.spaces.get_mut(namespace) else {
            return false;
        };
        let Some(slice) = space.slices.remove(name) else {
            return false;
        };
        if let Some(service) = &slice.service
            && let Some(slices) = space.slices_of.get_mut(service)
        {
            slices.retain(|one| one.name != slice.name);
            if slices.is_empty() {
                space.slices_of.remove(service);
            }
        }
        true
    }

    fn apply_node(&mut self, node: Arc<Node>) {
        self.remove_node(&node.name);
        self.node_addresses.add(&node.addresses, &node);
        self.pod_blocks.add(&node.pod_cidrs);
        self.nodes.insert(node.name.clone(), node);
    }

    fn remove_node(&mut self, name: &str) -> bool {
        let Some(node) = self.nodes.remove(name) else {
            return false;
        };
        self.node_addresses.remove(&node.addresses, &node);
        self.pod_blocks.remove(&node.pod_cidrs);
        true
    }

    /// Puts `new` in the place of the NetworkPolicy of this name; false where there was none.
    fn change_policy(
        &mut self,
        namespace: &str,
        name: &str,
        new: Option<Arc<NetworkPolicy>>,
    ) -> bool {
        if new.is_none() && !self.spaces.contains_key(namespace) {
            return false;
        }
        let space = self.space(&namespace.into());
        let policies = Arc::make_mut(&mut space.policies);
        let place = policies.binary_search_by(|policy| (*policy.reference.name).cmp(name));
        let old = match (place, new.clone()) {
            (Ok(place), Some(new)) => Some(std::mem::replace(&mut policies[place], new)),
            (Ok(place), None) => Some(policies.remove(place)),
            (Err(place), Some(new)) => {
                policies.insert(place, new);
                None
            }
            (Err(_), None) => None,
        };
        // The new blocks first: one that both name is not dropped in between.
        if let Some(new) = &new {
            self.policy_blocks.add(blocks::of_policy(new));
        }
        if let Some(old) = &old {
            self.policy_blocks.remove(blocks::of_policy(old));
        }
        let changed: Vec<&NetworkPolicy> = old.iter().chain(&new).map(AsRef::as_ref).collect();
        if let Some(space) = self.spaces.get_mut(namespace) {
            self.subjects.reselect(space, &self.tiered, &changed);
        }
        old.is_some()
    }

    /// Puts `new` in the place of the tiered policy of this kind and name; false where there was none.
    fn change_tiered(
        &mut self,
        kind: PolicyKind,
        name: &str,
        new: Option<Arc<TieredPolicy>>,
    ) -> bool {
        let tiered = Arc::make_mut(&mut self.tiered);
        let place = tiered
            .iter()
            .position(|policy| policy.reference.kind == kind && *policy.reference.name == *name);
        let old = place.map(|place| tiered.remove(place));
        if let Some(new) = &new {
            let place = tiered.partition_point(|policy| order(policy) < order(new));
            tiered.insert(place, new.clone());
            self.policy_blocks.add(blocks::of_tiered(new));
        }
        if let Some(old) = &old {
            self.policy_blocks.remove(blocks::of_tiered(old));
        }
        let changed: Vec<&TieredPolicy> = old.iter().chain(&new).map(AsRef::as_ref).collect();
        for (_, space) in self.spaces.iter_mut() {
            self.subjects.reselect_tiered(space, &self.tiered, &changed);
        }
        old.is_some()
    }
}

/// Rule 27; one without a priority goes last in its tier.
fn order(policy: &TieredPolicy) -> impl Ord {
    (
        policy.tier,
        policy.priority.is_none(),
        policy.priority,
        policy.reference.kind,
        policy.reference.name.clone(),
    )
}

/// The ports on every node by which a Service is reached. An API server gives each to one Service alone.
fn node_ports(service: &Service) -> impl Iterator<Item = (Protocol, u16)> {
    let ports = service.ports.iter();
    ports.filter_map(|port| Some((port.protocol, port.node_port?)))
}

/// Whether a pod's addresses are its own and still its own (rules 21, 24).
fn has_addresses(pod: &Pod) -> bool {
    !pod.phase.is_finished() && !pod.host_network
}
