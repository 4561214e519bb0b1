//! Who connected to whom, and what came of it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Party;
use crate::model::Protocol;
use crate::verdict::{Decision, PolicyKind, PolicyRef};

/// Connections of one kind, seen by one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// What they have in common.
    pub key: EdgeKey,
    /// How many, how much, when.
    pub totals: EdgeTotals,
}

/// What connections have in common that are counted as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EdgeKey {
    /// The node that saw them.
    pub node: Arc<str>,
    /// From which end.
    pub seen_at: SeenAt,
    /// Who opened them.
    pub source: Party,
    /// Who was reached.
    pub destination: Party,
    /// Namespace and name of the Service that was dialled, where there was one.
    pub service: Option<(Arc<str>, Arc<str>)>,
    /// Protocol.
    pub protocol: Protocol,
    /// Port at the destination.
    pub port: Port,
    /// What the kernel was seen to do.
    pub observed: Observed,
    /// Why it was dropped, where it was.
    pub drop: Option<DropKind>,
    /// What policies said at that time.
    pub computed: Decision,
    /// The two compared.
    pub agreement: Agreement,
    /// The policies behind what they said: those that deny, where it is denied, else those that allow. In order of name.
    pub policies: Vec<PolicyName>,
}

/// From which end of a connection a node saw it. The two ends of a connection within the cluster may be on two nodes, and each
/// remembers it. So of edges that differ in node and end alone, what was seen at `Both` is added to the larger of the two sums
/// of `Source` and of `Destination`: the other sum is of the same connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SeenAt {
    /// At the source's interface.
    Source,
    /// At the destination's.
    Destination,
    /// At both: both pods are on the node.
    Both,
}

/// Port at the destination of remembered connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Port {
    /// This one.
    One(u16),
    /// The protocol has none.
    None,
    /// Too many to be kept apart: a scan, or a protocol with ports of its own choice.
    Many,
}

/// What the kernel was seen to do with connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Observed {
    /// They reached the destination's side, or were answered.
    Forwarded,
    /// The kernel freed their packets.
    Dropped,
    /// The same, and the node answered in the destination's name.
    Rejected,
    /// No reply came in time: says nothing about policy.
    Unanswered,
    /// Nothing decides it.
    Unknown,
}

impl Observed {
    /// Dropped or rejected.
    #[must_use]
    pub fn is_blocked(self) -> bool {
        matches!(self, Self::Dropped | Self::Rejected)
    }

    /// Its word in files and output, such as `forwarded`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Dropped => "dropped",
            Self::Rejected => "rejected",
            Self::Unanswered => "unanswered",
            Self::Unknown => "unknown",
        }
    }
}

/// Why packets were dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DropKind {
    /// As the kernel names it, such as `NETFILTER_DROP`; empty where only an answer in the destination's name was seen.
    pub reason: Arc<str>,
    /// What kind of thing does this, in the words of the agent's API, such as `firewall` or `conntrack-invalid`.
    pub class: Arc<str>,
}

/// How what was seen and what policies say relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agreement {
    /// Nothing can be compared.
    Undetermined,
    /// As policies say.
    Agree,
    /// Policy denies it and it went through.
    DeniedButForwarded,
    /// Policy allows it and a firewall of the node stopped it.
    AllowedButDropped,
}

impl Agreement {
    /// Its word in files and output, such as `denied-but-forwarded`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undetermined => "undetermined",
            Self::Agree => "agree",
            Self::DeniedButForwarded => "denied-but-forwarded",
            Self::AllowedButDropped => "allowed-but-dropped",
        }
    }
}

/// A policy by name, whatever its generation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyName {
    /// API kind.
    pub kind: PolicyKind,
    /// Empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Object name.
    pub name: Arc<str>,
}

impl PolicyName {
    /// That of an object.
    #[must_use]
    pub fn of(reference: &PolicyRef) -> Self {
        Self {
            kind: reference.kind,
            namespace: reference.namespace.clone(),
            name: reference.name.clone(),
        }
    }
}

/// `prod/db` for a NetworkPolicy, the name alone for cluster-scoped kinds.
impl fmt::Display for PolicyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            out.write_str(&self.name)
        } else {
            write!(out, "{}/{}", self.namespace, self.name)
        }
    }
}

/// How many connections, how much, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeTotals {
    /// Connections whose opening was seen.
    pub connections: u64,
    /// Connections seen from their middle on: open already when the agent started, so perhaps counted before.
    pub resumed: u64,
    /// Packets of both directions.
    pub packets: u64,
    /// Network-layer bytes of both directions.
    pub bytes: u64,
    /// First packet of the first.
    pub first_seen: SystemTime,
    /// Latest packet.
    pub last_seen: SystemTime,
    /// Of the connections, those that began within the grace window of a change of a policy, pod or namespace: after it or, where
    /// they disagree with policies, before it was heard of.
    pub after_change: u64,
    /// How long after such a change the latest of these began; `None` where none began after one.
    pub longest_after_change: Option<Duration>,
}

impl EdgeTotals {
    /// Connections, whether or not their opening was seen.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.connections.saturating_add(self.resumed)
    }

    /// Adds what was counted elsewhere, or at another time.
    pub fn add(&mut self, other: &Self) {
        self.connections = self.connections.saturating_add(other.connections);
        self.resumed = self.resumed.saturating_add(other.resumed);
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.after_change = self.after_change.saturating_add(other.after_change);
        self.longest_after_change = self.longest_after_change.max(other.longest_after_change);
    }
}
