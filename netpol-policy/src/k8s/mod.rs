//! Kubernetes API objects into domain form: trimmed to what decides about traffic, validated, compiled.
//!
//! An object that the API server would refuse is refused here too, with the field at fault: a policy read half would fail
//! open or closed without anybody knowing. [`strict`] refuses more than an evaluation needs, [`lint`] warns of what is
//! valid and odd.

pub mod lint;
mod pod;
mod policy;
mod selector;
mod service;
pub mod strict;
mod syntax;
mod template;
mod tiered;
pub mod write;

pub use pod::{controller, namespace, node, pod};
pub use policy::network_policy;
pub use service::{endpoint_slice, service};
pub use template::{
    cron_job, daemon_set, deployment, job, replica_set, replication_controller, stateful_set,
};
pub use tiered::{
    AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy, admin_network_policy,
    baseline_admin_network_policy, cluster_network_policy,
};

use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::model::{Labels, Protocol};

/// Why an object cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ObjectError {
    /// Path such as `spec.ingress[0].from[1].ipBlock.cidr`.
    pub field: String,
    /// What was expected, and what was found.
    pub message: String,
}

impl ObjectError {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

fn name(metadata: &ObjectMeta) -> Result<Arc<str>, ObjectError> {
    match metadata.name.as_deref() {
        Some(name) if !name.is_empty() => Ok(name.into()),
        _ => Err(ObjectError::new(
            "metadata.name",
            "expected a name, found none",
        )),
    }
}

fn namespace_of(metadata: &ObjectMeta) -> Arc<str> {
    metadata
        .namespace
        .as_deref()
        .filter(|name| !name.is_empty())
        .unwrap_or("default")
        .into()
}

fn labels(metadata: &ObjectMeta) -> Labels {
    metadata.labels.clone().unwrap_or_default().into()
}

fn address(text: &str, field: impl Into<String>) -> Result<IpAddr, ObjectError> {
    text.parse::<IpAddr>()
        .map(|address| address.to_canonical())
        .map_err(|_| ObjectError::new(field, format!("expected an IP address, found {text:?}")))
}

/// TCP where nothing is said (rule 12).
fn protocol(text: Option<&str>, field: impl Into<String>) -> Result<Protocol, ObjectError> {
    let Some(text) = text else {
        return Ok(Protocol::Tcp);
    };
    Protocol::from_api(text).ok_or_else(|| {
        ObjectError::new(field, format!("expected TCP, UDP or SCTP, found {text:?}"))
    })
}

fn port(number: i32, field: impl Into<String>) -> Result<u16, ObjectError> {
    u16::try_from(number)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| {
            ObjectError::new(
                field,
                format!("expected a port from 1 to 65535, found {number}"),
            )
        })
}
