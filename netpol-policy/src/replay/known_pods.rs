//! Who there is to speak about: a policy that selects nobody known can be asked about, and nothing comes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::vocabulary::Vocabulary;
use crate::history::{History, Party, PodGroup, PolicyName, RememberedPolicy};

/// All pods that a history knows.
#[derive(Debug)]
pub struct KnownPods {
    groups: Vec<Arc<PodGroup>>,
}

impl KnownPods {
    /// Those that exist, those that existed, and those that were seen.
    #[must_use]
    pub fn of(history: &History) -> Self {
        let of_edges = history
            .edges
            .iter()
            .flat_map(|edge| [&edge.key.source, &edge.key.destination]);
        let seen = of_edges.filter_map(|party| match party {
            Party::Pods(group) => Some(group),
            _ => None,
        });
        let present = history.population.iter().map(|present| &present.group);
        let mut groups: Vec<Arc<PodGroup>> = Vec::new();
        let mut places = BTreeSet::new();
        for group in present.chain(seen) {
            // Few allocations stand for all edges.
            if places.insert(Arc::as_ptr(group)) {
                groups.push(group.clone());
            }
        }
        Self { groups }
    }

    /// Whether some of them are of a namespace.
    #[must_use]
    pub fn has_namespace(&self, name: &str) -> bool {
        self.groups.iter().any(|group| *group.namespace == *name)
    }

    /// Of some policies, those that select none of them, in the order given.
    #[must_use]
    pub fn not_selected_by(&self, policies: &[&RememberedPolicy]) -> Vec<PolicyName> {
        let none = policies.iter().filter(|policy| {
            let vocabulary = Vocabulary::of(std::slice::from_ref(policy));
            let mut groups = self.groups.iter();
            !groups.any(|group| may_select(policy, group, &vocabulary))
        });
        none.map(|policy| policy.name()).collect()
    }
}

/// Whether a policy selects a group, or may, by labels that are not remembered. `vocabulary` is that of the policy, or of more.
pub(super) fn may_select(
    policy: &RememberedPolicy,
    group: &PodGroup,
    vocabulary: &Vocabulary,
) -> bool {
    // Who shares the node's addresses is its node to policies (rule 21).
    if group.host_network {
        return false;
    }
    let pods = match policy {
        RememberedPolicy::Network(policy) => {
            if policy.reference.namespace != group.namespace {
                return false;
            }
            &policy.subjects
        }
        RememberedPolicy::Tiered(policy) => {
            let namespaces = &policy.subjects.namespaces;
            if !namespaces.matches(&group.namespace_labels) {
                return false;
            }
            &policy.subjects.pods
        }
    };
    let (variants, _) = vocabulary.labels(&group.workload, &group.labels);
    variants.is_none_or(|labels| labels.iter().any(|one| pods.matches(one)))
}
