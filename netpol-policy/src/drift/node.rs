//! What came of the connections that each node had to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::add;
use super::enforcer::Enforcers;
use super::kind::Kind;
use crate::history::{Agreement, Edge, History, PolicyName};
use crate::model::Workload;
use crate::verdict::Decision;

/// So many connections have to be let through, and none to be stopped, before a node is said to seem to enforce nothing: fewer
/// may be one client that a peculiarity of the implementation lets pass.
const SEVERAL: u64 = 5;
/// And so many workloads or policies have to be concerned.
const VARIED: usize = 2;

/// What came of the connections that a node had to stop: those of pods that are its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeRecord {
    /// Stopped by a firewall of the node.
    pub stopped: u64,
    /// Let through, with nothing that would explain it.
    pub let_through: u64,
    /// Let through within the grace window after a change.
    pub after_change: u64,
    /// Neither seen to get through nor to be stopped by a firewall: no answer came, or something else stopped them.
    pub unclear: u64,
    /// Allowed by policy and stopped by a firewall of the node.
    pub dropped: u64,
    /// Policies behind [`Self::stopped`].
    pub enforced: BTreeSet<PolicyName>,
    /// Policies behind [`Self::let_through`].
    pub not_enforced: BTreeSet<PolicyName>,
    /// Namespace and workload of the pods behind [`Self::let_through`] that policies protect.
    pub exposed: BTreeSet<(Arc<str>, Workload)>,
    /// First and last packet of [`Self::let_through`].
    pub let_through_within: Option<(SystemTime, SystemTime)>,
}

/// Whether a node enforces policies, as far as was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Whatever it had to stop was stopped.
    Seen,
    /// It stopped some, and let others through.
    InPart,
    /// It seems to enforce nothing: it let several through, of more than one workload or policy, and stopped none.
    Nothing,
    /// It let some through and stopped none; too few to say more.
    TooFew,
    /// It saw nothing that it had to stop and of which is known what became of it.
    NothingSeen,
}

impl Enforcement {
    /// Its word in output, such as `in-part`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::InPart => "in-part",
            Self::Nothing => "nothing",
            Self::TooFew => "too-few",
            Self::NothingSeen => "nothing-seen",
        }
    }
}

impl NodeRecord {
    /// What this says of the node.
    #[must_use]
    pub fn enforcement(&self) -> Enforcement {
        match (self.stopped, self.let_through) {
            (0, 0) => Enforcement::NothingSeen,
            (_, 0) => Enforcement::Seen,
            (0, _) if self.is_conclusive() => Enforcement::Nothing,
            (0, _) => Enforcement::TooFew,
            _ => Enforcement::InPart,
        }
    }

    fn is_conclusive(&self) -> bool {
        let concerned = self.exposed.len().max(self.not_enforced.len());
        is_conclusive(self.let_through, self.unclear, concerned)
    }

    fn add(&mut self, edge: &Edge, enforcers: &Enforcers<'_>) {
        let (key, totals) = (&edge.key, &edge.totals);
        let connections = totals.all();
        if key.agreement == Agreement::AllowedButDropped {
            add(&mut self.dropped, connections);
        }
        if key.computed != Decision::Denied {
            return;
        }
        let protected = enforcers.protected(edge);
        if key.agreement == Agreement::Agree {
            // A drop that was seen is this node's own, wherever the pod is that it protects.
            let is_seen = key
                .drop
                .as_ref()
                .is_some_and(|drop| !drop.reason.is_empty());
            if is_seen || protected.is_some() {
                add(&mut self.stopped, connections);
                self.enforced.extend(key.policies.iter().cloned());
            }
            return;
        }
        let Some(group) = protected else {
            return;
        };
        let kind = Kind::of_parts(key.agreement, [&key.source, &key.destination], totals);
        match (key.agreement, kind) {
            (Agreement::Undetermined, _) => add(&mut self.unclear, connections),
            (_, Some(Kind::NotEnforced | Kind::LateEnforcement)) => {
                add(&mut self.after_change, totals.after_change);
                let let_through = totals.connections.saturating_sub(totals.after_change);
                if let_through > 0 {
                    add(&mut self.let_through, let_through);
                    self.exposed
                        .insert((group.namespace.clone(), group.workload.clone()));
                    self.not_enforced.extend(key.policies.iter().cloned());
                    let (first, last) = (totals.first_seen, totals.last_seen);
                    let within = self.let_through_within.get_or_insert((first, last));
                    *within = (within.0.min(first), within.1.max(last));
                }
            }
            _ => {}
        }
    }
}

/// Whether this many connections that were let through speak for a node that enforces nothing, if not one was stopped.
/// What is `unclear` may have been stopped where no firewall is seen to do it: it has to be the lesser part. `concerned` counts
/// the pods or the policies behind them, whichever are more.
#[must_use]
pub fn is_conclusive(let_through: u64, unclear: u64, concerned: usize) -> bool {
    let_through >= SEVERAL && unclear < let_through && concerned >= VARIED
}

/// One for each node that watched, by name. A node is measured only by what it had to stop itself, and not by ends on a node's
/// own network.
pub(super) fn records<'a>(
    history: &History,
    edges: impl Iterator<Item = &'a Edge>,
) -> BTreeMap<Arc<str>, NodeRecord> {
    let enforcers = Enforcers::new(history);
    let watched = history.nodes.iter();
    let mut records: BTreeMap<Arc<str>, NodeRecord> = watched
        .map(|node| (node.name.clone(), NodeRecord::default()))
        .collect();
    for edge in edges {
        let node = edge.key.node.clone();
        records.entry(node).or_default().add(edge, &enforcers);
    }
    records
}
