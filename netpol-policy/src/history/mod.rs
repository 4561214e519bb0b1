//! What traffic was seen over time, and how well: the memory that [`crate`]'s analyses of traffic start from.
//!
//! ```text
//!  nodes ── who watched, when, and what was lost         the evidence, and its limits
//!  edges ── who connected to whom, and what came of it   per node, aggregated
//!  uses ─── which rule of which policy allowed how much  per node, on the node of the pod that the policy selects
//!  policies, population, cluster ── what was in force, who exists
//! ```
//!
//! Nothing here says more than was seen. An edge that two nodes saw stands twice, once from either end: see
//! [`edge::SeenAt`] for how they are added up without counting anything twice.

mod add_up;
pub mod edge;
mod ends;
mod fingerprint;
pub(crate) mod interned;
pub mod party;
pub mod policy;
pub mod population;
pub mod rule;
pub mod traffic;
pub mod watched;

use std::fmt;

use crate::model::{Cidr, Node, Service};

pub use add_up::{add_up, latest, with_the_latest};
pub use edge::{
    Agreement, DropKind, Edge, EdgeKey, EdgeTotals, Observed, PolicyName, Port, SeenAt,
};
pub use fingerprint::fingerprint;
pub use party::{Party, PodGroup};
pub use policy::{PolicyRevision, RememberedPolicy, in_force};
pub use population::Present;
pub use rule::{Part, RuleId, RuleKey, RuleTotals, RuleUse, UseTotals, rule_totals};
pub use traffic::{Traffic, traffic};
pub use watched::{Interval, Loss, NodeHistory};

/// All that is remembered, of one node or of many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// Who watched, in order of node names.
    pub nodes: Vec<NodeHistory>,
    /// Nodes whose history could not be had, and why.
    pub missing: Vec<MissingNode>,
    /// Who connected to whom.
    pub edges: Vec<Edge>,
    /// Which parts of policies allowed connections.
    pub uses: Vec<RuleUse>,
    /// Policies as they stand, and as they stood within the time that is remembered.
    pub policies: Vec<PolicyRevision>,
    /// Who exists, and who existed lately.
    pub population: Vec<Present>,
    /// The cluster's nodes, for their addresses, labels and ranges of pods.
    pub cluster: Vec<Node>,
    /// Services.
    pub services: Vec<Service>,
}

impl History {
    /// Where the addresses of pods come from: the `podCIDRs` of the cluster's nodes. Empty where one of them has none, since
    /// its pods may then have any address.
    #[must_use]
    pub fn pod_ranges(&self) -> Vec<Cidr> {
        let nodes = || self.cluster.iter();
        if nodes().any(|node| node.pod_cidrs.is_empty()) {
            return Vec::new();
        }
        nodes().flat_map(|node| node.pod_cidrs.clone()).collect()
    }
}

/// A node whose history could not be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingNode {
    /// Its name, or its agent's address where the name is not known; empty where nothing is known of it, as of what a damaged
    /// file held.
    pub name: String,
    /// In plain words.
    pub reason: String,
}

/// `node-a: its agent is silent`; the reason alone where there is no name.
impl fmt::Display for MissingNode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.name.is_empty() {
            write!(out, "{}: ", self.name)?;
        }
        out.write_str(&self.reason)
    }
}
