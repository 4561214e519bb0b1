//! Policies that somebody proposes: what would be in force after a change, and what is before it.
//!
//! ```text
//! --manifests PATH... ──► files ──────────────┐
//! --base REV ─► git ─┬─ merge base ─► before ─┼─► Declared ─┐
//!                    └─ --head, or what is    │             ├─► Sets { before, after, changes }
//!                       tracked ────► after ──┘  in force ──┘
//! ```
//!
//! Policies are told apart by kind, namespace and name, never by file: a file that is renamed changes nothing.

mod arguments;
mod declared;
mod git;
mod sets;

use clap::ArgMatches;
use netpol_policy::history::edge::PolicyName;
use netpol_policy::history::policy::RememberedPolicy;
use netpol_policy::model::Object;

pub(crate) use self::arguments::arguments;
use self::declared::Declared;
pub(crate) use self::declared::NotEvaluated;
use self::git::Repository;
pub(crate) use self::sets::{Change, How, Sets};
use crate::error::CliError;
use crate::manifests::files;
use crate::text;

/// What is proposed.
#[derive(Debug)]
pub(crate) struct Proposed {
    /// What was declared before, where a git revision says so.
    before: Option<Declared>,
    after: Declared,
    /// Policies that are not declared are gone.
    prune: bool,
}

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Path from the repository's root with `--base`, else as it was given; `<stdin>` for standard input.
    pub(crate) file: String,
    /// Counts from 1.
    pub(crate) line: usize,
    /// In a revision before the change: the file may have no such line now.
    pub(crate) is_gone: bool,
}

/// Reads what the arguments name. What cannot be used is told on stderr, a line each.
///
/// # Errors
/// Paths or revisions that cannot be read, and manifests that cannot be used: what an API server refuses would change
/// nothing, so a comparison without it would answer another question.
pub(crate) fn load(matches: &ArgMatches) -> Result<Proposed, CliError> {
    let prune = matches.get_flag("prune");
    let paths: Vec<String> = matches
        .get_many::<String>("manifests")
        .into_iter()
        .flatten()
        .cloned()
        .collect();
    let Some(base) = matches.get_one::<String>("base") else {
        return of_manifests(&paths, prune);
    };
    let head = matches.get_one::<String>("head").map(String::as_str);
    let repository = Repository::here(&paths)?;
    let comparison = repository.comparison(base, head)?;
    if !comparison.untracked.is_empty() {
        let names = comparison.untracked.join(", ");
        let line = format!("note: git does not track, so not read: {names}");
        anstream::eprintln!("{}", text::clean(&line));
    }
    let before = Declared::read(comparison.before, &comparison.prefix, Vec::new());
    let after = Declared::read(comparison.after, "", Vec::new());
    after.refuse_unusable()?;
    before.tell_unusable(&comparison.base);
    Ok(Proposed {
        before: Some(before),
        after,
        prune,
    })
}

/// What manifests declare, compared with nothing but what is in force.
///
/// # Errors
/// As [`load`].
pub(crate) fn of_manifests(paths: &[String], prune: bool) -> Result<Proposed, CliError> {
    let read = files::read(paths.iter())?;
    let after = Declared::read(read.sources, "", read.problems);
    after.refuse_unusable()?;
    Ok(Proposed {
        before: None,
        after,
        prune,
    })
}

impl Proposed {
    /// The policies before the change and after it, in a cluster where these are in force.
    ///
    /// What is proposed takes the place of what has the same name, and everything else stays; with `--base` what the base
    /// declared and the head does not is gone, and the base's policies count as being in force; with `--prune` nothing
    /// counts that is not declared.
    pub(crate) fn sets(&self, in_force: &[RememberedPolicy]) -> Sets {
        let before = self
            .before
            .as_ref()
            .map(|before| before.policies.as_slice());
        sets::sets(in_force, before, &self.after.policies, self.prune)
    }

    /// Where a policy stands, or stood in the base; `None` for one that is in force and nowhere declared.
    pub(crate) fn place_of(&self, policy: &PolicyName) -> Option<Place> {
        self.place_in(policy, "")
    }

    /// Where a field of a policy stands, such as `spec.ingress[0]`; the policy itself where it has no such field.
    pub(crate) fn place_in(&self, policy: &PolicyName, field: &str) -> Option<Place> {
        self.after.place_in(policy, field).or_else(|| {
            let place = self.before.as_ref()?.place_in(policy, field)?;
            Some(Place {
                is_gone: true,
                ..place
            })
        })
    }

    /// What is proposed beside policies: namespaces, what makes pods, and so on.
    pub(crate) fn objects(&self) -> &[Object] {
        &self.after.objects
    }

    /// Policies of kinds that are not evaluated.
    pub(crate) fn not_evaluated(&self) -> &[NotEvaluated] {
        &self.after.not_evaluated
    }

    /// Those of them that may change: with `--base` what is added, gone or written otherwise, else all, since nothing tells
    /// whether they are in force.
    pub(crate) fn not_evaluated_changes(&self) -> Vec<NotEvaluated> {
        let after = self.after.not_evaluated.iter();
        let Some(before) = &self.before else {
            return after.cloned().collect();
        };
        let is_in = |one: &NotEvaluated, others: &[NotEvaluated]| {
            let mut others = others.iter();
            others.any(|other| (&one.policy, &one.text) == (&other.policy, &other.text))
        };
        let after = after.filter(|one| !is_in(one, &before.not_evaluated));
        let mut changes: Vec<NotEvaluated> = after.cloned().collect();
        for gone in &before.not_evaluated {
            let is_there = |one: &NotEvaluated| one.policy == gone.policy;
            if !self.after.not_evaluated.iter().any(is_there) {
                let mut gone = gone.clone();
                gone.place.is_gone = true;
                changes.push(gone);
            }
        }
        changes
    }

    /// Whether any policy that is evaluated is declared, before or after.
    pub(crate) fn declares_policies(&self) -> bool {
        self.declared().next().is_some()
    }

    /// The policies that are declared, before and after.
    pub(crate) fn declared(&self) -> impl Iterator<Item = &RememberedPolicy> {
        let sides = self.before.iter().chain([&self.after]);
        sides.flat_map(|declared| &declared.policies)
    }
}
