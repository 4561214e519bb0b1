//! Where what was seen and what policies say disagree: the one is never derived from the other, so each is a finding.
//!
//! ```text
//! traffic ─► kind ─► findings  denied and let through, allowed and dropped: by pair and port, with what explains it
//!      └───────────► policies  what each denies: stopped, or let through
//! edges ───────────► nodes     the same by the node that has to enforce it ◄── enforcer
//! nodes ───────────► evidence  what all this rests on
//! ```

mod enforcer;
mod evidence;
mod kind;
mod node;
mod policy;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use crate::history::{Agreement, History, Observed, Party, PolicyName, Traffic, traffic};
use crate::verdict::Decision;

pub use evidence::Evidence;
pub use kind::Kind;
pub use node::{Enforcement, NodeRecord, is_conclusive};
pub use policy::PolicyRecord;

/// What of a history is looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Leaves out what was last seen before.
    pub since: Option<SystemTime>,
    /// Leaves out what has no end and no policy in one of these; empty: nothing.
    pub namespaces: BTreeSet<String>,
}

impl Options {
    fn asks_for(&self, last_seen: SystemTime, ends: [&Party; 2], policies: &[PolicyName]) -> bool {
        let is_asked = |name: &str| self.namespaces.contains(name);
        let end = |party: &Party| match party {
            Party::Pods(group) => is_asked(&group.namespace),
            Party::Service { namespace, .. } => is_asked(namespace),
            Party::Node { .. } | Party::Outside(_) | Party::Unknown(_) | Party::Many => false,
        };
        self.since.is_none_or(|since| last_seen >= since)
            && (self.namespaces.is_empty()
                || ends.into_iter().any(end)
                || policies.iter().any(|policy| is_asked(&policy.namespace)))
    }
}

/// Where what was seen and what policies say disagree.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift {
    /// By kind, the most connections first.
    pub findings: Vec<Finding>,
    /// Policies that denied a connection of which is known what became of it, by name.
    pub policies: Vec<PolicyRecord>,
    /// Nodes that watched, by name.
    pub nodes: BTreeMap<Arc<str>, NodeRecord>,
    /// What could be compared at all.
    pub coverage: Coverage,
    /// Who watched, and what was lost.
    pub evidence: Evidence,
}

/// Traffic that disagrees with policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How, and what explains it.
    pub kind: Kind,
    /// What was seen of it.
    pub traffic: Traffic,
}

/// How much of the traffic could be compared, in connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Both are known: what became of them, and what policies say.
    pub compared: u64,
    /// What became of them is not known: no answer, or stopped by something that is no firewall of the node.
    pub outcome_unknown: u64,
    /// What policies say of them is not known.
    pub verdict_unknown: u64,
    /// Both are known and disagree, which proves nothing: the verdict has a caveat by which an implementation may decide
    /// otherwise, or a change of policies cut off what was open, of which it is undefined (rule 22).
    pub doubtful: u64,
    /// Some was first seen before [`Options::since`] and last seen since. How much of it was before cannot be told, so all of
    /// it counts.
    pub began_before: bool,
}

impl Drift {
    /// Whether anything disagrees that neither a change just before nor an agent's start explains.
    #[must_use]
    pub fn is_beyond_lag(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.kind.is_beyond_lag())
    }
}

/// Compares what a history says was seen with what it says that policies said.
#[must_use]
pub fn drift(history: &History, options: &Options) -> Drift {
    let mut all = traffic(history);
    all.retain(|traffic| {
        let ends = [&traffic.source, &traffic.destination];
        options.asks_for(traffic.totals.last_seen, ends, &traffic.policies)
    });
    let edges = history.edges.iter().filter(|edge| {
        let ends = [&edge.key.source, &edge.key.destination];
        options.asks_for(edge.totals.last_seen, ends, &edge.key.policies)
    });
    Drift {
        policies: policy::records(&all),
        nodes: node::records(history, edges),
        coverage: coverage(&all, options.since),
        evidence: Evidence::of(history, options.since),
        findings: findings(all),
    }
}

fn findings(all: Vec<Traffic>) -> Vec<Finding> {
    let findings = all.into_iter().filter_map(|traffic| {
        let kind = Kind::of(&traffic)?;
        Some(Finding { kind, traffic })
    });
    let mut findings: Vec<Finding> = findings.collect();
    findings.sort_by_key(|finding| (finding.kind, Reverse(finding.traffic.totals.all())));
    findings
}

fn coverage(all: &[Traffic], since: Option<SystemTime>) -> Coverage {
    let mut coverage = Coverage::default();
    for traffic in all {
        let of_kind = if traffic.agreement != Agreement::Undetermined {
            &mut coverage.compared
        } else if traffic.computed == Decision::Unknown {
            &mut coverage.verdict_unknown
        } else if is_decisive(traffic) {
            &mut coverage.doubtful
        } else {
            &mut coverage.outcome_unknown
        };
        add(of_kind, traffic.totals.all());
        coverage.began_before |= since.is_some_and(|since| traffic.totals.first_seen < since);
    }
    coverage
}

/// Whether what was seen of it says what became of it, and that policies may be behind it.
fn is_decisive(traffic: &Traffic) -> bool {
    /// The class of drops that policies are enforced by.
    const FIREWALL: &str = "firewall";
    match traffic.observed {
        Observed::Forwarded => true,
        Observed::Dropped | Observed::Rejected => traffic
            .drop
            .as_ref()
            .is_some_and(|drop| &*drop.class == FIREWALL),
        Observed::Unanswered | Observed::Unknown => false,
    }
}

/// Counts come from files, and may be anything.
fn add(total: &mut u64, more: u64) {
    *total = total.saturating_add(more);
}

#[cfg(test)]
mod tests;
