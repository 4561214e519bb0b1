//! Services and their endpoints.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Labels, Protocol};

/// A Service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Object name.
    pub name: Arc<str>,
    /// `spec.type`.
    pub kind: ServiceType,
    /// `spec.clusterIPs`; empty for headless ones, and where none has been given yet.
    pub cluster_addresses: Vec<IpAddr>,
    /// `clusterIP: None`: its name stands for its backends themselves, and no port is translated.
    pub is_headless: bool,
    /// `spec.externalIPs` and the load balancer's addresses.
    pub external_addresses: Vec<IpAddr>,
    /// `spec.selector`; `None` where somebody else makes its EndpointSlices.
    pub selector: Option<Labels>,
    /// Ports.
    pub ports: Vec<ServicePort>,
}

/// `spec.type` of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ServiceType {
    /// Reached inside the cluster only.
    #[default]
    ClusterIp,
    /// Also on a port of every node.
    NodePort,
    /// Also through a load balancer.
    LoadBalancer,
    /// A DNS name only.
    ExternalName,
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Empty where the Service has one unnamed port.
    pub name: Arc<str>,
    /// Protocol.
    pub protocol: Protocol,
    /// The port that clients dial; policies never see it (rule 13).
    pub port: u16,
    /// The port on the backends.
    pub target: TargetPort,
    /// The port on every node.
    pub node_port: Option<u16>,
}

/// `targetPort` of a Service's port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// A number; that of the Service where the manifest says nothing.
    Number(u16),
    /// The name of a container port, which may differ between backends.
    Name(Arc<str>),
}

/// An EndpointSlice: some of the backends of a Service.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSlice {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Object name.
    pub name: Arc<str>,
    /// The `kubernetes.io/service-name` label.
    pub service: Option<Arc<str>>,
    /// Backends.
    pub endpoints: Vec<Endpoint>,
    /// Ports, the same for all backends of the slice.
    pub ports: Vec<EndpointPort>,
}

/// One backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// `conditions.ready`; unset counts as ready (API field documentation).
    pub ready: bool,
}

/// One port of every backend of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPort {
    /// The name of the Service port.
    pub name: Arc<str>,
    /// Protocol.
    pub protocol: Protocol,
    /// The port on the backend; `None` means all ports.
    pub port: Option<u16>,
}
