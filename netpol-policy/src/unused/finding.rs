//! What is to be said of one line, from what is known of it alone to what traffic shows.

mod absent;

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::judge::{Case, Judge};
use super::limit::{Beginning, Confidence, Limit};
use super::lines::Line;
use super::pods::Selected;
use super::report::{Entry, EntryName, Status, Window, workload};
use super::shadow::{Proof, Shadow};
use super::words::{counted, some};
use crate::history::rule::{Part, UseTotals};
use crate::history::{Present, RememberedPolicy};
use crate::model::{Action, PortMatch};
use crate::verdict::Direction;

pub(super) use super::limit::Beginning as Since;

/// One line of one policy, in question.
pub(super) struct Finding<'a> {
    pub(super) judge: &'a Judge<'a>,
    pub(super) case: &'a Case<'a>,
    pub(super) line: &'a Line<'a>,
    /// Of the line, among those of all policies.
    pub(super) index: usize,
}

/// A status with what speaks for it and against it.
struct Said {
    status: Status,
    because: String,
    limits: Vec<Limit>,
    window: Option<Window>,
    shadowed_by: Vec<EntryName>,
}

impl Said {
    fn of(status: Status, because: impl Into<String>) -> Self {
        Self {
            status,
            because: because.into(),
            limits: Vec::new(),
            window: None,
            shadowed_by: Vec::new(),
        }
    }
}

impl Finding<'_> {
    /// Says it.
    pub(super) fn entry(&self, policy: &RememberedPolicy) -> Entry {
        let mut said = self
            .absent()
            .or_else(|| self.shadowed())
            .unwrap_or_else(|| self.by_traffic());
        said.limits.sort_by_key(Limit::leaves);
        let confidence = said.limits.first().map_or(Confidence::High, Limit::leaves);
        let is_enough = confidence != Confidence::Insufficient;
        let (peer, port) = self.line.words(policy);
        Entry {
            direction: self.line.direction,
            part: self.line.part,
            action: self.line.action,
            peer,
            port,
            status: if is_enough {
                said.status
            } else {
                Status::InsufficientEvidence
            },
            if_evidence_held: (!is_enough).then_some(said.status),
            because: said.because,
            confidence,
            limits: said.limits,
            shadowed_by: said.shadowed_by,
            totals: self.totals().cloned(),
            window: said.window.or(self.case.watch.window),
        }
    }

    fn totals(&self) -> Option<&UseTotals> {
        self.judge.totals(self.case, self.line)
    }

    /// The pods of its peer, where that is pods.
    fn peers(&self) -> Option<&Selected> {
        self.judge.shadows.peers(self.index).map(AsRef::as_ref)
    }

    fn shadowed(&self) -> Option<Said> {
        let Shadow { by, proof } = self.judge.shadows.over(self.index, &BTreeSet::new())?;
        let by: Vec<EntryName> = by
            .into_iter()
            .map(|index| self.judge.shadows.name(index))
            .collect();
        let because = if by.is_empty() {
            "NetworkPolicies decide for every pod that the policy selects, so it is never asked"
                .to_owned()
        } else {
            let names: Vec<String> = by.iter().map(EntryName::to_string).collect();
            format!("all that it matches is matched by {}", some(&names))
        };
        let mut said = Said::of(Status::Shadowed, because);
        said.shadowed_by = by;
        if proof == Proof::KnownPods {
            said.limits.push(Limit::KnownPodsOnly);
            said.window = self.judge.nodes.any();
            said.limits.extend(match said.window {
                Some(window) => self.limits_of_knowledge(window, Beginning::Knowledge),
                None => vec![Limit::NobodyWatched],
            });
        }
        Some(said)
    }

    /// What was seen, or was not.
    fn by_traffic(&self) -> Said {
        let nothing = UseTotals {
            hits: 0,
            sole: 0,
            resumed: 0,
            forwarded: 0,
            bytes: 0,
            first_seen: SystemTime::UNIX_EPOCH,
            last_seen: SystemTime::UNIX_EPOCH,
        };
        let totals = self.totals().unwrap_or(&nothing);
        let denies = matches!(self.line.action, None | Some(Action::Deny));
        let connections = |count| counted(count, "connection");
        if totals.hits == 0 && totals.resumed == 0 {
            if denies {
                let because = "it denies, and nothing was seen that it had to deny";
                return Said::of(Status::Deny, because);
            }
            let because = "nothing was seen that it matches";
            let mut said = self.weighed(Said::of(Status::Idle, because));
            let mut limits = said.limits.iter();
            if limits.any(|limit| matches!(limit, Limit::NotCounted { .. })) {
                said.because = "no use of it was counted".to_owned();
            }
            said.because.push_str(&self.partly_resolved());
            return said;
        }
        if totals.hits == 0 {
            let seen = connections(totals.resumed);
            let because = format!("{seen} that were open before watching began need it");
            return Said::of(Status::Used, because);
        }
        let hits = connections(totals.hits);
        if self.line.part == Part::Isolation {
            return Said::of(Status::Used, format!("it stopped {hits}"));
        }
        if totals.sole == 0 {
            let because = format!("it matched {hits}, and others matched each of them");
            let mut said = self.weighed(Said::of(Status::RedundantUse, because));
            if totals.resumed > 0 {
                said.limits.push(Limit::OpenBefore {
                    connections: totals.resumed,
                });
            }
            said.limits.extend(self.others_changed(totals));
            return said;
        }
        let because = format!("it alone decided {} of {hits}", totals.sole);
        Said::of(Status::Used, because)
    }

    /// What others matched each of a line's hits may be others no more.
    fn others_changed(&self, totals: &UseTotals) -> Option<Limit> {
        let (direction, from) = (self.line.direction, totals.first_seen);
        let changed = self.judge.changed_since(self.case, direction, from);
        let (policies, last) = changed?;
        Some(Limit::OthersChanged {
            policies,
            is_last: totals.last_seen <= last,
        })
    }

    /// With all that takes from what was not seen.
    fn weighed(&self, mut said: Said) -> Said {
        let case = self.case;
        let Some(in_force) = case.in_force else {
            said.limits.push(Limit::NeverInForce);
            return said;
        };
        let Some(mut window) = case.watch.window else {
            said.limits.push(Limit::NobodyWatched);
            return said;
        };
        said.limits.extend(self.unreadable());
        let mut beginning = if window.from > in_force.from {
            Beginning::Watch
        } else {
            Beginning::Policy
        };
        let ends = [
            (Some(case.subjects), Beginning::Subjects),
            (self.peers(), Beginning::Peers),
        ];
        for (pods, kind) in ends {
            if let Some(first) = pods.and_then(|pods| pods.first_seen) {
                Judge::later(&mut window, &mut beginning, first, kind);
            }
        }
        let options = self.judge.options;
        let limit = Limit::of_length(window.length(), beginning, options);
        said.limits.extend(limit);
        said.limits.extend(self.judge.limits_of_watch(case, window));
        said.limits.extend(self.limits_of_pods(window));
        if self.line.fails_closed {
            said.limits.push(Limit::UnknownKind);
        }
        let beside = case.watch.connections;
        let seen = &self.judge.seen;
        let limits = seen.limits(self.index, &case.name, window.from, beside);
        // Its uses are counted where it has hits.
        let is_new = |limit: &Limit| {
            said.status == Status::Idle || !matches!(limit, Limit::NotCounted { .. })
        };
        said.limits.extend(limits.into_iter().filter(is_new));
        said.window = Some(window);
        said
    }

    /// What takes from it by who the pods are.
    fn limits_of_pods(&self, window: Window) -> Vec<Limit> {
        let mut limits = Vec::new();
        for selected in [Some(self.case.subjects), self.peers()]
            .into_iter()
            .flatten()
        {
            if !selected.is_certain && !limits.contains(&Limit::GeneratedLabels) {
                limits.push(Limit::GeneratedLabels);
            }
            let missed: Vec<&Present> = selected
                .resting
                .iter()
                .map(|one| self.judge.pods.get(*one))
                .filter(|present| present.last_seen <= window.from)
                .collect();
            if !missed.is_empty() {
                let workloads = distinct(missed.iter().map(|one| workload(&one.group)));
                limits.push(Limit::DidNotRun {
                    workloads,
                    is_all: missed.len() == selected.groups.len(),
                });
            }
        }
        if !self.case.subjects.is_there {
            limits.push(Limit::NoPodsNow);
        }
        limits
    }

    /// Says of a named port that only some of the pods have it.
    fn partly_resolved(&self) -> String {
        let Some(PortMatch::Name(name)) = self.line.port.map(|rule| &rule.port) else {
            return String::new();
        };
        let pods = match self.line.direction {
            Direction::Ingress => Some(self.case.subjects),
            Direction::Egress => self.peers(),
        };
        let groups = pods.map(|pods| pods.groups.as_slice()).unwrap_or_default();
        let has = |index: &&usize| {
            let group = self.judge.pods.group(**index);
            group.ports.iter().any(|port| *port.name == **name)
        };
        let (with, all) = (groups.iter().filter(has).count(), groups.len());
        if with == all {
            return String::new();
        }
        format!("; {with} of {all} kinds of pods have a port named {name}")
    }
}

/// In order, each once.
fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let names: BTreeSet<String> = names.collect();
    names.into_iter().collect()
}
