//! The inventory as of one moment. Never changed once made; the next one replaces it whole.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::model::{Cidr, EndpointSlice, Node, Object, Pod, Protocol, Service};
use netpol_policy::verdict::{PolicyRef, Verdict};

use super::address::AddressHistory;
use super::change::Changes;
use super::files::FileError;
use crate::flow::Computed;

/// Everything the pipeline asks of the inventory.
pub struct Snapshot {
    generation: u64,
    changed: SystemTime,
    inventory: Inventory,
    objects: Vec<Object>,
    pods: HashMap<(Arc<str>, Arc<str>), Arc<Pod>>,
    nodes: HashMap<IpAddr, Arc<Node>>,
    services: HashMap<IpAddr, Arc<Service>>,
    /// By namespace and name of their Service.
    slices: HashMap<(Arc<str>, Arc<str>), Vec<EndpointSlice>>,
    cluster: Vec<Cidr>,
    addresses: AddressHistory,
    changes: Changes,
    errors: Vec<FileError>,
    sizes: Sizes,
}

/// How many objects of each kind there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each says itself")]
pub struct Sizes {
    pub pods: u32,
    pub namespaces: u32,
    pub services: u32,
    pub nodes: u32,
    pub network_policies: u32,
}

impl Default for Snapshot {
    /// Nothing is known yet.
    fn default() -> Self {
        Self {
            generation: 0,
            changed: UNIX_EPOCH,
            inventory: Inventory::default(),
            objects: Vec::new(),
            pods: HashMap::new(),
            nodes: HashMap::new(),
            services: HashMap::new(),
            slices: HashMap::new(),
            cluster: Vec::new(),
            addresses: AddressHistory::default(),
            changes: Changes::default(),
            errors: Vec::new(),
            sizes: Sizes::default(),
        }
    }
}

impl Snapshot {
    /// The snapshot that follows this one.
    #[must_use]
    pub fn next(&self, objects: Vec<Object>, errors: Vec<FileError>, now: SystemTime) -> Self {
        let mut next = Self {
            generation: self.generation + 1,
            changed: now,
            inventory: Inventory::new(objects.iter().cloned()),
            addresses: self.addresses.clone(),
            changes: self.changes.clone(),
            errors,
            ..Self::default()
        };
        for object in &objects {
            next.index(object);
        }
        let live = next
            .pods
            .values()
            .filter(|pod| !pod.phase.is_finished() && !pod.host_network);
        let holders: Vec<_> = live
            .flat_map(|pod| pod.addresses.iter().map(|address| (*address, pod.clone())))
            .collect();
        next.addresses.advance(now, holders.into_iter());
        if self.generation > 0 {
            next.changes.advance(&self.objects, &objects, now);
        }
        next.objects = objects;
        next
    }

    fn index(&mut self, object: &Object) {
        match object {
            Object::Pod(pod) => {
                self.sizes.pods += 1;
                let key = (pod.namespace.clone(), pod.name.clone());
                self.pods.insert(key, Arc::new(pod.clone()));
            }
            Object::Namespace(_) => self.sizes.namespaces += 1,
            Object::Service(service) => {
                self.sizes.services += 1;
                let service = Arc::new(service.clone());
                for address in service
                    .cluster_addresses
                    .iter()
                    .chain(&service.external_addresses)
                {
                    self.services.insert(*address, service.clone());
                }
            }
            Object::Node(node) => {
                self.sizes.nodes += 1;
                let node = Arc::new(node.clone());
                for address in &node.addresses {
                    self.nodes.insert(*address, node.clone());
                }
                self.cluster.extend(node.pod_cidrs.iter().copied());
            }
            Object::EndpointSlice(slice) => {
                if let Some(service) = &slice.service {
                    let key = (slice.namespace.clone(), service.clone());
                    self.slices.entry(key).or_default().push(slice.clone());
                }
            }
            Object::NetworkPolicy(_) => self.sizes.network_policies += 1,
            _ => {}
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

    /// What cannot be used as it stands.
    #[must_use]
    pub fn errors(&self) -> &[FileError] {
        &self.errors
    }

    /// How many objects of each kind there are.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The pod that had an address at a time.
    #[must_use]
    pub fn pod_at(&self, address: IpAddr, at: SystemTime) -> Option<&Arc<Pod>> {
        self.addresses.holder(address, at)
    }

    /// A pod by name.
    #[must_use]
    pub fn pod_named(&self, namespace: &Arc<str>, name: &Arc<str>) -> Option<&Arc<Pod>> {
        self.pods.get(&(namespace.clone(), name.clone()))
    }

    /// The node that has an address.
    #[must_use]
    pub fn node_at(&self, address: IpAddr) -> Option<&Arc<Node>> {
        self.nodes.get(&address)
    }

    /// The node of a name.
    #[must_use]
    pub fn node_named(&self, name: &str) -> Option<&Arc<Node>> {
        self.nodes.values().find(|node| &*node.name == name)
    }

    /// Every address of every node.
    pub fn node_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.nodes.keys().copied()
    }

    /// Every address of every live pod that has its own.
    pub fn pod_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let pods = self
            .pods
            .values()
            .filter(|pod| !pod.phase.is_finished() && !pod.host_network);
        pods.flat_map(|pod| pod.addresses.iter().copied())
    }

    /// The Service that has an address.
    #[must_use]
    pub fn service_at(&self, address: IpAddr) -> Option<&Arc<Service>> {
        self.services.get(&address)
    }

    /// Whether an address lies in the cluster's ranges.
    #[must_use]
    pub fn is_cluster_address(&self, address: IpAddr) -> bool {
        self.cluster.iter().any(|block| block.contains(address))
    }

    /// Whether a Service's port has no ready endpoint. Where the inventory holds no slice of that Service at all, that is
    /// not known.
    #[must_use]
    pub fn lacks_endpoints(&self, address: IpAddr, protocol: u8, port: u16) -> bool {
        let Some(service) = self.service_at(address) else {
            return false;
        };
        let protocol = Protocol::from_ip_number(protocol);
        let known = service
            .ports
            .iter()
            .find(|one| one.protocol == protocol && one.port == port);
        let Some(wanted) = known else { return false };
        let key = (service.namespace.clone(), service.name.clone());
        self.slices.get(&key).is_some_and(|slices| {
            !slices.iter().any(|slice| {
                let named = slice.ports.iter().any(|one| one.name == wanted.name);
                named && slice.endpoints.iter().any(|endpoint| endpoint.ready)
            })
        })
    }

    /// What policies say of a connection whose first packet was seen at `at`, and whether something that bears on it
    /// changed at most `grace` before.
    #[must_use]
    pub fn compute(&self, connection: &Connection, at: SystemTime, grace: Duration) -> Computed {
        let verdict = evaluate(&self.inventory, connection);
        let pods = [&connection.source, &connection.destination]
            .into_iter()
            .filter_map(|end| match end {
                End::Pod { pod, .. } => Some(pod),
                _ => None,
            });
        let changed = pods
            .filter_map(|pod| self.changes.bearing_on(&pod.namespace, &pod.name, at))
            .filter_map(|time| at.duration_since(time).ok())
            .min()
            .filter(|age| *age <= grace);
        let policy_ages = named_policies(&verdict)
            .into_iter()
            .filter_map(|policy| {
                let time = self
                    .changes
                    .of("NetworkPolicy", &policy.namespace, &policy.name)?;
                Some((policy.clone(), at.duration_since(time).ok()?))
            })
            .collect();
        Computed {
            generation: self.generation,
            changed_before: changed,
            policy_ages,
            verdict,
        }
    }
}

/// Every policy that a verdict names, once.
fn named_policies(verdict: &Verdict) -> BTreeSet<&PolicyRef> {
    [&verdict.egress, &verdict.ingress]
        .into_iter()
        .flat_map(|direction| {
            let allowing = direction.allowed_by.iter().map(|rule| &rule.policy);
            allowing.chain(direction.denied_by.iter().map(|denial| &denial.policy))
        })
        .collect()
}
