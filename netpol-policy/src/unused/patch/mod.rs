//! The policies without the parts that nothing needs.
//!
//! ```text
//!  Report ─► choose  which lines may go ─► cut  rules, peers and ports of policies ─► trial  all traffic, before and after
//!            ▲  ▲                                                                       │
//!            │  └───────────── lines that something seen would have missed ─────────────┘
//!           open  lines that something undecided may need
//! ```
//!
//! No list of peers or ports is ever emptied, since an empty list matches everything (rule 6): what would empty it takes the
//! whole rule. A NetworkPolicy that loses its last rule in a direction still isolates, and so denies all there.

mod choose;
mod cut;
mod open;
mod suspects;
mod trial;

use std::collections::BTreeMap;
use std::time::SystemTime;

use self::choose::Chosen;
use self::cut::Trimmed;
use self::open::Open;
use self::trial::Trial;
use super::everybody::everybody;
use super::limit::{Confidence, Limit};
use super::lines;
use super::pods::Pods;
use super::report::{Entry, EntryName, PolicyReport, Report, Status};
use super::shadow::Shadows;
use crate::history::{History, RememberedPolicy, Traffic};
use crate::verdict::{Decision, Direction};

/// The policies without the parts that nothing needs, and the proof that nothing that was seen would miss them.
#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    /// Those that change, in the order in which they were given.
    pub policies: Vec<PatchedPolicy>,
    /// What is said to be unused and stays all the same.
    pub kept: Vec<Kept>,
    /// What was asked about the policies before and after.
    pub replayed: Replayed,
}

/// A policy that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchedPolicy {
    /// As it stands.
    pub before: RememberedPolicy,
    /// Without its unused parts; `None` where nothing is left of it.
    pub after: Option<RememberedPolicy>,
    /// What is taken out, in order.
    pub removed: Vec<Removed>,
    /// Directions in which it has no rule left and still isolates its pods.
    pub closed: Vec<Direction>,
}

/// Something that is taken out of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// What, by the policy as it stands.
    pub cut: Cut,
    /// Why: what is said of the entries that go with it, each once.
    pub because: Vec<String>,
}

/// A part of a policy. Indices count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// All of it.
    Policy,
    /// A rule.
    Rule {
        /// Of which list.
        direction: Direction,
        /// Its index.
        rule: u32,
    },
    /// A peer of a rule that keeps others.
    Peer {
        /// Of which list.
        direction: Direction,
        /// The rule's index.
        rule: u32,
        /// Its index.
        peer: u32,
    },
    /// A port of a rule that keeps others.
    Port {
        /// Of which list.
        direction: Direction,
        /// The rule's index.
        rule: u32,
        /// Its index.
        port: u32,
    },
}

/// An entry that is said to be unused and stays.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Which.
    pub entry: EntryName,
    /// What is said of it.
    pub status: Status,
    /// Why it stays.
    pub why: Keeping,
}

/// Why an entry stays.
#[derive(Clone, Debug, PartialEq)]
pub enum Keeping {
    /// It denies, or isolates: what it is there for is not to be seen.
    Guards,
    /// Others that are taken out are shadowed by it.
    Covers,
    /// Its peer is used with other ports, and its port with other peers.
    NotAlone,
    /// It is likely to be unused, and less sure than asked for.
    Unsure(Limit),
    /// Something that was seen would get another answer.
    Changes(Box<Changed>),
    /// Something was seen of which it cannot be told whether it needs it.
    MayBeNeeded(Box<Traffic>),
}

/// Traffic that would get another answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    /// Which.
    pub traffic: Traffic,
    /// The answer as policies stand.
    pub before: Decision,
    /// The answer without the entry.
    pub after: Decision,
}

/// What was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Different traffic.
    pub traffic: usize,
    /// Connections behind it.
    pub connections: u64,
    /// Different traffic of which it cannot be told what policies say, before or after.
    pub unknown: usize,
}

/// What may be taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchOptions {
    /// Entries of which this much is known, or more.
    pub min_confidence: Confidence,
}

impl Default for PatchOptions {
    /// Low confidence is that of a Job that did not run, of nodes without a history: removing what it needs breaks it later.
    fn default() -> Self {
        Self {
            min_confidence: Confidence::Medium,
        }
    }
}

/// How far [`patch`] is: traffic that was asked about, in a round over all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchProgress {
    /// Asked about.
    pub done: usize,
    /// To be asked about.
    pub total: usize,
}

/// Takes the unused parts out of the policies that a report is of. `is_wanted` says of which of them. The policies have to be
/// all that count, and the ones that the report was made of.
pub fn patch(
    history: &History,
    policies: &[RememberedPolicy],
    report: &Report,
    is_wanted: impl Fn(&PolicyReport) -> bool,
    options: &PatchOptions,
    mut progress: impl FnMut(PatchProgress),
) -> Patch {
    let lines = lines::of(policies);
    let everybody = everybody(history);
    let pods = Pods::of(&everybody);
    let shadows = Shadows::of(policies, &lines, &pods);
    let entries: Vec<&Entry> = report
        .policies
        .iter()
        .flat_map(|policy| &policy.entries)
        .collect();
    let status = |line: usize| effective(entries[line], options);
    let doubt = |line: usize| doubt(entries[line], options);
    let mut chosen = Chosen::of(&shadows, report, is_wanted, status, doubt);
    let selects_nobody = |index: usize| {
        let mut own = shadows.lines_of(index);
        own.all(|line| status(line) == Status::DanglingSubject)
    };
    let trial = Trial::new(history, policies, &mut progress);
    let since: Vec<Option<SystemTime>> = report.policies.iter().map(|one| one.since).collect();
    let open = Open::new(history, &pods, &shadows, &since);
    for (line, traffic) in open.missed(chosen.gone(), trial.undecided()) {
        chosen.keep(line, Keeping::MayBeNeeded(Box::new(traffic.clone())));
    }
    chosen.take_shadowed(&shadows);
    let (trimmed, replayed) = loop {
        let trimmed: Vec<(usize, Trimmed)> = (0..policies.len())
            .filter_map(|index| {
                let own = shadows.lines_of(index);
                let gone: Vec<bool> = own.clone().map(|line| chosen.has(line)).collect();
                let trimmed =
                    cut::trim(&policies[index], &lines[own], &gone, selects_nobody(index))?;
                Some((index, trimmed))
            })
            .collect();
        let after: BTreeMap<usize, &Trimmed> =
            trimmed.iter().map(|(index, one)| (*index, one)).collect();
        let outcome = trial.of(&after, &mut progress);
        if outcome.missed.is_empty() {
            break (trimmed, outcome.replayed);
        }
        chosen.restore(&outcome.missed, &shadows);
    };
    let mut patched = Vec::new();
    for (index, trimmed) in trimmed {
        let first = shadows.lines_of(index).start;
        chosen.stay(trimmed.stays.iter().map(|place| first + place));
        if trimmed.cuts.is_empty() {
            continue;
        }
        let removed = trimmed.cuts.into_iter().map(|(cut, places)| {
            let mut because: Vec<String> = places
                .iter()
                .map(|place| words(entries[first + place], options))
                .collect();
            because.sort_unstable();
            because.dedup();
            Removed { cut, because }
        });
        patched.push(PatchedPolicy {
            before: policies[index].clone(),
            removed: removed.collect(),
            after: trimmed.after,
            closed: trimmed.closed,
        });
    }
    let kept = chosen.kept.into_iter().map(|(line, why)| Kept {
        entry: shadows.name(line),
        status: status(line),
        why,
    });
    Patch {
        policies: patched,
        kept: kept.collect(),
        replayed,
    }
}

/// What an entry counts as.
fn effective(entry: &Entry, options: &PatchOptions) -> Status {
    match entry.if_evidence_held {
        Some(status) if options.min_confidence == Confidence::Insufficient => status,
        _ => entry.status,
    }
}

/// What leaves an entry less sure than asked for.
fn doubt<'a>(entry: &'a Entry, options: &PatchOptions) -> Option<&'a Limit> {
    let mut limits = entry.limits.iter();
    limits.find(|limit| limit.leaves() < options.min_confidence)
}

/// Why an entry goes, with what is weak about that.
fn words(entry: &Entry, options: &PatchOptions) -> String {
    let status = effective(entry, options).as_str();
    let mut words = format!("{status}: {}", entry.because);
    if let Some(worst) = entry.limits.first() {
        words.push_str(&format!(
            " (confidence {}: {worst})",
            entry.confidence.as_str()
        ));
    }
    words
}
