//! What exists: cheap to copy as a snapshot, cheap to change.
//!
//! ```text
//!   namespace ─► Space: labels, pods, services, policies
//!                         │
//!   pod ─► identity (namespace, labels, ports) ─► Subject: the policies that select it
//!   address ─► pods, nodes, services      policies' CIDRs ─► prefix trie
//! ```
//!
//! Pods with equal labels and named ports in a namespace share a subject, so that a change of a pod costs a few map
//! entries, and a change of a policy costs the subjects that it selects.

mod blocks;
mod change;
mod claims;
mod dialled;
mod identity;
mod lookup;
mod space;
mod subjects;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use imbl::shared_ptr::DefaultSharedPtr;
use imbl::{GenericHashMap, GenericHashSet};
use ipnet::IpNet;

use self::blocks::{PodBlocks, PolicyBlocks};
use self::claims::Claims;
pub use self::dialled::Dialled;
use self::identity::next_number;
pub(crate) use self::identity::{Identity, Subject};
use self::space::Space;
use self::subjects::Subjects;
use crate::dialect::Dialect;
use crate::model::{Cidr, Node, Object, Pod, Protocol, Service, TieredPolicy};

/// The label that the API server sets on every namespace (rule 11).
pub const NAMESPACE_NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// A map whose copy is one pointer, and that shares with its copies what neither changes.
type Map<K, V> = GenericHashMap<K, V, foldhash::fast::RandomState, DefaultSharedPtr>;

/// As [`Map`].
type Set<T> = GenericHashSet<T, foldhash::fast::RandomState, DefaultSharedPtr>;

/// Objects by the keys that evaluation asks for. A clone is a snapshot that costs some pointers: later changes of the
/// original do not show in it.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    spaces: Map<Arc<str>, Space>,
    subjects: Subjects,
    /// Live pods with addresses of their own.
    pod_addresses: Claims<Pod>,
    nodes: Map<Arc<str>, Arc<Node>>,
    node_addresses: Claims<Node>,
    service_addresses: Claims<Service>,
    /// By the port on every node.
    node_ports: Map<(Protocol, u16), Arc<Service>>,
    pod_blocks: PodBlocks,
    policy_blocks: PolicyBlocks,
    /// In order of tier, priority and name; those without a priority last in their tier.
    tiered: Arc<Vec<Arc<TieredPolicy>>>,
    dialect: Dialect,
    names: Map<IpAddr, Arc<[Arc<str>]>>,
    pod_ranges: Arc<[Cidr]>,
    /// The same addresses in as few blocks as can be: nodes have ranges one after the other.
    pod_span: Arc<[Cidr]>,
    /// Another for each way of reading the same objects.
    reading: u64,
}

impl Inventory {
    /// From objects in any order. Of objects with the same kind, namespace and name the last one counts.
    #[must_use]
    pub fn new(objects: impl IntoIterator<Item = Object>) -> Self {
        let mut objects: Vec<Object> = objects.into_iter().collect();
        // What decides about pods goes before them, so that no pod is looked at twice.
        objects.sort_by_key(|object| match object {
            Object::Namespace(_) => 0,
            Object::TieredPolicy(_) => 1,
            Object::NetworkPolicy(_) => 2,
            _ => 3,
        });
        let mut inventory = Self::default();
        for object in objects {
            inventory.apply(object);
        }
        inventory
    }

    /// The same objects, read as another implementation would.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self.reading = next_number();
        self
    }

    /// The same objects, and the domain names that addresses are known to have: an address listed here has these names
    /// and no other, one that is not listed may have any (rule 35).
    #[must_use]
    pub fn with_names(mut self, names: HashMap<IpAddr, Vec<Arc<str>>>) -> Self {
        self.names = names
            .into_iter()
            .map(|(address, names)| (address.to_canonical(), names.into()))
            .collect();
        self.reading = next_number();
        self
    }

    /// The same objects, where the addresses of pods that have none yet, or that stand for a template's, will come from
    /// these ranges: so that address blocks which hold a range whole, or nothing of it, can be decided.
    #[must_use]
    pub fn with_pod_ranges(mut self, ranges: &[Cidr]) -> Self {
        self.pod_ranges = ranges.into();
        let nets: Vec<IpNet> = ranges.iter().map(Cidr::net).collect();
        self.pod_span = IpNet::aggregate(&nets)
            .into_iter()
            .map(Cidr::from)
            .collect();
        self.reading = next_number();
        self
    }

    /// The same objects, read as another inventory reads its own: dialect, domain names, ranges of pods.
    #[must_use]
    pub fn read_like(mut self, other: &Self) -> Self {
        self.dialect = other.dialect;
        self.names = other.names.clone();
        self.pod_ranges = other.pod_ranges.clone();
        self.pod_span = other.pod_span.clone();
        self.reading = other.reading;
        self
    }
}
