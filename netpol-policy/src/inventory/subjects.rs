//! Subjects, shared by the pods that no policy can tell apart.

use std::sync::Arc;

use super::Map;
use super::identity::{Identity, Subject, selects};
use super::space::{Space, Traits};
use crate::model::{Labels, NetworkPolicy, Pod, TieredPolicy};

/// Every subject, and which pod is which.
#[derive(Clone, Debug, Default)]
pub(super) struct Subjects {
    slots: Map<u32, Slot>,
    /// By the address in memory of a pod that the inventory holds, and so keeps at that address.
    by_pod: Map<usize, u32>,
    next: u32,
}

#[derive(Clone, Debug)]
struct Slot {
    subject: Arc<Subject>,
    pods: u32,
}

fn place(pod: &Arc<Pod>) -> usize {
    Arc::as_ptr(pod) as usize
}

fn traits(pod: &Pod) -> Traits {
    (pod.labels.clone(), pod.ports.as_slice().into())
}

impl Subjects {
    /// The subject of a pod that was added.
    pub(super) fn of(&self, pod: &Arc<Pod>) -> Option<&Arc<Subject>> {
        let slot = self.by_pod.get(&place(pod))?;
        Some(&self.slots.get(slot)?.subject)
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
        let slot = match space.subjects.get(&key) {
            Some(slot) => *slot,
            None => {
                let slot = self.next;
                self.next = self.next.wrapping_add(1);
                let subject = Arc::new(Self::made_up(space, tiered, pod));
                self.slots.insert(slot, Slot { subject, pods: 0 });
                space.subjects.insert(key, slot);
                slot
            }
        };
        if let Some(slot) = self.slots.get_mut(&slot) {
            slot.pods += 1;
        }
        self.by_pod.insert(place(pod), slot);
    }

    /// Removes a pod that was added.
    pub(super) fn remove(&mut self, space: &mut Space, pod: &Arc<Pod>) {
        let Some(number) = self.by_pod.remove(&place(pod)) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        slot.pods -= 1;
        if slot.pods == 0 {
            self.slots.remove(&number);
            space.subjects.remove(&traits(pod));
        }
    }

    /// Makes the subjects of a namespace anew whose labels changed.
    pub(super) fn relabel(
        &mut self,
        namespace: &Arc<str>,
        space: &Space,
        tiered: &[Arc<TieredPolicy>],
    ) {
        for ((labels, ports), number) in &space.subjects {
            let identity = Identity::new(
                namespace.clone(),
                space.labels.clone(),
                labels.clone(),
                ports.clone(),
            );
            let subject = Subject::new(Arc::new(identity), &space.policies, tiered);
            self.replace(*number, subject);
        }
    }

    /// Makes the subjects of a namespace anew that a policy selects, before or after its change.
    pub(super) fn reselect(
        &mut self,
        space: &Space,
        tiered: &[Arc<TieredPolicy>],
        changed: &[&NetworkPolicy],
    ) {
        let is_selected =
            |labels: &Labels| changed.iter().any(|policy| policy.subjects.matches(labels));
        for ((labels, _), number) in &space.subjects {
            if is_selected(labels)
                && let Some(slot) = self.slots.get(number)
            {
                let identity = slot.subject.identity.clone();
                self.replace(*number, Subject::new(identity, &space.policies, tiered));
            }
        }
    }

    /// Makes all subjects anew that a tiered policy selects, before or after its change.
    pub(super) fn reselect_tiered(
        &mut self,
        spaces: &Map<Arc<str>, Space>,
        tiered: &[Arc<TieredPolicy>],
        changed: &[&TieredPolicy],
    ) {
        for (_, space) in spaces {
            for number in space.subjects.values() {
                let Some(slot) = self.slots.get(number) else {
                    continue;
                };
                let identity = slot.subject.identity.clone();
                if changed.iter().any(|policy| selects(policy, &identity)) {
                    self.replace(*number, Subject::new(identity, &space.policies, tiered));
                }
            }
        }
    }

    fn replace(&mut self, number: u32, subject: Subject) {
        if let Some(slot) = self.slots.get_mut(&number) {
            slot.subject = Arc::new(subject);
        }
    }
}
