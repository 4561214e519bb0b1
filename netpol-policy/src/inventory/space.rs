//! One namespace: what is in it.

use std::sync::Arc;

use super::identity::Subject;
use super::{Map, NAMESPACE_NAME_LABEL, Set};
use crate::model::{
    EndpointSlice, Labels, NamedPort, NetworkPolicy, Pod, Service, Template, Workload,
};

/// What tells the pods of a namespace apart for policies.
pub(super) type Traits = (Labels, Arc<[NamedPort]>);

/// A subject, and the places of the pods that are it.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) subject: Arc<Subject>,
    pub(super) pods: Set<usize>,
}

/// A namespace and its objects.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// With the name's own (rule 11).
    pub(super) labels: Labels,
    /// There is a Namespace object.
    pub(super) is_described: bool,
    pub(super) pods: Map<Arc<str>, Arc<Pod>>,
    pub(super) templates: Map<Workload, Arc<Template>>,
    pub(super) services: Map<Arc<str>, Arc<Service>>,
    pub(super) slices: Map<Arc<str>, Arc<EndpointSlice>>,
    /// The slices of each Service, by name.
    pub(super) slices_of: Map<Arc<str>, Vec<Arc<EndpointSlice>>>,
    /// By name.
    pub(super) policies: Arc<Vec<Arc<NetworkPolicy>>>,
    /// Which subject pods with these traits are.
    pub(super) subjects: Map<Traits, Shared>,
}

impl Space {
    pub(super) fn new(name: &str) -> Self {
        Self {
            labels: Labels::default().with(NAMESPACE_NAME_LABEL, name),
            is_described: false,
            pods: Map::default(),
            templates: Map::default(),
            services: Map::default(),
            slices: Map::default(),
            slices_of: Map::default(),
            policies: Arc::default(),
            subjects: Map::default(),
        }
    }

    /// Whether nothing is known of it.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_described
            && self.pods.is_empty()
            && self.templates.is_empty()
            && self.services.is_empty()
            && self.slices.is_empty()
            && self.policies.is_empty()
    }
}
