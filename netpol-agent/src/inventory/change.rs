//! When policies, namespaces and pods last changed: enforcement lags behind what the inventory says.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::model::Object;

type Key = (Arc<str>, Arc<str>, Arc<str>);

/// Times of the last change, for objects that changed since the first inventory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    times: HashMap<Key, SystemTime>,
    deleted_policies: HashMap<Arc<str>, SystemTime>,
}

impl Changes {
    /// Notes every difference between two sets of objects, as of `now`.
    pub(crate) fn advance(&mut self, before: &[Object], after: &[Object], now: SystemTime) {
        let index = |objects: &[Object]| -> HashMap<Key, usize> {
            objects
                .iter()
                .enumerate()
                .map(|(place, object)| (key(object), place))
                .collect()
        };
        let (old, new) = (index(before), index(after));
        for (key, place) in &new {
            let same = old
                .get(key)
                .is_some_and(|known| before[*known] == after[*place]);
            if !same {
                self.times.insert(key.clone(), now);
            }
        }
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            self.times.remove(key);
            if *key.0 == *"NetworkPolicy" {
                self.deleted_policies.insert(key.1.clone(), now);
            }
        }
    }

    /// The last change of one object; `None` where it is as it was at the start.
    pub(crate) fn of(&self, kind: &str, namespace: &str, name: &str) -> Option<SystemTime> {
        self.times
            .get(&(kind.into(), namespace.into(), name.into()))
            .copied()
    }

    /// The last change before `at` that bears on a pod: itself, its namespace, or the policies there.
    pub(crate) fn bearing_on(
        &self,
        namespace: &str,
        pod: &str,
        at: SystemTime,
    ) -> Option<SystemTime> {
        let policies = self
            .times
            .iter()
            .filter(|((kind, within, _), _)| **kind == *"NetworkPolicy" && **within == *namespace)
            .map(|(_, time)| *time);
        let own = [
            self.of("Pod", namespace, pod),
            self.of("Namespace", "", namespace),
        ];
        policies
            .chain(own.into_iter().flatten())
            .chain(self.deleted_policies.get(namespace).copied())
            .filter(|time| *time <= at)
            .max()
    }
}

fn key(object: &Object) -> Key {
    let (namespace, name) = object.key();
    (object.kind().into(), namespace.into(), name.into())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use netpol_policy::model::Pod;

    use super::*;
    use crate::testing::pod;

    #[test]
    fn only_what_differs_counts_as_changed() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let build = Object::Pod(Pod::clone(&pod("ci", "build")));
        let web = Object::Pod(Pod::clone(&pod("prod", "web")));
        let mut moved = Pod::clone(&pod("prod", "web"));
        moved.host_network = true;
        let mut changes = Changes::default();
        changes.advance(&[build.clone(), web], &[build, Object::Pod(moved)], at(100));
        assert_eq!(changes.bearing_on("ci", "build", at(200)), None);
        assert_eq!(changes.bearing_on("prod", "web", at(200)), Some(at(100)));
        assert_eq!(
            changes.bearing_on("prod", "web", at(99)),
            None,
            "a later change"
        );
    }
}
