//! Uses of rules.

use netpol_policy::verdict::Direction;
use serde::{Deserialize, Serialize};

use super::word::DirectionWord;
use super::{PolicyText, Text, Time, is_zero};

/// What a part of a policy did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UseRecord<'a> {
    /// Which part.
    #[serde(borrow)]
    pub key: UseKeyRecord<'a>,
    /// How often.
    pub totals: UseTotalsRecord,
}

/// A part of a policy. The node is that of the latest `node` record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UseKeyRecord<'a> {
    /// The policy.
    #[serde(borrow)]
    pub policy: PolicyText<'a>,
    /// What it said: 16 hexadecimal digits, since JSON's numbers have less than 64 bits in many readers.
    #[serde(borrow)]
    pub fingerprint: Text<'a>,
    /// Which of its lists.
    #[serde(with = "DirectionWord")]
    pub direction: Direction,
    /// What matched; without it, the policy isolates the pod and none of its rules matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryRecord>,
}

/// An entry that matched. Indices count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EntryRecord {
    /// Index in `spec.ingress` or `spec.egress`.
    pub rule: u32,
    /// Index in `from` or `to`, where the rule lists peers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<u32>,
    /// Index in `ports`, where the rule lists ports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
}

/// How often and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UseTotalsRecord {
    /// Connections whose opening was seen that it matched.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hits: u64,
    /// Those of them that it alone decided in its direction.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sole: u64,
    /// Connections that were open already when the agent started.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resumed: u64,
    /// Of all of these, those that got through.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub forwarded: u64,
    /// Bytes of both directions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// First packet of the first.
    pub first_seen: Time,
    /// Latest packet.
    pub last_seen: Time,
}
