//! An end of a connection, with all that selectors may ask of it.

use std::net::IpAddr;
use std::sync::Arc;

use crate::connection::End;
use crate::inventory::Inventory;
use crate::model::{Labels, Pod, Workload};

/// Who an end is.
#[derive(Clone, Debug, PartialEq)]
pub struct EndFacts {
    /// What kind of end it is.
    pub kind: EndKind,
    /// As sentences name it: `ci/build`, `node worker-1`, `192.0.2.7`.
    pub name: String,
    /// Of a pod or a Service.
    pub namespace: Option<Arc<str>>,
    /// Of a pod or a node.
    pub labels: Labels,
    /// Of the pod's namespace.
    pub namespace_labels: Labels,
    /// Where a pod runs.
    pub node: Option<Arc<str>>,
    /// What runs a pod.
    pub workload: Option<Workload>,
    /// The address it uses.
    pub address: Option<IpAddr>,
}

/// Kinds of ends, as far as policies treat them differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndKind {
    /// A pod that policies apply to.
    Pod,
    /// Stands for all pods of a workload's template.
    Template,
    /// A pod that shares the addresses of its node (rule 21).
    HostNetworkPod,
    /// A node.
    Node,
    /// A Service whose backend is not known.
    Service,
    /// Outside of the cluster.
    Outside,
    /// Somebody of the cluster, not known who.
    Unknown,
}

impl EndFacts {
    pub(super) fn of(end: &End, inventory: &Inventory) -> Self {
        let mut facts = Self {
            kind: EndKind::Outside,
            name: end.to_string(),
            namespace: None,
            labels: Labels::default(),
            namespace_labels: Labels::default(),
            node: None,
            workload: None,
            address: end.address(),
        };
        match end {
            End::Pod { pod, .. } => facts.pod(pod, inventory),
            End::Node { node, .. } => {
                facts.kind = EndKind::Node;
                facts.labels = node.labels.clone();
            }
            End::Service { service, .. } => {
                facts.kind = EndKind::Service;
                facts.namespace = Some(service.namespace.clone());
            }
            End::Address(_) => {}
            End::Unknown(address) => {
                facts.kind = EndKind::Unknown;
                facts.name = address.to_string();
            }
        }
        facts
    }

    fn pod(&mut self, pod: &Arc<Pod>, inventory: &Inventory) {
        let is_template = || {
            let mut templates = inventory.templates();
            templates.any(|one| one.namespace == pod.namespace && one.pod.name == pod.name)
        };
        self.kind = if pod.host_network {
            EndKind::HostNetworkPod
        } else if is_template() {
            EndKind::Template
        } else {
            EndKind::Pod
        };
        self.namespace = Some(pod.namespace.clone());
        self.labels = pod.labels.clone();
        self.namespace_labels = inventory.namespace_labels(&pod.namespace);
        self.node = pod.node.clone();
        self.workload = pod.workload.clone();
    }
}
