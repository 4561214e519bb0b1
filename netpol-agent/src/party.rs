//! An end of a connection, without what tells its replicas apart: what many connections have in common.

use std::sync::Arc;

use crate::flow::{Endpoint, Identity};

/// Who talks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Party {
    /// A pod's workload; the pod itself (kind `Pod`) where it has none.
    Workload {
        namespace: Arc<str>,
        kind: Arc<str>,
        name: Arc<str>,
    },
    Node(Arc<str>),
    Service {
        namespace: Arc<str>,
        name: Arc<str>,
    },
    /// Anybody outside of the cluster.
    World,
    /// Anybody of whom the inventory does not know.
    Unknown,
}

impl Party {
    pub(crate) fn of(end: &Endpoint) -> Self {
        match &end.identity {
            Identity::Pod { pod, workload, .. } => {
                let (kind, name) = match workload {
                    Some(workload) => (workload.kind.clone(), workload.name.clone()),
                    None => ("Pod".into(), pod.name.clone()),
                };
                let namespace = pod.namespace.clone();
                Self::Workload {
                    namespace,
                    kind,
                    name,
                }
            }
            Identity::Node { node } => Self::Node(node.name.clone()),
            Identity::Service { service } => Self::Service {
                namespace: service.namespace.clone(),
                name: service.name.clone(),
            },
            Identity::World => Self::World,
            Identity::Unknown => Self::Unknown,
        }
    }
}
