//! Nodes.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Cidr, Labels};

/// A machine of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Object name.
    pub name: Arc<str>,
    /// Labels.
    pub labels: Labels,
    /// `InternalIP` and `ExternalIP` of `status.addresses`.
    pub addresses: Vec<IpAddr>,
    /// `status.daemonEndpoints.kubeletEndpoint.Port`; `None` where not told.
    pub kubelet_port: Option<u16>,
    /// `spec.podCIDRs`: an address in here that no pod has is unknown, not outside.
    pub pod_cidrs: Vec<Cidr>,
}
