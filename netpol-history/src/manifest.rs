//! Kubernetes objects out of records.

use k8s_openapi::api::core::v1 as core;
use netpol_policy::history::{PolicyRevision, RememberedPolicy};
use netpol_policy::k8s::{self, ObjectError};
use netpol_policy::model::{Node, Service};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::DecodeError;
use crate::record::{ObjectRecord, PolicyRecord};

/// A Node or a Service.
#[derive(Clone, Debug, PartialEq)]
pub enum ClusterObject {
    /// `v1` Node.
    Node(Node),
    /// `v1` Service.
    Service(Service),
}

/// A policy, in one of the forms that it had.
///
/// # Errors
/// Where the manifest is not one of a policy, or the API server would refuse it.
pub fn policy(record: &PolicyRecord) -> Result<PolicyRevision, DecodeError> {
    let manifest = &record.manifest;
    let policy = match kind(manifest) {
        "NetworkPolicy" => read(manifest, k8s::network_policy).map(RememberedPolicy::Network)?,
        "AdminNetworkPolicy" => {
            RememberedPolicy::Tiered(read(manifest, k8s::admin_network_policy)?)
        }
        "BaselineAdminNetworkPolicy" => {
            RememberedPolicy::Tiered(read(manifest, k8s::baseline_admin_network_policy)?)
        }
        "ClusterNetworkPolicy" => {
            RememberedPolicy::Tiered(read(manifest, k8s::cluster_network_policy)?)
        }
        other => {
            return Err(DecodeError::Manifest(format!(
                "kind: expected a policy, found {other:?}"
            )));
        }
    };
    Ok(PolicyRevision {
        policy,
        since: record.since.into(),
        until: record.until.map(Into::into),
    })
}

/// A Node or a Service.
///
/// # Errors
/// Where the manifest is not one of these, or the API server would refuse it.
pub fn object(record: &ObjectRecord) -> Result<ClusterObject, DecodeError> {
    let manifest = &record.manifest;
    match kind(manifest) {
        "Node" => read::<core::Node, _>(manifest, k8s::node).map(ClusterObject::Node),
        "Service" => read::<core::Service, _>(manifest, k8s::service).map(ClusterObject::Service),
        other => Err(DecodeError::Manifest(format!(
            "kind: expected Node or Service, found {other:?}"
        ))),
    }
}

fn kind(manifest: &Value) -> &str {
    manifest["kind"].as_str().unwrap_or_default()
}

fn read<K: DeserializeOwned, T>(
    manifest: &Value,
    convert: impl FnOnce(&K) -> Result<T, ObjectError>,
) -> Result<T, DecodeError> {
    let object =
        K::deserialize(manifest).map_err(|error| DecodeError::Manifest(error.to_string()))?;
    convert(&object).map_err(|error| DecodeError::Manifest(error.to_string()))
}
