//! What an answer rests on, and where that is too little for any.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use netpol_policy::drift::Evidence;
use netpol_policy::history::{History, PolicyName, RememberedPolicy};
use netpol_policy::replay::{self, KnownPods};
use netpol_policy::unused::span;

use super::args::Arguments;
use super::words::TOLD;
use crate::proposed::{self, How, Proposed, Sets};
use crate::traffic::some;

/// What an answer rests on.
pub(super) struct Basis {
    /// Who watched, and when.
    pub(super) evidence: Evidence,
    /// Nodes of the cluster that have no history and are not known to be missing, in order.
    pub(super) without_history: Vec<Arc<str>>,
    /// No policy is in force before the change.
    pub(super) begins_bare: bool,
    /// Policies that change and select nobody whom the history knows.
    pub(super) select_nobody: Vec<PolicyName>,
    /// What the manifests label otherwise than it is, where the labels of then are asked about.
    pub(super) relabelled: BTreeSet<String>,
    /// Why nothing can be concluded at all.
    pub(super) insufficient: Vec<String>,
}

impl Basis {
    /// `damaged` lines of the history could not be read.
    pub(super) fn of(
        (history, damaged): (&History, u64),
        proposed: &Proposed,
        labels: &replay::Proposed,
        sets: &Sets,
        arguments: &Arguments,
    ) -> Self {
        let evidence = Evidence::of(history, None);
        let known = KnownPods::of(history);
        let mut insufficient = Vec::new();
        insufficient.extend(too_short(&evidence, arguments.min_window));
        if history.edges.is_empty() {
            insufficient.push("no traffic is remembered".to_owned());
        }
        if damaged > 0 {
            let lines = if damaged == 1 { "line" } else { "lines" };
            insufficient.push(format!(
                "{damaged} {lines} of the history could not be read"
            ));
        }
        insufficient.extend(of_another_cluster(proposed, &known));
        Self {
            evidence,
            without_history: without_history(history),
            begins_bare: sets.before.is_empty(),
            select_nobody: select_nobody(sets, &known),
            relabelled: if arguments.labels_now {
                BTreeSet::new()
            } else {
                replay::relabelled(history, labels)
            },
            insufficient,
        }
    }
}

/// Says so where no node watched for as long as is wanted.
fn too_short(evidence: &Evidence, wanted: Duration) -> Option<String> {
    if evidence.window.is_none() {
        return Some("no node watched any traffic".to_owned());
    }
    let longest = evidence.watched.values().max().copied().unwrap_or_default();
    (longest < wanted).then(|| {
        format!(
            "no node watched for {} (--min-window), the longest for {}",
            span(wanted),
            span(longest)
        )
    })
}

/// Says so where nobody lives in any namespace of the manifests.
fn of_another_cluster(proposed: &Proposed, known: &KnownPods) -> Option<String> {
    let namespaces: BTreeSet<&str> = proposed
        .declared()
        .map(|policy| &*policy.reference().namespace)
        .collect();
    // Of no namespace: whom such a policy selects is in none of its own.
    let is_about_known = |name: &&str| name.is_empty() || known.has_namespace(name);
    if namespaces.is_empty() || namespaces.iter().any(is_about_known) {
        return None;
    }
    Some(format!(
        "the history knows no pods in any namespace of the manifests ({}): it is of another cluster, or the manifests are to \
         be rendered first",
        some(namespaces, TOLD)
    ))
}

fn select_nobody(sets: &Sets, known: &KnownPods) -> Vec<PolicyName> {
    let is_proposed = |policy: &&RememberedPolicy| {
        let name = policy.name();
        let mut changes = sets.changes.iter();
        changes.any(|proposed::Change { policy, how }| *policy == name && *how != How::Removed)
    };
    let changed: Vec<&RememberedPolicy> = sets.after.iter().filter(is_proposed).collect();
    known.not_selected_by(&changed)
}

fn without_history(history: &History) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = history
        .cluster
        .iter()
        .map(|node| node.name.clone())
        .filter(|name| !history.nodes.iter().any(|node| node.name == *name))
        .filter(|name| !history.missing.iter().any(|node| node.name == **name))
        .collect();
    names.sort_unstable();
    names
}
