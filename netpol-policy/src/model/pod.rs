//! Pods and namespaces.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Labels, Protocol, Workload};

/// A namespace and its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Namespace {
    /// Object name.
    pub name: Arc<str>,
    /// Labels as written; an inventory sets `kubernetes.io/metadata.name` (rule 11).
    pub labels: Labels,
}

/// A pod, as far as traffic is concerned.
#[derive(Clone, Debug, PartialEq)]
pub struct Pod {
    /// `metadata.uid`; empty where the manifest has none.
    pub uid: Arc<str>,
    /// Namespace, `default` where the manifest names none.
    pub namespace: Arc<str>,
    /// Object name.
    pub name: Arc<str>,
    /// Labels.
    pub labels: Labels,
    /// Where in its life it is.
    pub phase: Phase,
    /// `status.podIPs`; a finished pod keeps them here without owning them any more (rule 24).
    pub addresses: Vec<IpAddr>,
    /// `spec.nodeName`; `None` where not scheduled or not told.
    pub node: Option<Arc<str>>,
    /// Shares the addresses of its node (rule 21).
    pub host_network: bool,
    /// Named ports of containers and restartable init containers (rule 14).
    pub ports: Vec<NamedPort>,
    /// The controller in its `ownerReferences`; `None` for a pod on its own.
    pub controller: Option<Workload>,
    /// What runs it: the controller, or the Deployment behind a ReplicaSet.
    pub workload: Option<Workload>,
    /// `status.startTime` in Unix seconds.
    pub started: Option<i64>,
}

impl Pod {
    /// Whether it stands for all pods of a [`Template`](super::Template), and so is never one and the same as another end.
    #[must_use]
    pub fn is_representative(&self) -> bool {
        // No Pod object has such a name.
        self.name.ends_with(']')
    }
}

/// `status.phase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Accepted, containers not all made.
    Pending,
    /// Bound to a node, running. Assumed where the manifest says nothing.
    #[default]
    Running,
    /// Finished well.
    Succeeded,
    /// Finished badly.
    Failed,
    /// Its node cannot be reached.
    Unknown,
}

impl Phase {
    /// Whether the pod has given its addresses up (rule 24).
    #[must_use]
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// A named container port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedPort {
    /// `name`.
    pub name: Arc<str>,
    /// `protocol`, TCP by default.
    pub protocol: Protocol,
    /// `containerPort`.
    pub port: u16,
}
