//! What a replay finds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use ipnet::IpNet;

use super::{Answer, Reason, Who, Why};
use crate::history::{EdgeTotals, Observed, Party, Port, Traffic};
use crate::model::Protocol;
use crate::verdict::Decision;

/// What other policies change for traffic. In order of what matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    /// Allowed before, denied after.
    NewlyDenied,
    /// Denied before, allowed after.
    NewlyAllowed,
    /// A policy that changed concerns it, and before, after or both cannot be told.
    Unknown,
    /// The same, by other policies or by none.
    OtherReason,
}

impl Change {
    /// All, in order.
    pub const ALL: [Self; 4] = [
        Self::NewlyDenied,
        Self::NewlyAllowed,
        Self::Unknown,
        Self::OtherReason,
    ];

    /// Its word on the command line and in output, such as `newly-denied`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NewlyDenied => "newly-denied",
            Self::NewlyAllowed => "newly-allowed",
            Self::Unknown => "unknown",
            Self::OtherReason => "other-reason",
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Replay {
    /// In order of change, then of how many connections they stand for.
    pub rows: Vec<Row>,
    /// Traffic to which nothing changes.
    pub unchanged: Sum,
}

/// Traffic between two workloads at one port for which policies change the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What changes.
    pub change: Change,
    /// Who opened the connections.
    pub source: Who,
    /// Who was reached.
    pub destination: Who,
    /// Protocol.
    pub protocol: Protocol,
    /// Port at the destination.
    pub port: Port,
    /// The addresses of sources that are no workloads.
    pub source_addresses: BTreeSet<IpNet>,
    /// The addresses of destinations that are no workloads.
    pub destination_addresses: BTreeSet<IpNet>,
    /// Namespaces and names of the Services that were dialled.
    pub services: BTreeSet<(Arc<str>, Arc<str>)>,
    /// How much of it was seen, and when.
    pub seen: Seen,
    /// What policies say before.
    pub before: Said,
    /// What they say after.
    pub after: Said,
}

/// What a set of policies says of the traffic of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The decision, of all of it.
    pub decision: Decision,
    /// What is behind it, each once; a rule whatever entries of its lists decide.
    pub reasons: Vec<Reason>,
    /// Why it cannot be told, each once and in order.
    pub unknown: BTreeSet<Why>,
}

/// How much traffic was seen, when, and what came of it. Nothing here is what policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How much.
    pub sum: Sum,
    /// First packet of the first connection.
    pub first: SystemTime,
    /// Latest packet.
    pub last: SystemTime,
    /// Of the connections, and of those that were seen from their middle on, how many the kernel was seen to treat so.
    pub observed: BTreeMap<Observed, u64>,
}

/// How much traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Connections whose opening was seen.
    pub connections: u64,
    /// Connections seen from their middle on.
    pub resumed: u64,
    /// Network-layer bytes of both directions.
    pub bytes: u64,
}

impl Sum {
    /// Connections, however seen.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.connections.saturating_add(self.resumed)
    }

    /// Adds what is of other traffic.
    pub fn add(&mut self, other: Self) {
        self.connections = self.connections.saturating_add(other.connections);
        self.resumed = self.resumed.saturating_add(other.resumed);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl From<&Traffic> for Sum {
    fn from(traffic: &Traffic) -> Self {
        let EdgeTotals {
            connections,
            resumed,
            bytes,
            ..
        } = traffic.totals;
        Self {
            connections,
            resumed,
            bytes,
        }
    }
}

impl Seen {
    /// Connections that the kernel was seen to let through.
    #[must_use]
    pub fn forwarded(&self) -> u64 {
        self.observed
            .get(&Observed::Forwarded)
            .copied()
            .unwrap_or(0)
    }

    /// Connections that it was seen to drop or reject.
    #[must_use]
    pub fn blocked(&self) -> u64 {
        let blocked = self.observed.iter().filter(|(what, _)| what.is_blocked());
        blocked.fold(0, |sum: u64, (_, count)| sum.saturating_add(*count))
    }
}

impl Said {
    fn of(answer: &Answer) -> Self {
        let mut said = Self {
            decision: answer.decision(),
            reasons: Vec::new(),
            unknown: BTreeSet::new(),
        };
        said.add(answer);
        said
    }

    fn add(&mut self, answer: &Answer) {
        for reason in super::reasons(&answer.verdict) {
            if !self.reasons.iter().any(|one| one.is_same_rule(&reason)) {
                self.reasons.push(reason);
            }
        }
        self.unknown.extend(answer.unknown.iter().cloned());
    }
}

impl Row {
    /// Of the first traffic.
    pub(super) fn new(change: Change, traffic: &Traffic, before: &Answer, after: &Answer) -> Self {
        let mut row = Self {
            change,
            source: Who::of(&traffic.source),
            destination: Who::of(&traffic.destination),
            protocol: traffic.protocol,
            port: traffic.port,
            source_addresses: BTreeSet::new(),
            destination_addresses: BTreeSet::new(),
            services: BTreeSet::new(),
            seen: Seen {
                sum: Sum::default(),
                first: traffic.totals.first_seen,
                last: traffic.totals.last_seen,
                observed: BTreeMap::new(),
            },
            before: Said::of(before),
            after: Said::of(after),
        };
        row.count(traffic);
        row
    }

    /// More of the same.
    pub(super) fn add(&mut self, traffic: &Traffic, before: &Answer, after: &Answer) {
        self.before.add(before);
        self.after.add(after);
        self.count(traffic);
    }

    fn count(&mut self, traffic: &Traffic) {
        let (seen, totals) = (&mut self.seen, &traffic.totals);
        seen.sum.add(traffic.into());
        seen.first = seen.first.min(totals.first_seen);
        seen.last = seen.last.max(totals.last_seen);
        let connections = totals.connections.saturating_add(totals.resumed);
        let observed = seen.observed.entry(traffic.observed).or_default();
        *observed = observed.saturating_add(connections);
        self.source_addresses.extend(address(&traffic.source));
        self.destination_addresses
            .extend(address(&traffic.destination));
        self.services.extend(traffic.service.clone());
    }
}

fn address(party: &Party) -> Option<IpNet> {
    match party {
        Party::Outside(block) | Party::Unknown(block) => Some(block.net()),
        _ => None,
    }
}
