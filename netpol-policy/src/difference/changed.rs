//! Which policies differ, and whom they select.

use std::collections::BTreeMap;

use crate::history::edge::PolicyName;
use crate::history::{RememberedPolicy, fingerprint};
use crate::model::{Labels, Pod};
use crate::verdict::Direction;

/// The policies that differ, each as it was and as it is, where it was and is.
pub(super) struct Changed<'a>(Vec<&'a RememberedPolicy>);

impl<'a> Changed<'a> {
    pub(super) fn between(before: &'a [RememberedPolicy], after: &'a [RememberedPolicy]) -> Self {
        let named =
            |policies: &'a [RememberedPolicy]| -> BTreeMap<PolicyName, &'a RememberedPolicy> {
                policies.iter().map(|one| (one.name(), one)).collect()
            };
        let (before, after) = (named(before), named(after));
        let mut changed = Vec::new();
        for (name, policy) in &before {
            match after.get(name) {
                Some(now) if fingerprint(policy) == fingerprint(now) => {}
                Some(now) => changed.extend([*policy, *now]),
                None => changed.push(policy),
            }
        }
        let added = after.iter().filter(|(name, _)| !before.contains_key(name));
        changed.extend(added.map(|(_, policy)| *policy));
        Self(changed)
    }

    /// Whether one of them selects a pod in a direction: nobody else is told anything else.
    pub(super) fn select(&self, pod: &Pod, namespace: &Labels, direction: Direction) -> bool {
        self.0.iter().any(|policy| match policy {
            RememberedPolicy::Network(policy) => {
                policy.reference.namespace == pod.namespace
                    && policy.rules(direction).is_some()
                    && policy.subjects.matches(&pod.labels)
            }
            RememberedPolicy::Tiered(policy) => {
                !policy.rules(direction).is_empty()
                    && policy.subjects.namespaces.matches(namespace)
                    && policy.subjects.pods.matches(&pod.labels)
            }
        })
    }
}
