//! Kubernetes objects, as manifests.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Time;

/// A policy, in one of the forms that it had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// As it is applied to a cluster.
    pub manifest: Value,
    /// When it was first seen to say so.
    pub since: Time,
    /// When it was seen to be gone or to say something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
}

/// A Node or a Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectRecord {
    /// As the API gives it, as far as traffic is concerned.
    pub manifest: Value,
}
