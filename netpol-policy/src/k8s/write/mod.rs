//! Objects in domain form back into manifests: as JSON for machines, as YAML for people.
//!
//! ```text
//!   model ─► policy, tiered, selector, cluster ─► Tree ─┬─► JSON   all that the model keeps
//!                                  Comments ──────────┘ └─► yaml   in the order in which people write, without uid
//! ```
//!
//! Reading what was written gives an equal object, for every object that was once read. What a model does not keep, such
//! as annotations, is not there to be written.

mod cluster;
mod comments;
mod policy;
mod selector;
mod tiered;
mod tree;
mod yaml;

use serde_json::Value;

pub use self::comments::{Comments, Entry};
use self::tree::Tree;
use crate::history::policy::RememberedPolicy;
use crate::model::{NetworkPolicy, Node, Service, TieredPolicy};
use crate::verdict::PolicyRef;

/// A policy of any kind, with its uid and generation where they are known.
#[must_use]
pub fn policy(policy: &RememberedPolicy) -> Value {
    tree_of(policy, &Comments::default(), Metadata::All).into_json()
}

/// A NetworkPolicy, with its uid and generation where they are known.
#[must_use]
pub fn network_policy(policy: &NetworkPolicy) -> Value {
    policy::tree(policy, &Comments::default(), Metadata::All).into_json()
}

/// A policy of the Admin or the Baseline tier, in the version of the API that has its kind, with its uid and generation
/// where they are known.
#[must_use]
pub fn tiered_policy(policy: &TieredPolicy) -> Value {
    tiered::tree(policy, &Comments::default(), Metadata::All).into_json()
}

/// A Node. All its addresses are written as `InternalIP`.
#[must_use]
pub fn node(node: &Node) -> Value {
    cluster::node(node).into_json()
}

/// A Service. Addresses of a load balancer are written among `externalIPs`.
#[must_use]
pub fn service(service: &Service) -> Value {
    cluster::service(service).into_json()
}

/// One YAML document, without `---`, that can be applied to a cluster: uid and generation are the API server's to give
/// and are left out.
#[must_use]
pub fn policy_yaml(policy: &RememberedPolicy, comments: &Comments) -> String {
    let mut text = String::new();
    yaml::comment(comments.of(Entry::Policy), 0, &mut text);
    yaml::document(&tree_of(policy, comments, Metadata::Named), &mut text);
    text
}

fn tree_of(policy: &RememberedPolicy, comments: &Comments, metadata: Metadata) -> Tree {
    match policy {
        RememberedPolicy::Network(policy) => policy::tree(policy, comments, metadata),
        RememberedPolicy::Tiered(policy) => tiered::tree(policy, comments, metadata),
    }
}

/// How much of `metadata` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metadata {
    /// Name and namespace.
    Named,
    /// What the API server sets too.
    All,
}

impl Metadata {
    fn tree(self, reference: &PolicyRef) -> Tree {
        let mut fields = vec![("name", Tree::text(&*reference.name))];
        if !reference.namespace.is_empty() {
            fields.push(("namespace", Tree::text(&*reference.namespace)));
        }
        if self == Self::All && !reference.uid.is_empty() {
            fields.push(("uid", Tree::text(&*reference.uid)));
        }
        if self == Self::All && reference.generation != 0 {
            fields.push(("generation", Tree::Number(reference.generation)));
        }
        Tree::map(fields)
    }
}
