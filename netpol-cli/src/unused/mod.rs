//! `flows unused`: which parts of policies traffic has shown to be of use, and which nothing was seen to need.
//!
//! ```text
//! history ──────────► policies in force ─┐
//! --manifests PATH ─► what they declare ─┴─► netpol_policy::unused ─┬─► Shown ─► table | json
//!                                                                  └─► patch ─► YAML
//! ```

mod args;
mod json;
mod patch;
mod table;
mod words;

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use anstream::AutoStream;
use clap::ArgMatches;
use netpol_policy::history::{History, RememberedPolicy, in_force};
use netpol_policy::replay::KnownPods;
use netpol_policy::unused::{Entry, PolicyReport, Report, unused};

use self::args::{Arguments, Format};
pub(crate) use self::args::{command, window};
use crate::args::color_of;
use crate::error::CliError;
use crate::history;
use crate::progress::Reporter;
use crate::proposed::{self, Place, Proposed};
use crate::screen;

/// Something has a status that `--fail-on` names.
const FOUND: u8 = 1;

/// Judges the policies, and writes what is asked for.
///
/// # Errors
/// Bad arguments, a history or manifests that cannot be read, namespaces that the history does not know, with `--fail-on` a damaged
/// history, an output that does not take more.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, CliError> {
    let mut arguments = args::read(matches)?;
    let manifests = match arguments.manifests.as_slice() {
        [] => None,
        paths => Some(proposed::of_manifests(paths, false)?),
    };
    let (history, damaged) = history::load_with_damage(matches).map_err(CliError::no_answer)?;
    arguments.options.is_damaged = damaged > 0;
    let mut policies: Vec<RememberedPolicy> = in_force(&history);
    if let Some(manifests) = &manifests {
        policies = manifests.sets(&policies).after;
    }
    nobody_in(&arguments.namespaces, &history, &policies)?;
    let mut reporter = Reporter::start();
    let report = unused(&history, &policies, &arguments.options, |progress| {
        reporter.hear(|| format!("{} of {} policies judged", progress.done, progress.total));
    });
    reporter.finish();
    let shown = Shown {
        report: &report,
        arguments: &arguments,
        manifests: manifests.as_ref(),
    };
    let mut out = AutoStream::new(io::stdout(), color_of(matches));
    let text = match arguments.format {
        _ if arguments.patch => patch::text(&history, &policies, &shown),
        Format::Text => table::text(&shown, false, screen::terminal_width()),
        Format::Wide => table::text(&shown, true, screen::terminal_width()),
        Format::Json => json::text(&shown).map_err(CliError::Answer)?,
        Format::Yaml => json::yaml(&shown).map_err(CliError::Answer)?,
    };
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .or_else(CliError::of_answer)?;
    if report.is_damaged && !arguments.fail_on.is_empty() {
        let lines = match damaged {
            0 => "lines".to_owned(),
            1 => "1 line".to_owned(),
            damaged => format!("{damaged} lines"),
        };
        let message = format!("insufficient evidence: {lines} of the history could not be read");
        return Err(CliError::Input(message));
    }
    let is_found = shown
        .entries()
        .any(|(_, entry)| arguments.fail_on.contains(&entry.status));
    Ok(if is_found {
        ExitCode::from(FOUND)
    } else {
        ExitCode::SUCCESS
    })
}

/// Namespaces that are asked about and of which nothing is remembered: more likely than not the name is wrong.
///
/// # Errors
/// The first of them.
pub(crate) fn nobody_in(
    namespaces: &[String],
    history: &History,
    policies: &[RememberedPolicy],
) -> Result<(), CliError> {
    if namespaces.is_empty() {
        return Ok(());
    }
    let pods = KnownPods::of(history);
    let remembered = history.policies.iter().map(|one| &one.policy);
    let known: BTreeSet<Arc<str>> = remembered
        .chain(policies)
        .map(|policy| policy.reference().namespace.clone())
        .collect();
    let is_unknown = |name: &&String| !known.contains(name.as_str()) && !pods.has_namespace(name);
    match namespaces.iter().find(is_unknown) {
        Some(name) => Err(CliError::Input(format!(
            "no policies and no pods of namespace {name} are remembered"
        ))),
        None => Ok(()),
    }
}

/// A report, and which of it is asked for.
struct Shown<'a> {
    report: &'a Report,
    arguments: &'a Arguments,
    /// Where policies stand, with `--manifests`.
    manifests: Option<&'a Proposed>,
}

impl<'a> Shown<'a> {
    /// Whether a policy is asked about.
    fn has_policy(&self, policy: &PolicyReport) -> bool {
        let namespaces = &self.arguments.namespaces;
        let is_there = namespaces.is_empty()
            || namespaces
                .iter()
                .any(|one| **one == *policy.policy.namespace);
        // With manifests, the policies that they declare.
        is_there
            && self
                .manifests
                .is_none_or(|manifests| manifests.place_of(&words::name(policy)).is_some())
    }

    fn policies(&self) -> impl Iterator<Item = &'a PolicyReport> {
        let policies = self.report.policies.iter();
        policies.filter(|policy| self.has_policy(policy))
    }

    /// Every entry that is asked about, whatever its status.
    fn entries(&self) -> impl Iterator<Item = (&'a PolicyReport, &'a Entry)> {
        self.policies()
            .flat_map(|policy| policy.entries.iter().map(move |entry| (policy, entry)))
    }

    /// Whether an entry has a status that is to be shown.
    fn has(&self, entry: &Entry) -> bool {
        self.arguments.statuses.contains(&entry.status)
    }

    /// Where an entry stands in a manifest.
    fn place(&self, policy: &PolicyReport, entry: &Entry) -> Option<Place> {
        let manifests = self.manifests?;
        manifests.place_in(&words::name(policy), &words::field(policy, entry))
    }
}
