//! Groups of pods, and how many there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ProtocolRecord, Text, Time};

/// Pods of one workload with one set of labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord<'a> {
    /// By which other records name it. Means something within one file, or within one store.
    pub id: u64,
    /// Namespace.
    #[serde(borrow)]
    pub namespace: Text<'a>,
    /// Labels of the namespace at that time.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub namespace_labels: BTreeMap<Text<'a>, Text<'a>>,
    /// Kind of what runs them, such as `Deployment`.
    #[serde(borrow)]
    pub kind: Text<'a>,
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Labels of the pods, without generated ones.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Text<'a>, Text<'a>>,
    /// Named ports.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<NamedPortRecord<'a>>,
    /// They share the addresses of their node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
}

/// A named port of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedPortRecord<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Protocol.
    pub protocol: ProtocolRecord,
    /// Number.
    pub port: u16,
}

/// Pods of one group, over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentRecord<'a> {
    /// Number of the group.
    pub group: u64,
    /// How many there are, by node; the empty name for those on none.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pods: BTreeMap<Text<'a>, u32>,
    /// When the first was seen.
    pub first_seen: Time,
    /// When there was one last.
    pub last_seen: Time,
}
