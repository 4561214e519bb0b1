//! What makes pods: controllers, and the templates that they make them from.

use std::sync::Arc;

use super::{Labels, Pod};

/// The object that a pod belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// An object that makes pods from a template: Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob or
/// ReplicationController.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Namespace, `default` where the manifest names none.
    pub namespace: Arc<str>,
    /// The object itself.
    pub workload: Workload,
    /// What its own controller is, where it has one: a ReplicaSet's Deployment, a Job's CronJob.
    pub controller: Option<Workload>,
    /// The pod that stands for all it makes: running, without node and address, named `NAME[KIND]`.
    pub pod: Arc<Pod>,
}

impl Template {
    /// What its pods are known by: its controller, where it has one.
    #[must_use]
    pub fn outermost(&self) -> &Workload {
        self.controller.as_ref().unwrap_or(&self.workload)
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
