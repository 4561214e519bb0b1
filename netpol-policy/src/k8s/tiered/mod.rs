//! Policies of `policy.networking.k8s.io`: AdminNetworkPolicy and BaselineAdminNetworkPolicy (`v1alpha1`), and
//! ClusterNetworkPolicy (`v1alpha2`).
//!
//! What the validation rules of their CRDs refuse is refused here too. One thing is not: a peer without any field that
//! is known may be of a later version of the API, so it is kept, and its rule fails closed (rule 33).

mod peer;
mod rule;
mod v1alpha1;
mod v1alpha2;

pub use v1alpha1::{
    AdminNetworkPolicy, BaselineAdminNetworkPolicy, admin_network_policy,
    baseline_admin_network_policy,
};
pub use v1alpha2::{ClusterNetworkPolicy, cluster_network_policy};

pub(super) use peer::EgressPeer;

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{ObjectError, name};
use crate::verdict::{PolicyKind, PolicyRef};

/// The highest number that `priority` may hold, which is the lowest precedence.
const LAST_PRIORITY: i32 = 1000;

/// What checks need of each of the kinds.
pub(super) trait EgressPeers {
    fn metadata(&self) -> &ObjectMeta;

    /// The peers of each egress rule.
    fn egress_peers(&self) -> Vec<&[EgressPeer]>;
}

fn reference(kind: PolicyKind, metadata: &ObjectMeta) -> Result<PolicyRef, ObjectError> {
    Ok(PolicyRef {
        kind,
        namespace: "".into(),
        name: name(metadata)?,
        uid: metadata
            .uid
            .as_deref()
            .map_or_else(|| Arc::from(""), Arc::from),
        generation: metadata.generation.unwrap_or(0),
    })
}

fn priority(found: Option<i32>) -> Result<u16, ObjectError> {
    let expected = |found: &str| {
        let message = format!("expected a number from 0 to {LAST_PRIORITY}, found {found}");
        ObjectError::new("spec.priority", message)
    };
    let found = found.ok_or_else(|| expected("none"))?;
    u16::try_from(found)
        .ok()
        .filter(|_| found <= LAST_PRIORITY)
        .ok_or_else(|| expected(&found.to_string()))
}

/// A list that may not have more items than its CRD says, nor fewer.
fn items<'a, T>(
    found: Option<&'a Vec<T>>,
    allowed: std::ops::RangeInclusive<usize>,
    field: &str,
) -> Result<&'a [T], ObjectError> {
    let items = found.map(Vec::as_slice).unwrap_or_default();
    if allowed.contains(&items.len()) {
        return Ok(items);
    }
    let (least, most, count) = (allowed.start(), allowed.end(), items.len());
    let message = format!("expected {least} to {most} items, found {count}");
    Err(ObjectError::new(field, message))
}
