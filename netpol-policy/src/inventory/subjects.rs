//! Subjects, shared by the pods that no policy can tell apart.

use std::sync::Arc;

use super::identity::{Identity, Subject, selects};
use super::space::{Shared, Space, Traits};
use super::{Map, Set};
use crate::model::{Labels, NetworkPolicy, Pod, TieredPolicy};

/// Which pod is which subject, by the address in memory of a pod that the inventory holds, and so keeps at that address.
#[derive(Clone, Debug, Default)]
pub(super) struct Subjects(Map<usize, Arc<Subject>>);

fn place(pod: &Arc<Pod>) -> usize {
    Arc::as_ptr(pod) as usize
}

fn traits(pod: &Pod) -> Traits {
    (pod.labels.clone(), pod.ports.as_slice().into())
}

impl Subjects {
    /// The subject of a pod that was added.
    pub(super) fn of(&self, pod: &Arc<Pod>) -> Option<&Arc<Subject>> {
        self.0.get(&place(pod))
    }

    /// A subject for a pod that was not added.
    pub(super) fn made_up(space: &Space, tiered: &[Arc<TieredPolicy>], pod: &Pod) -> Subject {
        let (labels, ports) = traits(pod);
        let identity = Identity::new(pod.namespace.clone(), space.labels.clone(), labels, ports);
        Subject::new(Arc::new(identity), &space.policies, tiered)
    }

    /// Adds a pod of a namespace.
    pub(super) fn add(&mut self, space: &mut Space, tiered: &[Arc<TieredPolicy>], pod: &Arc<Pod>) {
        let key = traits(pod);
        if !space.subjects.contains_key(&key) {
            let shared = Shared {
                subject: Arc::new(Self::made_up(space, tiered, pod)),
                pods: Set::default(),
            };
            space.subjects.insert(key.clone(), shared);
        }
        if let Some(shared) = space.subjects.get_mut(&key) {
            shared.pods.insert(place(pod));
            self.0.insert(place(pod), shared.subject.clone());
        }
    }

    /// Removes a pod that was added.
    pub(super) fn remove(&mut self, space: &mut Space, pod: &Arc<Pod>) {
        self.0.remove(&place(pod));
        let key = traits(pod);
        let Some(shared) = space.subjects.get_mut(&key) else {
            return;
        };
        shared.pods.remove(&place(pod));
        if shared.pods.is_empty() {
            space.subjects.remove(&key);
        }
    }

    /// Makes the subjects of a namespace anew whose labels changed.
    pub(super) fn relabel(
        &mut self,
        namespace: &Arc<str>,
        space: &mut Space,
        tiered: &[Arc<TieredPolicy>],
    ) {
        let (labels, policies) = (space.labels.clone(), space.policies.clone());
        self.replace(space, |_, (own, ports)| {
            let identity = Identity::new(
                namespace.clone(),
                labels.clone(),
                own.clone(),
                ports.clone(),
            );
            Some(Subject::new(Arc::new(identity), &policies, tiered))
        });
    }

    /// Makes the subjects of a namespace anew that a policy selects, before or after its change.
    pub(super) fn reselect(
        &mut self,
        space: &mut Space,
        tiered: &[Arc<TieredPolicy>],
        changed: &[&NetworkPolicy],
    ) {
        let selects = |labels: &Labels| {
            let mut changed = changed.iter();
            changed.any(|policy| policy.subjects.matches(labels))
        };
        let policies = space.policies.clone();
        self.replace(space, |subject, (labels, _)| {
            selects(labels).then(|| Subject::new(subject.identity.clone(), &policies, tiered))
        });
    }

    /// Makes the subjects of a namespace anew that a tiered policy selects, before or after its change.
    pub(super) fn reselect_tiered(
        &mut self,
        space: &mut Space,
        tiered: &[Arc<TieredPolicy>],
        changed: &[&TieredPolicy],
    ) {
        let policies = space.policies.clone();
        self.replace(space, |subject, _| {
            let mut changed = changed.iter();
            let is_selected = changed.any(|policy| selects(policy, &subject.identity));
            is_selected.then(|| Subject::new(subject.identity.clone(), &policies, tiered))
        });
    }

    /// Puts new subjects in the place of those for which there is one.
    fn replace(&mut self, space: &mut Space, new: impl Fn(&Subject, &Traits) -> Option<Subject>) {
        let changed: Vec<(Traits, Arc<Subject>)> = space
            .subjects
            .iter()
            .filter_map(|(traits, shared)| {
                Some((traits.clone(), Arc::new(new(&shared.subject, traits)?)))
            })
            .collect();
        for (traits, subject) in changed {
            let Some(shared) = space.subjects.get_mut(&traits) else {
                continue;
            };
            for place in &shared.pods {
                self.0.insert(*place, subject.clone());
            }
            shared.subject = subject;
        }
    }
}
