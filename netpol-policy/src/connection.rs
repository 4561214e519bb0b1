//! The question: who connects to whom.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::model::{Node, Pod, Protocol, Service};

/// A connection as its initiator opens it; replies are part of it (rule 22).
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// Who opened it.
    pub source: End,
    /// Who is reached: the backend, where a Service stands between.
    pub destination: End,
    /// Protocol.
    pub protocol: Protocol,
    /// Port at the destination; `None` where the protocol has none or it was not seen.
    pub destination_port: Option<u16>,
    /// What the source dialled, where that is not the destination's own address (rule 18).
    pub dialled: Option<SocketAddr>,
}

impl Connection {
    /// A connection without address translation.
    #[must_use]
    pub fn new(source: End, destination: End, protocol: Protocol, port: Option<u16>) -> Self {
        Self {
            source,
            destination,
            protocol,
            destination_port: port,
            dialled: None,
        }
    }
}

/// One end, with the address it used.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// A pod.
    Pod {
        /// Which.
        pod: Arc<Pod>,
        /// Which of its addresses; `None` where it has none yet, or stands for the pods of a template.
        address: Option<IpAddr>,
    },
    /// A node itself, or something in its network namespace.
    Node {
        /// Which.
        node: Arc<Node>,
        /// Which of its addresses.
        address: IpAddr,
    },
    /// A Service address whose backend was not seen.
    Service {
        /// Which.
        service: Arc<Service>,
        /// The address dialled.
        address: IpAddr,
    },
    /// Outside of the cluster.
    Address(IpAddr),
    /// Somebody of the cluster, not known who; never guessed.
    Unknown(IpAddr),
}

impl End {
    /// The address it used, where it has one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Pod { address, .. } => *address,
            Self::Node { address, .. }
            | Self::Service { address, .. }
            | Self::Address(address)
            | Self::Unknown(address) => Some(*address),
        }
    }
}

/// As sentences name it: `ci/build`, `node worker-1`, `192.0.2.7`.
impl fmt::Display for End {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod { pod, .. } => write!(out, "{}/{}", pod.namespace, pod.name),
            Self::Node { node, .. } => write!(out, "node {}", node.name),
            Self::Service { service, .. } => {
                write!(out, "service {}/{}", service.namespace, service.name)
            }
            Self::Address(address) => address.fmt(out),
            Self::Unknown(address) => write!(out, "{address} (unknown)"),
        }
    }
}
