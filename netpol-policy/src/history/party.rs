//! Ends of remembered connections: as coarse as can be without losing what policies can tell apart.

use std::sync::Arc;

use crate::model::{Cidr, Labels, NamedPort, Workload};

/// Labels that controllers generate for each version or each pod they make: left out of what is remembered, since every
/// rollout and every run of a Job would be another party. What a selector asks of one of these keys cannot be answered from
/// a history.
pub const GENERATED_LABELS: [&str; 9] = [
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
];

/// One end of a remembered connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// Pods of one workload, with the labels that they had then.
    Pods(Arc<PodGroup>),
    /// A node itself, or something in its network namespace.
    Node {
        /// Object name.
        name: Arc<str>,
    },
    /// A Service whose backend was not seen.
    Service {
        /// Namespace.
        namespace: Arc<str>,
        /// Object name.
        name: Arc<str>,
    },
    /// Outside of the cluster: one address, or a block of several where there were too many to be kept apart.
    Outside(Cidr),
    /// Addresses of the cluster that nobody was known to have.
    Unknown(Cidr),
    /// Too many parties, of any kind, to be kept apart: a scan.
    Many,
}

/// Pods of one workload that policies do not tell apart but by their addresses.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodGroup {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Labels of the namespace at that time, `kubernetes.io/metadata.name` among them (rule 11).
    pub namespace_labels: Labels,
    /// What runs them; kind `Pod` and the pod's own name for a pod on its own.
    pub workload: Workload,
    /// Their labels at that time, without [`GENERATED_LABELS`].
    pub labels: Labels,
    /// Their named ports (rule 14), in order.
    pub ports: Vec<NamedPort>,
    /// They share the addresses of their node (rule 21).
    pub host_network: bool,
}

impl PodGroup {
    /// `labels` without [`GENERATED_LABELS`].
    #[must_use]
    pub fn lasting(labels: &Labels) -> Labels {
        let is_generated = |key: &str| GENERATED_LABELS.contains(&key);
        if labels.iter().any(|(key, _)| is_generated(key)) {
            labels
                .iter()
                .filter(|(key, _)| !is_generated(key))
                .collect()
        } else {
            labels.clone()
        }
    }
}
