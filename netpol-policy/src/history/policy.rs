//! Policies as they stood over time.

use std::time::SystemTime;

use super::History;
use super::edge::PolicyName;
use crate::model::{NetworkPolicy, Object, TieredPolicy};
use crate::verdict::PolicyRef;

/// A policy, in one of the forms that it had.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyRevision {
    /// What it says.
    pub policy: RememberedPolicy,
    /// When it was first seen to say so.
    pub since: SystemTime,
    /// When it was seen to be gone or to say something else; `None` while it is in force.
    pub until: Option<SystemTime>,
}

/// A policy of any kind that is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub enum RememberedPolicy {
    /// `networking.k8s.io/v1`.
    Network(NetworkPolicy),
    /// Of the Admin or the Baseline tier.
    Tiered(TieredPolicy),
}

impl RememberedPolicy {
    /// Which object it is.
    #[must_use]
    pub fn reference(&self) -> &PolicyRef {
        match self {
            Self::Network(policy) => &policy.reference,
            Self::Tiered(policy) => &policy.reference,
        }
    }

    /// Its name, whatever its generation.
    #[must_use]
    pub fn name(&self) -> PolicyName {
        PolicyName::of(self.reference())
    }

    /// As an inventory takes it.
    #[must_use]
    pub fn object(&self) -> Object {
        match self {
            Self::Network(policy) => Object::NetworkPolicy(policy.clone()),
            Self::Tiered(policy) => Object::TieredPolicy(policy.clone()),
        }
    }
}

/// The policies that stand, as far as a history knows.
#[must_use]
pub fn in_force(history: &History) -> Vec<RememberedPolicy> {
    let revisions = history.policies.iter();
    revisions
        .filter(|revision| revision.until.is_none())
        .map(|revision| revision.policy.clone())
        .collect()
}
