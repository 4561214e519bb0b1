//! When policies, namespaces and pods last changed: enforcement lags behind what the inventory says.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use imbl::Vector;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::{NamespacedPods, Pod, TieredPolicy};
use netpol_policy::verdict::{PolicyKind, PolicyRef};

use super::change::ObjectKey;
use super::{Map, policy_kind};

/// No setting of the grace window is longer, so older changes of policies need not be told apart.
pub const LONGEST_GRACE: Duration = Duration::from_secs(600);

/// Times of the last change, for objects that changed since the first inventory.
#[derive(Clone, Default)]
pub(crate) struct ChangeTimes {
    /// By namespace and name.
    pods: Map<(Arc<str>, Arc<str>), SystemTime>,
    namespaces: Map<Arc<str>, SystemTime>,
    policies: Map<(PolicyKind, Arc<str>, Arc<str>), SystemTime>,
    /// When NetworkPolicies of a namespace came, changed or went lately; oldest first.
    isolation: Map<Arc<str>, Vec<SystemTime>>,
    /// Which pods the tiered policies selected that came, changed or went lately; oldest first.
    tiered: Vector<(SystemTime, NamespacedPods)>,
}

impl ChangeTimes {
    /// Notes that an object came or differs now, or is gone.
    pub(super) fn note(&mut self, key: &ObjectKey, is_gone: bool, now: SystemTime) {
        match &*key.kind {
            "Pod" => {
                let pod = (key.namespace.clone(), key.name.clone());
                set(&mut self.pods, pod, is_gone, now);
            }
            "Namespace" => {
                set(&mut self.namespaces, key.name.clone(), is_gone, now);
                if is_gone {
                    // Nothing is in it any more that the policies of former times could bear on.
                    self.isolation.remove(&key.name);
                }
            }
            kind => {
                let Some(kind) = policy_kind(kind) else {
                    return;
                };
                let policy = (kind, key.namespace.clone(), key.name.clone());
                set(&mut self.policies, policy, is_gone, now);
                if kind == PolicyKind::NetworkPolicy {
                    let times = self.isolation.entry(key.namespace.clone()).or_default();
                    times.retain(|time| *time + LONGEST_GRACE > now && *time != now);
                    times.push(now);
                }
            }
        }
    }

    /// Notes whom a tiered policy selected before it changed, or selects since.
    pub(super) fn note_tiered(&mut self, policy: &TieredPolicy, now: SystemTime) {
        while let Some((time, _)) = self.tiered.front()
            && *time + LONGEST_GRACE <= now
        {
            self.tiered.pop_front();
        }
        self.tiered.push_back((now, policy.subjects.clone()));
    }

    /// The last change of a policy; `None` where it is as it was at the start.
    pub(crate) fn of_policy(&self, policy: &PolicyRef) -> Option<SystemTime> {
        let key = (policy.kind, policy.namespace.clone(), policy.name.clone());
        self.policies.get(&key).copied()
    }

    /// The last change before `at` that bears on a pod: itself, its namespace, the NetworkPolicies there, or a tiered policy
    /// that selects it.
    pub(crate) fn bearing_on(
        &self,
        pod: &Pod,
        inventory: &Inventory,
        at: SystemTime,
    ) -> Option<SystemTime> {
        let own = (pod.namespace.clone(), pod.name.clone());
        let own = self.pods.get(&own).copied();
        let namespace = self.namespaces.get(&pod.namespace).copied();
        let isolation = self.isolation.get(&pod.namespace).into_iter().flatten();
        [own, namespace, self.tiered_bearing_on(pod, inventory, at)]
            .into_iter()
            .flatten()
            .chain(isolation.copied())
            .filter(|time| *time <= at)
            .max()
    }

    fn tiered_bearing_on(
        &self,
        pod: &Pod,
        inventory: &Inventory,
        at: SystemTime,
    ) -> Option<SystemTime> {
        if self.tiered.is_empty() {
            return None;
        }
        let labels = inventory.namespace_labels(&pod.namespace);
        let last = self.tiered.iter().rev().find(|(time, subjects)| {
            *time <= at
                && subjects.namespaces.matches(&labels)
                && subjects.pods.matches(&pod.labels)
        });
        last.map(|(time, _)| *time)
    }
}

fn set<K: Clone + Eq + std::hash::Hash>(
    times: &mut Map<K, SystemTime>,
    key: K,
    is_gone: bool,
    now: SystemTime,
) {
    if is_gone {
        times.remove(&key);
    } else {
        times.insert(key, now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use netpol_policy::manifest;
    use netpol_policy::model::Object;

    use super::*;
    use crate::testing::pod;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
        ObjectKey {
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    #[test]
    fn a_pod_its_namespace_and_the_policies_there_bear_on_it() {
        let inventory = Inventory::default();
        let web = pod("prod", "web");
        for change in [
            key("Pod", "prod", "web"),
            key("Namespace", "", "prod"),
            key("NetworkPolicy", "prod", "db"),
        ] {
            let mut times = ChangeTimes::default();
            times.note(&change, false, at(100));
            let bearing = |pod, seconds| times.bearing_on(pod, &inventory, at(seconds));
            assert_eq!(bearing(&web, 200), Some(at(100)), "{change}");
            assert_eq!(bearing(&web, 99), None, "{change}: a later change");
            assert_eq!(bearing(&pod("ci", "build"), 200), None, "{change}");
        }
    }

    #[test]
    fn a_policy_that_went_still_bears_and_a_later_change_does_not_hide_an_earlier_one() {
        let mut times = ChangeTimes::default();
        times.note(&key("NetworkPolicy", "prod", "db"), true, at(100));
        times.note(&key("NetworkPolicy", "prod", "api"), false, at(110));
        let bearing =
            |seconds| times.bearing_on(&pod("prod", "web"), &Inventory::default(), at(seconds));
        assert_eq!(bearing(105), Some(at(100)));
        assert_eq!(bearing(115), Some(at(110)));
    }

    #[test]
    fn a_tiered_policy_bears_on_the_pods_that_it_selects() {
        let text = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\n\
                    metadata: {name: isolate}\nspec:\n  tier: Admin\n  priority: 1\n  \
                    subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: prod}}}\n";
        let read = manifest::parse(text);
        let [Object::TieredPolicy(policy)] = read.objects.as_slice() else {
            panic!("{:?}", read.errors);
        };
        let mut times = ChangeTimes::default();
        times.note(&key("ClusterNetworkPolicy", "", "isolate"), false, at(100));
        times.note_tiered(policy, at(100));
        let inventory = Inventory::default();
        let bearing = |pod: &Pod| times.bearing_on(pod, &inventory, at(101));
        assert_eq!(bearing(&pod("prod", "web")), Some(at(100)));
        assert_eq!(bearing(&pod("ci", "build")), None);
        assert_eq!(times.of_policy(&policy.reference), Some(at(100)));
        times.note_tiered(policy, at(100) + LONGEST_GRACE);
        assert_eq!(times.tiered.len(), 1, "what no window reaches is forgotten");
    }
}
