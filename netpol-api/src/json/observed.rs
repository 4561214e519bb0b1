//! What was observed of a connection, with its evidence.

use serde::{Deserialize, Serialize};

use super::scalar::{WordOf, is_zero};
use crate::v1;

/// What the kernel was seen to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    /// In one word.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub verdict: WordOf<v1::observed::Verdict>,
    /// What that rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl From<&v1::Observed> for Observed {
    fn from(value: &v1::Observed) -> Self {
        Self {
            verdict: WordOf(value.verdict()),
            evidence: value.evidence.as_ref().map(Into::into),
        }
    }
}

impl From<Observed> for v1::Observed {
    fn from(value: Observed) -> Self {
        Self {
            verdict: value.verdict.0.into(),
            evidence: value.evidence.map(Into::into),
        }
    }
}

/// What an observed verdict rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Seen leaving the node towards the destination pod.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub delivered: bool,
    /// A reply was seen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reply_seen: bool,
    /// The destination itself refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refused_by_peer: bool,
    /// What the node sent back in the destination's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_reply: String,
    /// The drop seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
}

impl From<&v1::Evidence> for Evidence {
    fn from(value: &v1::Evidence) -> Self {
        Self {
            delivered: value.delivered,
            reply_seen: value.reply_seen,
            refused_by_peer: value.refused_by_peer,
            node_reply: value.node_reply.clone(),
            drop: value.drop.as_ref().map(Into::into),
        }
    }
}

impl From<Evidence> for v1::Evidence {
    fn from(value: Evidence) -> Self {
        Self {
            delivered: value.delivered,
            reply_seen: value.reply_seen,
            refused_by_peer: value.refused_by_peer,
            node_reply: value.node_reply,
            drop: value.drop.map(Into::into),
        }
    }
}

/// Packets that the kernel freed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drop {
    /// As the running kernel names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Kernel function that freed the packet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// Kind of cause.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub class: WordOf<v1::drop::Class>,
    /// Interface the packet was on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interface: String,
    /// Interface it came in by.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub input_interface: String,
    /// Packets dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub packets: u64,
    /// Bytes dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// Inode number of the network namespace.
    #[serde(skip_serializing_if = "is_zero")]
    pub netns: u64,
    /// Whether that is the node's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_node_netns: bool,
    /// Node that dropped it, where a relay joined what two nodes saw.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
}

impl From<&v1::Drop> for Drop {
    fn from(value: &v1::Drop) -> Self {
        Self {
            reason: value.reason.clone(),
            location: value.location.clone(),
            class: WordOf(value.class()),
            interface: value.interface.clone(),
            input_interface: value.input_interface.clone(),
            packets: value.packets,
            bytes: value.bytes,
            netns: value.netns,
            in_node_netns: value.in_node_netns,
            node: value.node.clone(),
        }
    }
}

impl From<Drop> for v1::Drop {
    fn from(value: Drop) -> Self {
        Self {
            reason: value.reason,
            location: value.location,
            class: value.class.0.into(),
            interface: value.interface,
            input_interface: value.input_interface,
            packets: value.packets,
            bytes: value.bytes,
            netns: value.netns,
            in_node_netns: value.in_node_netns,
            node: value.node,
        }
    }
}
