//! The ends of a connection, and the Service between them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::scalar::{WordOf, duration, is_zero, seconds};
use crate::v1;

/// One end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// IP address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Port; left out where the protocol has none.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u32,
    /// What has the address.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub kind: WordOf<v1::endpoint::Kind>,
    /// Namespace of the pod.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name of the pod.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod: String,
    /// UID of the pod.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_uid: String,
    /// What owns the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// Labels of the pod.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Node of the pod, or the node itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Seconds from the pod's start to the first packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_age_seconds: Option<f64>,
    /// The pod uses its node's network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
    /// The reader may not know more of this end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
    /// What of Kubernetes itself listens there.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub component: WordOf<v1::endpoint::Component>,
}

impl From<&v1::Endpoint> for Endpoint {
    fn from(value: &v1::Endpoint) -> Self {
        Self {
            address: value.address.clone(),
            port: value.port,
            kind: WordOf(value.kind()),
            namespace: value.namespace.clone(),
            pod: value.pod.clone(),
            pod_uid: value.pod_uid.clone(),
            workload: value.workload.as_ref().map(Into::into),
            labels: value.labels.clone().into_iter().collect(),
            node: value.node.clone(),
            pod_age_seconds: value.pod_age.as_ref().map(seconds),
            host_network: value.host_network,
            withheld: value.withheld,
            component: WordOf(value.component()),
        }
    }
}

impl From<Endpoint> for v1::Endpoint {
    fn from(value: Endpoint) -> Self {
        Self {
            address: value.address,
            port: value.port,
            kind: value.kind.0.into(),
            namespace: value.namespace,
            pod: value.pod,
            pod_uid: value.pod_uid,
            workload: value.workload.map(Into::into),
            labels: value.labels.into_iter().collect(),
            node: value.node,
            pod_age: value.pod_age_seconds.map(duration),
            host_network: value.host_network,
            withheld: value.withheld,
            component: value.component.0.into(),
        }
    }
}

/// What owns a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// API kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl From<&v1::Workload> for Workload {
    fn from(value: &v1::Workload) -> Self {
        Self {
            kind: value.kind.clone(),
            name: value.name.clone(),
        }
    }
}

impl From<Workload> for v1::Workload {
    fn from(value: Workload) -> Self {
        Self {
            kind: value.kind,
            name: value.name,
        }
    }
}

/// A Service as it was dialled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceAddress {
    /// Namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Address dialled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Port dialled.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u32,
}

impl From<&v1::ServiceAddress> for ServiceAddress {
    fn from(value: &v1::ServiceAddress) -> Self {
        Self {
            namespace: value.namespace.clone(),
            name: value.name.clone(),
            address: value.address.clone(),
            port: value.port,
        }
    }
}

impl From<ServiceAddress> for v1::ServiceAddress {
    fn from(value: ServiceAddress) -> Self {
        Self {
            namespace: value.namespace,
            name: value.name,
            address: value.address,
            port: value.port,
        }
    }
}
