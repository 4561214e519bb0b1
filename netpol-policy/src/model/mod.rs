//! The objects that decide about traffic, in domain form: validated, compiled, without API noise.

mod cidr;
mod labels;
mod node;
mod pod;
mod policy;
mod protocol;
mod selector;
mod service;

pub use cidr::{Cidr, CidrError};
pub use labels::Labels;
pub use node::Node;
pub use pod::{NamedPort, Namespace, Phase, Pod, Workload};
pub use policy::{IpBlock, NetworkPolicy, Peer, PortMatch, PortRule, Rule};
pub use protocol::Protocol;
pub use selector::{Operator, Requirement, Selector};
pub use service::{Endpoint, EndpointPort, EndpointSlice, Service, ServicePort, ServiceType};

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
}

impl Object {
    /// API kind, such as `Pod`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Pod(_) => "Pod",
            Self::Namespace(_) => "Namespace",
            Self::Service(_) => "Service",
            Self::EndpointSlice(_) => "EndpointSlice",
            Self::Node(_) => "Node",
            Self::NetworkPolicy(_) => "NetworkPolicy",
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
        }
    }
}
