//! Who took part, as people name them: workloads, whatever labels their pods had.

use std::fmt;
use std::sync::Arc;

use crate::history::Party;
use crate::model::Workload;

/// A party without what changes over time. In order: pods by namespace, then the rest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// Pods of a workload.
    Workload {
        /// Namespace.
        namespace: Arc<str>,
        /// What runs them; kind `Pod` for one on its own.
        workload: Workload,
    },
    /// A Service whose backend was not seen.
    Service {
        /// Namespace.
        namespace: Arc<str>,
        /// Object name.
        name: Arc<str>,
    },
    /// A node, or something in its network namespace.
    Node {
        /// Object name.
        name: Arc<str>,
    },
    /// Outside of the cluster.
    Outside,
    /// Addresses of the cluster that nobody was known to have.
    Unknown,
    /// Too many to be kept apart.
    Many,
}

impl Who {
    pub(super) fn of(party: &Party) -> Self {
        match party {
            Party::Pods(group) => Self::Workload {
                namespace: group.namespace.clone(),
                workload: group.workload.clone(),
            },
            Party::Service { namespace, name } => Self::Service {
                namespace: namespace.clone(),
                name: name.clone(),
            },
            Party::Node { name } => Self::Node { name: name.clone() },
            Party::Outside(_) => Self::Outside,
            Party::Unknown(_) => Self::Unknown,
            Party::Many => Self::Many,
        }
    }
}

/// As the command line names it: `prod/web[Deployment]`, `node/n1`, `outside`.
impl fmt::Display for Who {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload {
                namespace,
                workload,
            } if &*workload.kind == "Pod" => write!(out, "{namespace}/{}", workload.name),
            Self::Workload {
                namespace,
                workload,
            } => write!(out, "{namespace}/{}[{}]", workload.name, workload.kind),
            Self::Service { namespace, name } => write!(out, "{namespace}/{name}[Service]"),
            Self::Node { name } => write!(out, "node/{name}"),
            Self::Outside => out.write_str("outside"),
            Self::Unknown => out.write_str("unknown"),
            Self::Many => out.write_str("many"),
        }
    }
}
