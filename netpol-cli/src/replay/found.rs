//! What was found, before it is written.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use netpol_policy::difference::{self, Difference, Example, Limits, difference, population};
use netpol_policy::explain::rule_field;
use netpol_policy::history::{History, PolicyName, in_force};
use netpol_policy::model::Object;
use netpol_policy::replay::{
    self as replays, Change, Decisive, LabelsOf, Options, Reason, Replay, Row, Sum, reasons, replay,
};

use super::args::Arguments;
use super::basis::Basis;
use super::fail::Kind;
use super::words;
use crate::progress::Reporter;
use crate::proposed::{self, NotEvaluated, Place, Proposed};

/// What a change of policies does, and what that rests on.
pub(super) struct Found<'a> {
    pub(super) arguments: Arguments,
    pub(super) basis: Basis,
    /// Policies that may differ and are of kinds that are not evaluated.
    pub(super) not_evaluated: Vec<NotEvaluated>,
    /// Policies that differ.
    pub(super) changes: Vec<proposed::Change>,
    /// Of the traffic that was seen.
    pub(super) replay: Replay,
    /// Of what policies permit.
    pub(super) difference: Difference,
    pub(super) proposed: &'a Proposed,
}

/// Something that may change, of which no traffic tells.
pub(super) struct Untold {
    pub(super) what: String,
    /// Completes a sentence about it.
    pub(super) why: &'static str,
    pub(super) place: Option<Place>,
}

/// `Kind name (file:line) is of a kind that is not evaluated, and may change anything`.
impl fmt::Display for Untold {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, why, place } = self;
        match place {
            Some(Place { file, line, .. }) => write!(out, "{what} ({file}:{line}) {why}"),
            None => write!(out, "{what} {why}"),
        }
    }
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
    /// Compares. `damaged` lines of the history could not be read. Progress is told on standard error.
    pub(super) fn of(
        (history, damaged): (&History, u64),
        proposed: &'a Proposed,
        arguments: Arguments,
    ) -> Self {
        let sets = proposed.sets(&in_force(history));
        let labels = labels(proposed);
        let basis = Basis::of((history, damaged), proposed, &labels, &sets, &arguments);
        let options = Options {
            labels: if arguments.labels_now {
                LabelsOf::Now(labels)
            } else {
                LabelsOf::FlowTime
            },
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
            basis,
            not_evaluated: proposed.not_evaluated_changes(),
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
            total.sum.add(seen.sum);
            total.forwarded = total.forwarded.saturating_add(seen.forwarded());
            total.blocked = total.blocked.saturating_add(seen.blocked());
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

    /// What cannot be told beside traffic.
    pub(super) fn untold(&self) -> Vec<Untold> {
        let policies = self.not_evaluated.iter().map(|one| Untold {
            what: one.policy.clone(),
            why: "is of a kind that is not evaluated, and may change anything",
            place: Some(one.place.clone()),
        });
        let asked = self.arguments.fail_on.has_permitted();
        let unclear = self.difference.changes.iter().filter(|_| asked);
        let unclear = unclear.filter(|change| !change.unclear.is_empty());
        let unclear = unclear.map(|change| Untold {
            what: format!(
                "{} to {} at {}",
                words::parties(&change.from),
                words::parties(&change.to),
                words::ports(&change.unclear)
            ),
            why: "cannot be decided before the change or after it",
            place: None,
        });
        policies.chain(unclear).collect()
    }

    /// How many answers about what policies permit cannot be told.
    pub(super) fn unclear(&self) -> usize {
        let changes = self.difference.changes.iter();
        changes.filter(|change| !change.unclear.is_empty()).count()
    }

    /// Whether something of a kind was found. What cannot be told of what policies permit counts where that is asked about.
    fn has(&self, kind: Kind) -> bool {
        match kind {
            Kind::Traffic(Change::Unknown) => {
                self.rows(Change::Unknown).next().is_some() || !self.untold().is_empty()
            }
            Kind::Traffic(change) => self.rows(change).next().is_some(),
            Kind::Opened | Kind::Closed => self.permitted(kind).next().is_some(),
        }
    }

    /// What was found of that which is reason enough to fail.
    pub(super) fn failures(&self) -> Vec<Kind> {
        let asked = self.arguments.fail_on.iter();
        asked.filter(|kind| self.has(*kind)).collect()
    }

    /// Why nothing can be concluded; empty where something can.
    pub(super) fn insufficient(&self) -> Vec<String> {
        let mut reasons = self.basis.insufficient.clone();
        let cut = self.difference.cut.as_ref();
        let cut = cut.filter(|_| self.arguments.fail_on.has_permitted());
        reasons.extend(cut.map(|cut| format!("of what policies permit, {cut}")));
        reasons
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

/// What is proposed beside policies and has labels.
fn labels(proposed: &Proposed) -> replays::Proposed {
    let mut labels = replays::Proposed::default();
    for object in proposed.objects() {
        match object {
            Object::Namespace(namespace) => labels.namespaces.push(namespace.clone()),
            Object::Template(template) => labels.templates.push(Arc::new(template.clone())),
            _ => {}
        }
    }
    labels
}
