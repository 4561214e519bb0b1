//! What changed in the memory since it was last written.

use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::history::edge::PolicyName;
use netpol_policy::history::{
    EdgeKey, EdgeTotals, Interval, PodGroup, PolicyRevision, Present, RuleKey, UseTotals,
};
use netpol_policy::model::{Node, Service};

/// One batch for the store, written whole or not at all. Everything in it is absolute: what is written twice is the same as
/// what is written once. `None` for what is to be forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) edges: Vec<(EdgeKey, Option<EdgeTotals>)>,
    pub(crate) uses: Vec<(RuleKey, Option<UseTotals>)>,
    /// By their beginning.
    pub(crate) intervals: Vec<(SystemTime, Option<Interval>)>,
    pub(crate) policies: Vec<(RevisionKey, Option<PolicyRevision>)>,
    pub(crate) population: Vec<(Arc<PodGroup>, Option<Present>)>,
    /// All nodes of the cluster, where any changed.
    pub(crate) cluster: Option<Vec<Node>>,
    /// All Services, where any changed.
    pub(crate) services: Option<Vec<Service>>,
}

/// Names one form of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RevisionKey {
    pub(crate) policy: PolicyName,
    pub(crate) fingerprint: u64,
    /// When it was first seen in this form: it may come back to it.
    pub(crate) since: SystemTime,
}
