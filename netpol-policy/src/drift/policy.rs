//! What came of the connections that each policy denies.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::add;
use super::kind::Kind;
use crate::history::{Agreement, PolicyName, Traffic};
use crate::verdict::Decision;

/// What came of the connections that a policy denies. One that several policies deny counts for each of them: which of them it
/// was that stopped it, or did not, cannot be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyRecord {
    /// The policy.
    pub policy: PolicyName,
    /// Stopped by a firewall of the node.
    pub stopped: u64,
    /// Let through, with nothing that would explain it.
    pub let_through: u64,
    /// Let through, and an end is in a node's own network namespace.
    pub host_network: u64,
    /// Let through, within the grace window after a change.
    pub after_change: u64,
    /// Let through, and open already when the agent started.
    pub already_open: u64,
    /// How long after a change the latest of those within the grace window began that were let through: enforcing it took longer
    /// than this.
    pub longest_after_change: Option<Duration>,
    /// When one was last let through, of whatever kind.
    pub last_let_through: Option<SystemTime>,
}

impl PolicyRecord {
    fn new(policy: PolicyName) -> Self {
        Self {
            policy,
            stopped: 0,
            let_through: 0,
            host_network: 0,
            after_change: 0,
            already_open: 0,
            longest_after_change: None,
            last_let_through: None,
        }
    }

    /// Connections that nothing explains were let through, and none was seen to be stopped.
    #[must_use]
    pub fn is_never_enforced(&self) -> bool {
        self.let_through > 0 && self.stopped == 0
    }

    fn add(&mut self, traffic: &Traffic, kind: Option<Kind>) {
        let totals = &traffic.totals;
        let Some(kind) = kind else {
            add(&mut self.stopped, totals.all());
            return;
        };
        if kind == Kind::HostNetwork {
            add(&mut self.host_network, totals.all());
        } else {
            let beyond = totals.connections.saturating_sub(totals.after_change);
            add(&mut self.let_through, beyond);
            add(&mut self.after_change, totals.after_change);
            add(&mut self.already_open, totals.resumed);
            self.longest_after_change = self.longest_after_change.max(totals.longest_after_change);
        }
        self.last_let_through = self.last_let_through.max(Some(totals.last_seen));
    }
}

/// One for each policy that denied a connection of which is known what became of it, by name.
pub(super) fn records(all: &[Traffic]) -> Vec<PolicyRecord> {
    let mut records: BTreeMap<&PolicyName, PolicyRecord> = BTreeMap::new();
    let denied = all.iter().filter(|traffic| {
        traffic.computed == Decision::Denied && traffic.agreement != Agreement::Undetermined
    });
    for traffic in denied {
        let kind = Kind::of(traffic);
        for policy in &traffic.policies {
            records
                .entry(policy)
                .or_insert_with(|| PolicyRecord::new(policy.clone()))
                .add(traffic, kind);
        }
    }
    records.into_values().collect()
}
