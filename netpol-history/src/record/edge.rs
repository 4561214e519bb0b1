//! Edges.

use netpol_policy::history::{Agreement, Observed, SeenAt};
use netpol_policy::verdict::Decision;
use serde::{Deserialize, Serialize};

use super::word::{AgreementWord, DecisionWord, ObservedWord, SeenAtWord};
use super::{PolicyText, PortRecord, ProtocolRecord, Text, Time, is_zero};

/// Connections of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EdgeRecord<'a> {
    /// What they have in common.
    #[serde(borrow)]
    pub key: EdgeKeyRecord<'a>,
    /// How many, how much, when.
    pub totals: EdgeTotalsRecord,
}

/// What connections have in common. The node is that of the latest `node` record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EdgeKeyRecord<'a> {
    /// `source`, `destination` or `both`.
    #[serde(with = "SeenAtWord")]
    pub seen_at: SeenAt,
    /// Who opened them.
    #[serde(borrow)]
    pub source: PartyRecord<'a>,
    /// Who was reached.
    #[serde(borrow)]
    pub destination: PartyRecord<'a>,
    /// `namespace/name` of the Service that was dialled.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Text<'a>>,
    /// `TCP`, `UDP`, `SCTP` or a number.
    pub protocol: ProtocolRecord,
    /// Port at the destination.
    #[serde(
        default = "PortRecord::none",
        skip_serializing_if = "PortRecord::is_none"
    )]
    pub port: PortRecord,
    /// What the kernel was seen to do.
    #[serde(with = "ObservedWord")]
    pub observed: Observed,
    /// Why it was dropped.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub drop: Option<DropRecord<'a>>,
    /// What policies said.
    #[serde(with = "DecisionWord")]
    pub computed: Decision,
    /// The two compared.
    #[serde(with = "AgreementWord")]
    pub agreement: Agreement,
    /// The policies behind what they said.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<PolicyText<'a>>,
}

/// One end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartyRecord<'a> {
    /// Pods: the number of a group.
    Pods(u64),
    /// A node, by name.
    Node(#[serde(borrow)] Text<'a>),
    /// A Service whose backend was not seen, as `namespace/name`.
    Service(#[serde(borrow)] Text<'a>),
    /// An address block outside of the cluster.
    Outside(#[serde(borrow)] Text<'a>),
    /// An address block of the cluster that nobody was known to have.
    Unknown(#[serde(borrow)] Text<'a>),
    /// Too many to be kept apart.
    Many,
}

/// Why packets were dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DropRecord<'a> {
    /// As the kernel names it.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub reason: Text<'a>,
    /// What kind of thing does this.
    #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
    pub class: Text<'a>,
}

/// How many connections, how much, when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeTotalsRecord {
    /// Connections whose opening was seen.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub connections: u64,
    /// Connections seen from their middle on.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resumed: u64,
    /// Packets of both directions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packets: u64,
    /// Bytes of both directions.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// First packet of the first.
    pub first_seen: Time,
    /// Latest packet.
    pub last_seen: Time,
    /// Connections that began shortly after a change.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub after_change: u64,
    /// Nanoseconds from the change to the latest of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest_after_change_ns: Option<u64>,
}
