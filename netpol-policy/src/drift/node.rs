//! What came of the connections that each node had to stop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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

/// What came of the connections that a node had to stop, of pods that are its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Name of the node.
    pub node: Arc<str>,
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
    /// Workloads whose connections were let through, of [`Self::let_through`].
    pub workloads: usize,
    /// Policies that denied those.
    pub policies: usize,
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
            (0, _) if seems_to_enforce_nothing(self) => Enforcement::Nothing,
            (0, _) => Enforcement::TooFew,
            _ => Enforcement::InPart,
        }
    }
}

/// What is unclear may have been stopped where no firewall is seen to: it has to be the lesser part.
fn seems_to_enforce_nothing(record: &NodeRecord) -> bool {
    is_conclusive(
        record.let_through,
        record.unclear,
        record.workloads.max(record.policies),
    )
}

/// Whether this many connections that were let through, beside so many of which it is unclear and with not one that was stopped,
/// speak for a node that enforces nothing. `concerned` counts the workloads, pods or policies that they are of, whichever is
/// more.
#[must_use]
pub fn is_conclusive(let_through: u64, unclear: u64, concerned: usize) -> bool {
    let_through >= SEVERAL && unclear < let_through && concerned >= VARIED
}

#[derive(Default)]
struct Tally<'a> {
    stopped: u64,
    let_through: u64,
    after_change: u64,
    unclear: u64,
    dropped: u64,
    workloads: BTreeSet<(&'a str, &'a Workload)>,
    policies: BTreeSet<&'a PolicyName>,
}

impl<'a> Tally<'a> {
    fn add(&mut self, edge: &'a Edge, enforcers: &Enforcers<'_>) {
        let (key, totals) = (&edge.key, &edge.totals);
        let connections = totals.connections + totals.resumed;
        if key.agreement == Agreement::AllowedButDropped {
            self.dropped += connections;
        }
        if key.computed != Decision::Denied {
            return;
        }
        let Some(group) = enforcers.protected(edge) else {
            return;
        };
        match (
            key.agreement,
            Kind::of_parts(key.agreement, [&key.source, &key.destination], totals),
        ) {
            (Agreement::Agree, _) => self.stopped += connections,
            (Agreement::Undetermined, _) => self.unclear += connections,
            (_, Some(Kind::NotEnforced | Kind::LateEnforcement)) => {
                self.after_change += totals.after_change;
                let let_through = totals.connections.saturating_sub(totals.after_change);
                if let_through > 0 {
                    self.let_through += let_through;
                    self.workloads.insert((&group.namespace, &group.workload));
                    self.policies.extend(&key.policies);
                }
            }
            _ => {}
        }
    }
}

/// One for each node that watched, by name. A node is measured only by what it had to stop itself, and not by ends on a node's
/// own network.
pub(super) fn records<'a>(
    history: &History,
    edges: impl Iterator<Item = &'a Edge>,
) -> Vec<NodeRecord> {
    let enforcers = Enforcers::new(history);
    let watched = history.nodes.iter();
    let mut tallies: BTreeMap<Arc<str>, Tally<'_>> = watched
        .map(|node| (node.name.clone(), Tally::default()))
        .collect();
    for edge in edges {
        let node = edge.key.node.clone();
        tallies.entry(node).or_default().add(edge, &enforcers);
    }
    let records = tallies.into_iter().map(|(node, tally)| NodeRecord {
        node,
        stopped: tally.stopped,
        let_through: tally.let_through,
        after_change: tally.after_change,
        unclear: tally.unclear,
        dropped: tally.dropped,
        workloads: tally.workloads.len(),
        policies: tally.policies.len(),
    });
    records.collect()
}
