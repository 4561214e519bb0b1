//! The inventory as of one moment. Never changed once made; the next one shares what no change touches. What is asked of
//! it stands in `lookup`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netpol_policy::dialect::Dialect;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::{Object, Pod, TieredPolicy, Workload};
use netpol_policy::verdict::PolicyKind;

use super::address::AddressHistory;
use super::change::{Change, ObjectKey};
use super::change_times::ChangeTimes;
use super::report::Report;
use super::{Map, policy_kind};

mod lookup;

pub(crate) use lookup::API_SERVER;

/// Everything the pipeline asks of the inventory.
#[derive(Clone)]
pub struct Snapshot {
    generation: u64,
    changed: SystemTime,
    inventory: Inventory,
    addresses: AddressHistory,
    /// What runs the pods of controllers, where they do not tell that themselves; by the controller.
    runs: Map<ObjectKey, Workload>,
    times: ChangeTimes,
    report: Arc<Report>,
    sizes: Sizes,
}

/// How many objects of each kind there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Finished ones too.
    pub pods: u32,
    /// Services.
    pub services: u32,
    /// Nodes.
    pub nodes: u32,
    /// Policies that are evaluated; kinds without any may be left out.
    pub policies: BTreeMap<PolicyKind, u32>,
}

impl Sizes {
    /// How many policies of a kind there are.
    #[must_use]
    pub fn policies_of(&self, kind: PolicyKind) -> u32 {
        self.policies.get(&kind).copied().unwrap_or_default()
    }

    fn of(&mut self, kind: &str) -> Option<&mut u32> {
        match kind {
            "Pod" => Some(&mut self.pods),
            "Service" => Some(&mut self.services),
            "Node" => Some(&mut self.nodes),
            kind => Some(self.policies.entry(policy_kind(kind)?).or_default()),
        }
    }
}

/// One object as an inventory holds it, as far as a change of it matters here.
enum Held {
    Nothing,
    Pod(Arc<Pod>),
    Tiered(Arc<TieredPolicy>),
    Other,
}

impl Held {
    fn of(inventory: &Inventory, key: &ObjectKey) -> Self {
        let ObjectKey {
            kind,
            namespace,
            name,
        } = key;
        let is_there = match (&**kind, policy_kind(kind)) {
            ("Pod", _) => {
                let pod = inventory.pod(namespace, name).cloned();
                return pod.map_or(Self::Nothing, Self::Pod);
            }
            ("Service", _) => inventory.service(namespace, name).is_some(),
            ("Node", _) => inventory.node(name).is_some(),
            (_, Some(PolicyKind::NetworkPolicy)) => inventory
                .policies(namespace)
                .binary_search_by(|policy| policy.reference.name.cmp(name))
                .is_ok(),
            (_, Some(kind)) => {
                let is_it = |policy: &&Arc<TieredPolicy>| {
                    policy.reference.kind == kind && policy.reference.name == *name
                };
                let policy = inventory.tiered_policies().find(is_it).cloned();
                return policy.map_or(Self::Nothing, Self::Tiered);
            }
            _ => false,
        };
        if is_there { Self::Other } else { Self::Nothing }
    }

    fn pod(&self) -> Option<&Arc<Pod>> {
        match self {
            Self::Pod(pod) => Some(pod),
            _ => None,
        }
    }
}

impl Default for Snapshot {
    /// Nothing is known yet.
    fn default() -> Self {
        Self::empty(Dialect::default())
    }
}

impl Snapshot {
    /// Nothing is known yet; policies will be read in this dialect.
    #[must_use]
    pub fn empty(dialect: Dialect) -> Self {
        Self {
            generation: 0,
            changed: UNIX_EPOCH,
            inventory: Inventory::default().with_dialect(dialect),
            addresses: AddressHistory::default(),
            runs: Map::default(),
            times: ChangeTimes::default(),
            report: Arc::default(),
            sizes: Sizes::default(),
        }
    }

    /// The same, with former holders of addresses remembered for this time. To be said before there are any.
    #[must_use]
    pub fn remembering(self, time: Duration) -> Self {
        Self {
            addresses: AddressHistory::remembering(time),
            ..self
        }
    }

    /// The snapshot that follows this one, after these changes in their order. The objects of the first one count as old:
    /// what was there before anybody looked did not change.
    #[must_use]
    pub fn next(&self, mut changes: Vec<Change>, report: Report, now: SystemTime) -> Self {
        let mut next = Self {
            generation: self.generation + 1,
            changed: now,
            report: Arc::new(report),
            ..self.clone()
        };
        if self.generation == 0 {
            // There is nothing yet that one of them could undo, and much that need not be looked at twice.
            changes.sort_by_key(Change::rank);
        }
        for change in changes {
            next.take_in(change, now);
        }
        next.addresses.settle(now);
        next
    }

    fn take_in(&mut self, change: Change, now: SystemTime) {
        let key = change.key();
        let before = Held::of(&self.inventory, &key);
        let is_gone = matches!(change, Change::Remove(_));
        match change {
            Change::Apply(object) => self.inventory.apply(object),
            Change::Runs(controller, workload) => {
                self.runs.insert(controller, workload);
            }
            Change::Remove(_) => {
                self.runs.remove(&key);
                self.inventory.remove(&key.kind, &key.namespace, &key.name);
            }
        }
        let after = Held::of(&self.inventory, &key);
        self.addresses.change(before.pod(), after.pod(), now);
        if let Some(size) = self.sizes.of(&key.kind) {
            match (&before, &after) {
                (Held::Nothing, Held::Nothing) => {}
                (Held::Nothing, _) => *size += 1,
                (_, Held::Nothing) => *size -= 1,
                _ => {}
            }
        }
        if self.generation > 1 {
            self.times.note(&key, is_gone, now);
            for held in [before, after] {
                if let Held::Tiered(policy) = held {
                    self.times.note_tiered(&policy, now);
                }
            }
        }
    }

    /// Whether a change makes a difference, as far as that can be told without keeping another copy of everything.
    pub(super) fn differs_by(&self, change: &Change) -> bool {
        let inventory = &self.inventory;
        match change {
            Change::Runs(controller, workload) => self.runs.get(controller) != Some(workload),
            Change::Remove(key) => match &*key.kind {
                // Which of these there are cannot be asked.
                "Namespace" | "EndpointSlice" => true,
                "ReplicaSet" | "Job" => self.runs.contains_key(key),
                _ => !matches!(Held::of(inventory, key), Held::Nothing),
            },
            Change::Apply(Object::Pod(pod)) => {
                let held = inventory.pod(&pod.namespace, &pod.name);
                held.is_none_or(|held| **held != *pod)
            }
            Change::Apply(Object::Node(node)) => inventory
                .node(&node.name)
                .is_none_or(|held| **held != *node),
            Change::Apply(Object::Service(service)) => {
                let held = inventory.service(&service.namespace, &service.name);
                held.is_none_or(|held| **held != *service)
            }
            Change::Apply(Object::NetworkPolicy(policy)) => {
                let held = inventory.policies(&policy.reference.namespace);
                !held.iter().any(|held| **held == *policy)
            }
            Change::Apply(Object::TieredPolicy(policy)) => {
                !inventory.tiered_policies().any(|held| **held == *policy)
            }
            Change::Apply(_) => true,
        }
    }

    /// Counts changes; 0 before the first inventory.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// When it was made.
    #[must_use]
    pub fn changed(&self) -> SystemTime {
        self.changed
    }

    /// The objects themselves.
    pub(crate) fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// What its source says beside its objects.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// How many objects of each kind there are.
    #[must_use]
    pub fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    /// How many namespaces there are: those described, and those that objects are in. Looks through all.
    #[must_use]
    pub fn namespaces(&self) -> usize {
        self.inventory.namespaces().len()
    }
}

#[cfg(test)]
mod tests;
