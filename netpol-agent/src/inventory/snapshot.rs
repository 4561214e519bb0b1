//! The inventory as of one moment. Never changed once made; the next one shares what no change touches.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netpol_policy::cache::VerdictCache;
use netpol_policy::connection::{Connection, End};
use netpol_policy::dialect::Dialect;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::{Node, Object, Pod, Protocol, Service, TieredPolicy, Workload};
use netpol_policy::verdict::{PolicyKind, PolicyRef, TierOutcome, Verdict};

use super::address::AddressHistory;
use super::change::{Change, ObjectKey};
use super::change_times::ChangeTimes;
use super::report::Report;
use super::unread::undecided;
use super::{Map, policy_kind};
use crate::flow::Computed;

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

    /// The pod that had an address at a time.
    #[must_use]
    pub fn pod_at(&self, address: IpAddr, at: SystemTime) -> Option<&Arc<Pod>> {
        self.addresses.holder(address, at)
    }

    /// Whether an address is some live pod's own.
    #[must_use]
    pub fn is_pod_address(&self, address: IpAddr) -> bool {
        self.addresses.is_held(address)
    }

    /// A pod by name.
    #[must_use]
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<&Arc<Pod>> {
        self.inventory.pod(namespace, name)
    }

    /// What runs a pod: the Deployment behind its ReplicaSet, the CronJob behind its Job, else its controller.
    #[must_use]
    pub fn workload_of<'a>(&'a self, pod: &'a Pod) -> Option<&'a Workload> {
        let known = pod.controller.as_ref().filter(|_| !self.runs.is_empty());
        let known = known.and_then(|controller| {
            self.runs.get(&ObjectKey {
                kind: controller.kind.clone(),
                namespace: pod.namespace.clone(),
                name: controller.name.clone(),
            })
        });
        known.or(pod.workload.as_ref())
    }

    /// The node that has an address.
    #[must_use]
    pub fn node_at(&self, address: IpAddr) -> Option<&Arc<Node>> {
        self.inventory.node_at(address)
    }

    /// The node of a name.
    #[must_use]
    pub fn node_named(&self, name: &str) -> Option<&Arc<Node>> {
        self.inventory.node(name)
    }

    /// The Service that has an address.
    #[must_use]
    pub fn service_at(&self, address: IpAddr) -> Option<&Arc<Service>> {
        self.inventory.service_at(address)
    }

    /// Whether it is known who had an address at a time.
    #[must_use]
    pub fn knows(&self, address: IpAddr, at: SystemTime) -> bool {
        self.pod_at(address, at).is_some()
            || self.node_at(address).is_some()
            || self.service_at(address).is_some()
    }

    /// Whether an address lies in the cluster's ranges.
    #[must_use]
    pub fn is_cluster_address(&self, address: IpAddr) -> bool {
        self.inventory.is_pod_address(address)
    }

    /// Whether a Service's port has no ready endpoint. Where the inventory holds no slice of that Service at all, that is
    /// not known.
    #[must_use]
    pub fn lacks_endpoints(&self, address: IpAddr, protocol: u8, port: u16) -> bool {
        let Some(service) = self.service_at(address) else {
            return false;
        };
        let protocol = Protocol::from_ip_number(protocol);
        let mut ports = service.ports.iter();
        ports.any(|one| one.protocol == protocol && one.port == port)
            && !self.inventory.endpoint_slices(service).is_empty()
            && !self.inventory.has_ready_endpoints(service, port, protocol)
    }

    /// What policies say of a connection whose first packet was seen at `at`, and whether something that bears on it
    /// changed at most `grace` before.
    #[must_use]
    pub fn compute(
        &self,
        connection: &Connection,
        at: SystemTime,
        grace: Duration,
        cache: &VerdictCache,
    ) -> Computed {
        let mut verdict = cache.evaluate(&self.inventory, connection);
        if !self.report.unread.is_empty() {
            verdict = Arc::new(undecided(&verdict));
        }
        let pods = [&connection.source, &connection.destination]
            .into_iter()
            .filter_map(|end| match end {
                End::Pod { pod, .. } => Some(pod),
                _ => None,
            });
        let changed = pods
            .filter_map(|pod| self.times.bearing_on(pod, &self.inventory, at))
            .filter_map(|time| at.duration_since(time).ok())
            .min()
            .filter(|age| *age <= grace);
        let policy_ages = named_policies(&verdict)
            .into_iter()
            .filter_map(|policy| {
                let time = self.times.of_policy(policy)?;
                Some((policy.clone(), at.duration_since(time).ok()?))
            })
            .collect();
        Computed {
            generation: self.generation,
            not_evaluated: self.report.policies_not_evaluated(),
            changed_before: changed,
            policy_ages,
            verdict,
        }
    }
}

/// Every policy that a verdict names, once.
fn named_policies(verdict: &Verdict) -> BTreeSet<&PolicyRef> {
    let mut named = BTreeSet::new();
    for direction in [&verdict.egress, &verdict.ingress] {
        named.extend(direction.allowed_by.iter().map(|rule| &rule.policy));
        named.extend(direction.denied_by.iter().map(|denial| &denial.policy));
        for step in &direction.path {
            if let TierOutcome::Passed(rules) = &step.outcome {
                named.extend(rules.iter().map(|rule| &rule.policy));
            }
        }
    }
    named
}

#[cfg(test)]
mod tests;
