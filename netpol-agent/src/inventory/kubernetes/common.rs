//! What many pods have in common is kept once: the labels of replicas, names of namespaces, nodes and owners.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::RandomState;
use netpol_policy::model::{Labels, Object, Pod};

use super::delivered::{Content, Delivered};

/// Below so many it is not worth looking for what nobody holds any more.
const FEW: usize = 1024;

/// What is held by pods, each once.
#[derive(Debug, Default)]
pub(super) struct Common {
    labels: Kept<Labels>,
    texts: Kept<Arc<str>>,
}

impl Common {
    /// Lets an object that was delivered hold what others hold already.
    pub(super) fn share(&mut self, delivered: &mut Delivered) {
        if let Ok(Content::Object(Object::Pod(pod))) = &mut delivered.outcome {
            self.share_pod(pod);
            let key = &mut delivered.key;
            self.texts.share(&mut key.kind);
            key.namespace = pod.namespace.clone();
            key.name = pod.name.clone();
        }
    }

    fn share_pod(&mut self, pod: &mut Pod) {
        self.labels.share(&mut pod.labels);
        self.texts.share(&mut pod.namespace);
        let owners = pod.controller.iter_mut().chain(&mut pod.workload);
        let owners = owners.flat_map(|owner| [&mut owner.kind, &mut owner.name]);
        let ports = pod.ports.iter_mut().map(|port| &mut port.name);
        for text in owners.chain(ports).chain(&mut pod.node) {
            self.texts.share(text);
        }
    }
}

/// Values that are cheap to clone and equal to no other of these.
#[derive(Debug)]
struct Kept<T> {
    values: HashSet<T, RandomState>,
    /// At this size it is looked for those that nobody holds.
    look_at: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            values: HashSet::default(),
            look_at: FEW,
        }
    }
}

impl<T: Clone + Eq + Hash + Held> Kept<T> {
    /// Replaces a value by its equal, if there is one.
    fn share(&mut self, value: &mut T) {
        if let Some(known) = self.values.get(value) {
            *value = known.clone();
            return;
        }
        if self.values.len() >= self.look_at {
            self.values.retain(Held::is_held);
            self.values.shrink_to_fit();
            self.look_at = (self.values.len() * 2).max(FEW);
        }
        self.values.insert(value.clone());
    }
}

/// Something whose clones are known.
trait Held {
    /// Whether there is a clone.
    fn is_held(&self) -> bool;
}

impl Held for Labels {
    fn is_held(&self) -> bool {
        self.is_shared()
    }
}

impl Held for Arc<str> {
    fn is_held(&self) -> bool {
        Arc::strong_count(self) > 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;

    fn replica(number: usize, app: &str) -> Pod {
        let mut replica = Pod::clone(&pod("shop", &format!("{app}-{number}")));
        replica.labels = [("app", app)].into_iter().collect();
        replica.node = Some("worker".into());
        replica
    }

    #[test]
    fn replicas_hold_the_same() {
        let mut common = Common::default();
        let [mut one, mut other] = [1, 2].map(|number| replica(number, "web"));
        for pod in [&mut one, &mut other] {
            let before = pod.clone();
            common.share_pod(pod);
            assert_eq!(*pod, before);
        }
        assert!(Arc::ptr_eq(&one.namespace, &other.namespace));
        let nodes = (one.node.unwrap(), other.node.unwrap());
        assert!(Arc::ptr_eq(&nodes.0, &nodes.1));
        assert_eq!(common.labels.values.len(), 1);
    }

    #[test]
    fn what_nobody_holds_is_let_go() {
        let mut common = Common::default();
        let mut held = replica(0, "held");
        common.share_pod(&mut held);
        for number in 0..20_000 {
            common.share_pod(&mut replica(number, &format!("app-{number}")));
        }
        assert!(common.labels.values.len() <= FEW + 1);
        assert!(common.labels.values.contains(&held.labels));
    }
}
