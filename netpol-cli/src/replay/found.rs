//! What was found, before it is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use netpol_policy::difference::{self, Difference, Example, Limits, difference, population};
use netpol_policy::drift::Evidence;
use netpol_policy::explain::rule_field;
use netpol_policy::history::{History, PolicyName, in_force};
use netpol_policy::model::Object;
use netpol_policy::replay::{
    self as replays, Change, Decisive, LabelsOf, Options, Reason, Replay, Row, Sum, reasons, replay,
};

use super::args::Arguments;
use super::fail::Kind;
use crate::progress::Reporter;
use crate::proposed::{self, Place, Proposed};

/// What a change of policies does, and what that rests on.
pub(super) struct Found<'a> {
    pub(super) arguments: Arguments,
    /// Who watched, and when.
    pub(super) evidence: Evidence,
    /// Nodes of the cluster that have no history and are not known to be missing, in order.
    pub(super) without_history: Vec<Arc<str>>,
    /// No policy is in force before the change.
    pub(super) begins_bare: bool,
    /// Policies that differ.
    pub(super) changes: Vec<proposed::Change>,
    /// Of the traffic that was seen.
    pub(super) replay: Replay,
    /// Of what policies permit.
    pub(super) difference: Difference,
    proposed: &'a Proposed,
}

/// Traffic, and what was seen to come of it.
#[derive(Default)]
pub(super) struct Total {
    /// Workload pairs and ports.
    pub(super) rows: usize,
    pub(super) sum: Sum,
    /// Connections that the kernel let through.
    pub(super) forwarded: u64,
    /// Connections that it stopped.
    pub(super) blocked: u64,
}

impl<'a> Found<'a> {
    /// Compares. Progress is told on standard error.
    pub(super) fn of(history: &History, proposed: &'a Proposed, arguments: Arguments) -> Self {
        let sets = proposed.sets(&in_force(history));
        let options = Options {
            labels: labels(proposed, arguments.labels_now),
            pod_ranges: arguments.pod_ranges.clone(),
        };
        let mut reporter = Reporter::start();
        let replay = replay(history, &sets.before, &sets.after, &options, |progress| {
            let replays::Progress { done, total } = progress;
            reporter.hear(|| format!("replaying: {done} of {total} aggregated flows"));
        });
        let mut population = population(history, proposed.objects());
        if !arguments.pod_ranges.is_empty() {
            population = population.with_pod_ranges(&arguments.pod_ranges);
        }
        let limits = Limits::default();
        let difference = difference(
            &population,
            &sets.before,
            &sets.after,
            &limits,
            |progress| {
                let difference::Progress { done, total } = progress;
                reporter.hear(|| format!("comparing: {done} of {total} pairs"));
            },
        );
        reporter.finish();
        Self {
            arguments,
            evidence: Evidence::of(history, None),
            without_history: without_history(history),
            begins_bare: sets.before.is_empty(),
            changes: sets.changes,
            replay,
            difference,
            proposed,
        }
    }

    /// The traffic for which one thing changes.
    pub(super) fn rows(&self, change: Change) -> impl Iterator<Item = &Row> {
        let rows = self.replay.rows.iter();
        rows.filter(move |row| row.change == change)
    }

    /// All traffic for which one thing changes.
    pub(super) fn total(&self, change: Change) -> Total {
        let mut total = Total::default();
        for Row { seen, .. } in self.rows(change) {
            total.rows += 1;
            total.sum.connections += seen.sum.connections;
            total.sum.resumed += seen.sum.resumed;
            total.sum.bytes += seen.sum.bytes;
            total.forwarded += seen.forwarded();
            total.blocked += seen.blocked();
        }
        total
    }

    /// What differs in what policies permit, whether there was such traffic or not.
    pub(super) fn permitted(&self, kind: Kind) -> impl Iterator<Item = &difference::Change> {
        let changes = self.difference.changes.iter();
        changes.filter(move |change| match kind {
            Kind::Opened => !change.opened.is_empty(),
            Kind::Closed => !change.closed.is_empty(),
            Kind::Traffic(_) => false,
        })
    }

    /// Whether something of a kind was found.
    pub(super) fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Traffic(change) => self.rows(change).next().is_some(),
            Kind::Opened | Kind::Closed => self.permitted(kind).next().is_some(),
        }
    }

    /// What was found of that which is reason enough to fail.
    pub(super) fn failures(&self) -> Vec<Kind> {
        let asked = self.arguments.fail_on.iter();
        asked.filter(|kind| self.has(*kind)).collect()
    }

    /// Why nothing can be concluded at all; `None` where something can.
    pub(super) fn insufficient(&self) -> Option<&'static str> {
        let window = self.evidence.window;
        window.is_none().then_some("no node watched any traffic")
    }

    /// Policies of kinds that are not evaluated.
    pub(super) fn not_evaluated(&self) -> &[String] {
        self.proposed.not_evaluated()
    }

    /// Where it is written what is behind a row.
    pub(super) fn place_of(&self, row: &Row) -> Option<Place> {
        self.place_behind(row.after.reasons.iter().chain(&row.before.reasons))
    }

    /// Where it is written what is behind a difference in what policies permit, by its example.
    pub(super) fn place_of_example(&self, example: &Example) -> Option<Place> {
        let [after, before] = [&example.after, &example.before].map(reasons);
        self.place_behind(after.iter().chain(&before))
    }

    /// Where the first of these is written that a policy brings which changes; else the first policy that changes and is
    /// written somewhere.
    fn place_behind<'r>(&self, reasons: impl Iterator<Item = &'r Reason>) -> Option<Place> {
        let changed: BTreeSet<&PolicyName> =
            self.changes.iter().map(|change| &change.policy).collect();
        let is_changed = |reason: &&Reason| {
            let policy = reason.what.policy();
            policy.is_some_and(|policy| changed.contains(&policy))
        };
        let mut places = reasons
            .filter(is_changed)
            .filter_map(|reason| self.place_of_reason(reason));
        places.next().or_else(|| {
            let mut changes = self.changes.iter();
            changes.find_map(|change| self.proposed.place_of(&change.policy))
        })
    }

    fn place_of_reason(&self, reason: &Reason) -> Option<Place> {
        let field = match &reason.what {
            Decisive::Rule(rule) | Decisive::DenyRule(rule) => {
                rule_field(rule.direction, rule.rule)
            }
            Decisive::Isolated {
                nearest: Some(nearest),
                ..
            } => rule_field(nearest.rule.direction, nearest.rule.rule),
            _ => String::new(),
        };
        self.proposed.place_in(&reason.what.policy()?, &field)
    }
}

/// Whose labels to ask about; those that manifests propose are taken over where labels of now are asked about.
fn labels(proposed: &Proposed, now: bool) -> LabelsOf {
    if !now {
        return LabelsOf::FlowTime;
    }
    let mut labels = replays::Proposed::default();
    for object in proposed.objects() {
        match object {
            Object::Namespace(namespace) => labels.namespaces.push(namespace.clone()),
            Object::Template(template) => labels.templates.push(Arc::new(template.clone())),
            _ => {}
        }
    }
    LabelsOf::Now(labels)
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
