//! The objects that decide about traffic, in domain form: validated, compiled, without API noise.

mod cidr;
mod labels;
mod node;
mod pod;
mod policy;
mod protocol;
mod selector;
mod service;
mod tiered;
mod workload;

pub use cidr::{Cidr, CidrError};
pub use labels::Labels;
pub use node::Node;
pub use pod::{NamedPort, Namespace, Phase, Pod};
pub use policy::{IpBlock, NetworkPolicy, Peer, PortMatch, PortRule, Rule};
pub use protocol::Protocol;
pub use selector::{Operator, Requirement, Selector};
pub use service::{
    Endpoint, EndpointPort, EndpointSlice, Service, ServicePort, ServiceType, TargetPort,
};
pub use tiered::{Action, DomainName, NamespacedPods, TieredPeer, TieredPolicy, TieredRule};
pub use workload::{Template, Workload};

use crate::verdict::PolicyKind;

/// One object of the inventory.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Object {
    /// `v1` Pod.
    Pod(Pod),
    /// `v1` Namespace.
    Namespace(Namespace),
    /// `v1` Service.
    Service(Service),
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice(EndpointSlice),
    /// `v1` Node.
    Node(Node),
    /// `networking.k8s.io/v1` NetworkPolicy.
    NetworkPolicy(NetworkPolicy),
    /// A policy of the Admin or the Baseline tier, of `policy.networking.k8s.io`.
    TieredPolicy(TieredPolicy),
    /// What makes pods, such as an `apps/v1` Deployment.
    Template(Template),
}

impl Object {
    /// API kind, such as `Pod`.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Pod(_) => "Pod",
            Self::Namespace(_) => "Namespace",
            Self::Service(_) => "Service",
            Self::EndpointSlice(_) => "EndpointSlice",
            Self::Node(_) => "Node",
            Self::NetworkPolicy(_) => PolicyKind::NetworkPolicy.as_str(),
            Self::TieredPolicy(policy) => policy.reference.kind.as_str(),
            Self::Template(template) => &template.workload.kind,
        }
    }

    /// Namespace (empty for cluster-scoped kinds) and name.
    #[must_use]
    pub fn key(&self) -> (&str, &str) {
        match self {
            Self::Pod(pod) => (&pod.namespace, &pod.name),
            Self::Namespace(namespace) => ("", &namespace.name),
            Self::Service(service) => (&service.namespace, &service.name),
            Self::EndpointSlice(slice) => (&slice.namespace, &slice.name),
            Self::Node(node) => ("", &node.name),
            Self::NetworkPolicy(policy) => (&policy.reference.namespace, &policy.reference.name),
            Self::TieredPolicy(policy) => ("", &policy.reference.name),
            Self::Template(template) => (&template.namespace, &template.workload.name),
        }
    }
}
