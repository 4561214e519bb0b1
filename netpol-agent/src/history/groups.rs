//! Pods that are one party: by what policies can tell apart, whichever replica it is.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::RandomState;
use netpol_policy::history::PodGroup;
use netpol_policy::model::{Labels, Pod, Workload};

/// Pods whose group is remembered; beyond, it is made again.
const PODS_KEPT: usize = 65_536;

/// The groups of pods. Equal groups are one allocation, so that comparing them costs nothing.
#[derive(Default)]
pub(super) struct Groups {
    groups: HashSet<Arc<PodGroup>, RandomState>,
    /// By the address of a pod that stays at it, since it is held here.
    of_pods: HashMap<usize, (Arc<Pod>, Arc<PodGroup>), RandomState>,
}

impl Groups {
    /// The group of a pod that this workload runs, in a namespace with these labels.
    pub(super) fn of(
        &mut self,
        pod: &Arc<Pod>,
        workload: Option<&Workload>,
        namespace_labels: &Labels,
    ) -> Arc<PodGroup> {
        let place = Arc::as_ptr(pod) as usize;
        if let Some((_, group)) = self.of_pods.get(&place)
            && group.namespace_labels == *namespace_labels
            && runs(workload, pod, &group.workload)
        {
            return group.clone();
        }
        let group = self.only(group(pod, workload, namespace_labels));
        if self.of_pods.len() >= PODS_KEPT {
            self.of_pods.clear();
        }
        self.of_pods.insert(place, (pod.clone(), group.clone()));
        group
    }

    /// The one allocation of a group.
    pub(super) fn only(&mut self, group: PodGroup) -> Arc<PodGroup> {
        if let Some(known) = self.groups.get(&group) {
            return known.clone();
        }
        let group = Arc::new(group);
        self.groups.insert(group.clone());
        group
    }

    /// Forgets pods that nobody else holds, and the groups that nobody needs any more.
    pub(super) fn forget(&mut self) {
        self.of_pods
            .retain(|_, (pod, _)| Arc::strong_count(pod) > 1);
        self.groups.retain(|group| Arc::strong_count(group) > 1);
    }
}

fn runs(workload: Option<&Workload>, pod: &Pod, known: &Workload) -> bool {
    match workload {
        Some(workload) => workload == known,
        None => &*known.kind == "Pod" && known.name == pod.name,
    }
}

fn group(pod: &Pod, workload: Option<&Workload>, namespace_labels: &Labels) -> PodGroup {
    let workload = workload.cloned().unwrap_or_else(|| Workload {
        kind: "Pod".into(),
        name: pod.name.clone(),
    });
    let mut ports = pod.ports.clone();
    ports.sort_by(|a, b| (&a.name, a.protocol, a.port).cmp(&(&b.name, b.protocol, b.port)));
    PodGroup {
        namespace: pod.namespace.clone(),
        namespace_labels: namespace_labels.clone(),
        workload,
        labels: PodGroup::lasting(&pod.labels),
        ports,
        host_network: pod.host_network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;

    fn replica(name: &str, hash: &str) -> Arc<Pod> {
        let mut replica = (*pod("shop", name)).clone();
        replica.labels = Labels::from_iter([("app", "web"), ("pod-template-hash", hash)]);
        Arc::new(replica)
    }

    #[test]
    fn replicas_of_every_rollout_are_one_group_and_other_labels_another() {
        let mut groups = Groups::default();
        let web = Workload {
            kind: "Deployment".into(),
            name: "web".into(),
        };
        let labels = Labels::default().with("team", "a");
        let mut of = |pod: &Arc<Pod>, labels: &Labels| groups.of(pod, Some(&web), labels);
        let one = of(&replica("web-1", "5d4f"), &labels);
        assert_eq!(one.labels, Labels::from_iter([("app", "web")]));
        assert!(Arc::ptr_eq(&one, &of(&replica("web-2", "77aa"), &labels)));
        // The namespace is relabelled while the pod stays.
        let pod = replica("web-3", "77aa");
        assert!(Arc::ptr_eq(&one, &of(&pod, &labels)));
        let moved = of(&pod, &labels.clone().with("team", "b"));
        assert_eq!(moved.namespace_labels.get("team"), Some("b"));
        assert!(Arc::ptr_eq(&one, &of(&pod, &labels)));
    }

    #[test]
    fn what_is_needed_by_nobody_is_forgotten() {
        let mut groups = Groups::default();
        let alone = pod("shop", "alone");
        let group = groups.of(&alone, None, &Labels::default());
        assert_eq!(
            (&*group.workload.kind, &*group.workload.name),
            ("Pod", "alone")
        );
        groups.forget();
        assert_eq!((groups.groups.len(), groups.of_pods.len()), (1, 1));
        drop((alone, group));
        groups.forget();
        assert_eq!((groups.groups.len(), groups.of_pods.len()), (0, 0));
    }
}
