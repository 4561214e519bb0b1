//! What is asked of a snapshot.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::cache::VerdictCache;
use netpol_policy::connection::{Connection, End};
use netpol_policy::inventory::Dialled;
use netpol_policy::model::{Node, Pod, Protocol, Service, Workload};
use netpol_policy::verdict::{PolicyRef, TierOutcome, Verdict};

use super::Snapshot;
use crate::flow::Computed;
use crate::inventory::change::ObjectKey;
use crate::inventory::unread::undecided;

/// Namespace and name of the Service by which pods reach the API server. It makes its EndpointSlice itself.
pub(crate) const API_SERVER: (&str, &str) = ("default", "kubernetes");

impl Snapshot {
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

    /// The Service that somebody reaches at an address and port. `is_node`: the address is a node's own.
    #[must_use]
    pub fn dialled(
        &self,
        (address, port): (IpAddr, u16),
        protocol: Protocol,
        is_node: bool,
    ) -> Option<Dialled<'_>> {
        self.inventory.dialled(address, protocol, port, is_node)
    }

    /// Whether the API server listens there, by the endpoints that it publishes of itself.
    #[must_use]
    pub fn is_api_server(&self, address: IpAddr, port: u16) -> bool {
        let (namespace, name) = API_SERVER;
        let Some(service) = self.inventory.service(namespace, name) else {
            return false;
        };
        let mut slices = self.inventory.endpoint_slices(service).iter();
        slices.any(|slice| {
            let mut backends = slice.endpoints.iter();
            let mut ports = slice.ports.iter();
            backends.any(|backend| backend.addresses.contains(&address))
                && ports.any(|one| one.port.is_none_or(|one| one == port))
        })
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

    /// Whether what was dialled has no ready endpoint. Where the inventory holds no slice of that Service at all, that is not
    /// known.
    #[must_use]
    pub fn lacks_endpoints(&self, dialled: Dialled<'_>) -> bool {
        let Dialled { service, port } = dialled;
        let inventory = &self.inventory;
        port.is_some_and(|port| {
            !inventory.endpoint_slices(service).is_empty()
                && !inventory.has_ready_endpoints(service, port.port, port.protocol)
        })
    }

    /// Whether anything that bears on any of these pods changed after one moment and not after another.
    #[must_use]
    pub(crate) fn changed_between<'p>(
        &self,
        pods: impl IntoIterator<Item = &'p Arc<Pod>>,
        after: SystemTime,
        until: SystemTime,
    ) -> bool {
        let mut changes = pods
            .into_iter()
            .filter_map(|pod| self.times.bearing_on(pod, &self.inventory, until));
        changes.any(|time| time > after)
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
