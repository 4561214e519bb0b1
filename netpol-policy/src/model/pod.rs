//! Pods, their workloads and namespaces.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Labels, Protocol};

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
    /// What runs it; `None` for a pod on its own.
    pub workload: Option<Workload>,
    /// `status.startTime` in Unix seconds.
    pub started: Option<i64>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// `name`.
    pub name: Arc<str>,
    /// `protocol`, TCP by default.
    pub protocol: Protocol,
    /// `containerPort`.
    pub port: u16,
}

/// The object that a pod belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Such as `Deployment`.
    pub kind: Arc<str>,
    /// Object name.
    pub name: Arc<str>,
}

impl Workload {
    /// From the controller in `ownerReferences`. A ReplicaSet made by a Deployment ends in the value of the pod's
    /// `pod-template-hash` label: that is cut off and the Deployment named.
    #[must_use]
    pub fn of_controller(kind: &str, name: &str, labels: &Labels) -> Self {
        let deployment = (kind == "ReplicaSet")
            .then(|| labels.get("pod-template-hash"))
            .flatten()
            .and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'))
            .filter(|stem| !stem.is_empty());
        match deployment {
            Some(stem) => Self {
                kind: "Deployment".into(),
                name: stem.into(),
            },
            None => Self {
                kind: kind.into(),
                name: name.into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_set_is_its_deployment_only_where_the_hash_says_so() {
        let labels = Labels::from_iter([("pod-template-hash", "5d4f")]);
        let named = |kind, name, labels: &Labels| {
            let workload = Workload::of_controller(kind, name, labels);
            format!("{}/{}", workload.kind, workload.name)
        };
        assert_eq!(named("ReplicaSet", "web-5d4f", &labels), "Deployment/web");
        assert_eq!(
            named("ReplicaSet", "web-5d4f", &Labels::default()),
            "ReplicaSet/web-5d4f"
        );
        assert_eq!(named("ReplicaSet", "web", &labels), "ReplicaSet/web");
        assert_eq!(named("StatefulSet", "db", &labels), "StatefulSet/db");
    }
}
