//! Suggestions as YAML for `kubectl apply`, with all that is to be known before as comments.

use std::collections::{BTreeMap, BTreeSet};

use netpol_policy::history::{RememberedPolicy, Traffic};
use netpol_policy::k8s::write::policy_yaml;
use netpol_policy::suggest::{Fate, LeftOut, Suggestions, Withheld};

use super::{comments, evidence};
use crate::text::clean;
use crate::traffic::{connections, some, time, whole};

/// Kinds of traffic that are told by themselves for each reason.
const TOLD: usize = 5;

/// The whole answer.
pub(super) fn page(suggestions: &Suggestions, namespace: &str) -> String {
    let mut lines = vec![format!(
        "NetworkPolicies for {namespace}, from traffic that was seen."
    )];
    lines.extend(evidence::lines(&suggestions.evidence));
    lines.extend(evidence::missing(&suggestions.evidence));
    lines.push(kept(suggestions));
    lines.extend(notes(suggestions));
    lines.extend(left_out(&suggestions.left_out));
    let mut text = String::new();
    for line in lines {
        text.push_str("# ");
        text.push_str(&clean(&line));
        text.push('\n');
    }
    for suggested in &suggestions.policies {
        let policy = RememberedPolicy::Network(suggested.policy.clone());
        let comments = comments::of(suggested, suggestions);
        text.push_str("---\n");
        text.push_str(&policy_yaml(&policy, &comments));
    }
    text
}

fn kept(suggestions: &Suggestions) -> String {
    let passing = suggestions.kept.iter().chain(&suggestions.passes_now);
    let count = passing.fold(0_u64, |sum, one| {
        let more = one.totals.connections.saturating_add(one.totals.resumed);
        sum.saturating_add(more)
    });
    let kinds = suggestions.kept.len() + suggestions.passes_now.len();
    match kinds {
        0 => "Nothing was seen that is to be let through.".to_owned(),
        kinds => format!(
            "Replayed: all that is kept passes, {} in {kinds} kinds.",
            connections(count)
        ),
    }
}

/// What else a reader has to know, of the policies and of what was kept.
pub(super) fn notes(suggestions: &Suggestions) -> Vec<String> {
    let mut notes = Vec::new();
    for withheld in &suggestions.withheld {
        notes.push(self::withheld(withheld));
    }
    if !suggestions.replaced.is_empty() {
        notes.push(format!(
            "Take the place of policies in force, and permit all that these do: {}.",
            some(&suggestions.replaced, TOLD)
        ));
    }
    if let Some(policy) = &suggestions.default_deny {
        let policy = format!("The default deny is in force already: {policy}");
        notes.push(match suggestions.without_rules.as_slice() {
            [] => format!("{policy}."),
            workloads => format!(
                "{policy}; nothing is to be let through of {}.",
                some(workloads, TOLD)
            ),
        });
    }
    if !suggestions.in_force.is_empty() {
        notes.push(format!(
            "Still in force, and permitting what they permit until they are removed: {}.",
            some(&suggestions.in_force, TOLD)
        ));
    }
    for one in suggestions.still_denied.iter().take(TOLD) {
        notes.push(format!(
            "Denied by {} in any case: {}.",
            some(&one.by, TOLD),
            whole(&one.traffic)
        ));
    }
    for one in suggestions.passes_now.iter().take(TOLD) {
        notes.push(format!(
            "Passes by the labels that pods have now, not by those of that time: {}.",
            whole(one)
        ));
    }
    for one in suggestions.undecided.iter().take(TOLD) {
        notes.push(format!(
            "Kept, and whether it passes cannot be told: {}: {}.",
            whole(&one.traffic),
            // Some of these are sentences.
            some(&one.why, TOLD).trim_end_matches('.')
        ));
    }
    for (what, count) in [
        ("denied by others", suggestions.still_denied.len()),
        ("by labels of now", suggestions.passes_now.len()),
        ("undecided", suggestions.undecided.len()),
    ] {
        if let Some(more @ 1..) = count.checked_sub(TOLD) {
            notes.push(format!("{more} more kinds of traffic are {what}."));
        }
    }
    notes
}

pub(super) fn withheld(withheld: &Withheld) -> String {
    match withheld {
        Withheld::WithoutLabels(name) => {
            format!("No policy for {name}: its pods have no lasting label in common.")
        }
        Withheld::Denies { workloads, example } => format!(
            "No policy for {}: it would deny {}, which it was made for.",
            some(workloads, TOLD),
            whole(example)
        ),
        Withheld::DefaultDeny(workloads) => format!(
            "No default deny: it would cut off {}, which got no policy.",
            some(workloads, TOLD)
        ),
    }
}

/// What becomes of traffic without a rule, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Becomes {
    Denied,
    PerhapsDenied,
    DeniedLater,
    LetThrough,
    LeftOut,
    AsBefore,
}

impl Becomes {
    fn of(left_out: &LeftOut) -> Self {
        match left_out.fate {
            _ if left_out.reason.needs_no_rule() => Self::AsBefore,
            Fate::Denied if left_out.is_cut_off() => Self::Denied,
            Fate::Unknown if left_out.is_cut_off() => Self::PerhapsDenied,
            Fate::DeniedLater if left_out.is_cut_off() => Self::DeniedLater,
            Fate::Permitted => Self::LetThrough,
            _ => Self::LeftOut,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Denied => "Left out, got through and is denied from now on",
            Self::PerhapsDenied => "Left out, got through and may be denied from now on",
            Self::DeniedLater => {
                "Left out, got through and is denied once the policies in force are removed"
            }
            Self::LetThrough => "Left out, and let through all the same",
            Self::LeftOut => "Left out",
            Self::AsBefore => "Needs no rule",
        }
    }
}

/// What got through and will not, or perhaps not.
pub(super) fn cut_off(all: &[LeftOut]) -> Vec<String> {
    let mut kinds: BTreeMap<Becomes, BTreeSet<String>> = BTreeMap::new();
    for one in all.iter().filter(|one| one.is_cut_off()) {
        let kinds = kinds.entry(Becomes::of(one)).or_default();
        kinds.insert(told(&one.traffic));
    }
    let lines = kinds.iter().map(|(becomes, kinds)| {
        let plural = if kinds.len() == 1 { "" } else { "s" };
        format!(
            "{}: {} kind{plural} of traffic.",
            becomes.words(),
            kinds.len()
        )
    });
    lines.collect()
}

/// What no rule was made for, by what becomes of it and why.
fn left_out(all: &[LeftOut]) -> Vec<String> {
    let mut reasons: BTreeMap<(Becomes, &str), Vec<&LeftOut>> = BTreeMap::new();
    for one in all {
        let key = (Becomes::of(one), one.reason.as_str());
        reasons.entry(key).or_default().push(one);
    }
    let mut lines = Vec::new();
    for ((becomes, _), left_out) in reasons {
        // Reasons of a kind differ in numbers: the largest is told.
        let Some(reason) = left_out.iter().map(|one| &one.reason).max() else {
            continue;
        };
        let is_one = left_out.iter().all(|one| one.reason == *reason);
        let others = if is_one { "" } else { "; others are like it" };
        lines.push(format!("{}: {reason}{others}:", becomes.words()));
        // Both ends may be pods of the namespace.
        let mut kinds: Vec<String> = Vec::new();
        for one in left_out {
            let told = told(&one.traffic);
            if !kinds.contains(&told) {
                kinds.push(told);
            }
        }
        lines.extend(kinds.iter().take(TOLD).map(|kind| format!("  {kind}")));
        if let Some(more @ 1..) = kinds.len().checked_sub(TOLD) {
            lines.push(format!("  {more} more; -o json has all"));
        }
    }
    lines
}

/// Traffic, how much, and when last.
fn told(traffic: &Traffic) -> String {
    let totals = &traffic.totals;
    format!(
        "{}: {}, last {}",
        whole(traffic),
        connections(totals.connections.saturating_add(totals.resumed)),
        time(totals.last_seen)
    )
}
