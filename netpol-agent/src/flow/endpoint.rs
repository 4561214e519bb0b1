//! The ends of a connection: who stood behind an address at the time of the packet.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use netpol_policy::model::{Node, Pod, Service, Workload};

use crate::inventory::is_same;

/// One end of a connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Its address in the packet.
    pub address: IpAddr,
    /// 0 where the protocol has no ports.
    pub port: u16,
    /// Who that is.
    pub identity: Identity,
    /// What of Kubernetes itself listens there.
    pub component: Option<Component>,
}

/// Parts of Kubernetes itself, as far as an address and port tell them from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The API server, on a node or outside.
    ApiServer,
    /// A node's kubelet.
    Kubelet,
}

/// Who stands behind an address at the time of the packet.
#[derive(Clone, Debug, PartialEq)]
pub enum Identity {
    /// A pod.
    Pod {
        /// What the inventory says of it; shared by all its flows.
        pod: Arc<Pod>,
        /// What runs it: a Deployment, a CronJob, …; `None` for a pod on its own.
        workload: Option<Workload>,
        /// From the pod's start to the first packet, where the start is known.
        age: Option<Duration>,
    },
    /// A node's own address.
    Node {
        /// Which.
        node: Arc<Node>,
    },
    /// A Service address whose backend was not seen.
    Service {
        /// Which.
        service: Arc<Service>,
    },
    /// Outside of everything in the inventory.
    World,
    /// An address of the cluster's ranges, or behind a pod interface, that the inventory does not know.
    Unknown,
}

impl Endpoint {
    /// `namespace/name` of a pod or Service, the name of a node, else the address; of what of Kubernetes itself.
    #[must_use]
    pub fn name(&self) -> String {
        let name = self.holder_name();
        match self.component {
            Some(Component::ApiServer) => format!("the API server ({name})"),
            Some(Component::Kubelet) => format!("the kubelet ({name})"),
            None => name,
        }
    }

    fn holder_name(&self) -> String {
        match &self.identity {
            Identity::Pod { pod, .. } => format!("{}/{}", pod.namespace, pod.name),
            Identity::Service { service } => format!("{}/{}", service.namespace, service.name),
            Identity::Node { node } => format!("node {}", node.name),
            Identity::World | Identity::Unknown => self.address.to_string(),
        }
    }

    /// Whether both stand for the same, whatever else was learnt of it in between: a pod's age differs by nanoseconds
    /// whenever it is read, since clocks are sampled.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let identity = match (&self.identity, &other.identity) {
            (
                Identity::Pod { pod, workload, .. },
                Identity::Pod {
                    pod: other,
                    workload: others,
                    ..
                },
            ) => is_same(pod, other) && workload == others,
            (Identity::Node { node }, Identity::Node { node: other }) => node.name == other.name,
            (Identity::Service { service }, Identity::Service { service: other }) => {
                service.namespace == other.namespace && service.name == other.name
            }
            (Identity::World, Identity::World) | (Identity::Unknown, Identity::Unknown) => true,
            _ => false,
        };
        identity && (self.address, self.port) == (other.address, other.port)
    }

    /// The pod, where it is one.
    #[must_use]
    pub fn pod(&self) -> Option<&Arc<Pod>> {
        match &self.identity {
            Identity::Pod { pod, .. } => Some(pod),
            _ => None,
        }
    }
}

/// The Service address that was dialled.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceAddress {
    /// `None` where the inventory knows no such Service.
    pub service: Option<Arc<Service>>,
    /// The address dialled.
    pub address: IpAddr,
    /// The port dialled.
    pub port: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_stays_the_same_as_time_goes_on_and_not_when_it_becomes_known() {
        let known = |seconds| Endpoint {
            address: "10.1.0.5".parse().unwrap(),
            port: 80,
            identity: Identity::Pod {
                pod: crate::testing::pod("ci", "build"),
                workload: None,
                age: Some(Duration::from_secs(seconds)),
            },
            component: None,
        };
        let unknown = Endpoint {
            identity: Identity::Unknown,
            ..known(1)
        };
        assert!(known(1).is_same(&known(2)));
        assert!(unknown.is_same(&unknown));
        assert!(!known(1).is_same(&unknown));
        let elsewhere = Endpoint {
            port: 81,
            ..known(1)
        };
        assert!(!known(1).is_same(&elsewhere));
    }
}
