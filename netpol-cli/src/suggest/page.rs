//! Suggestions as YAML for `kubectl apply`, with all that is to be known before as comments.

use std::collections::BTreeMap;

use netpol_policy::history::RememberedPolicy;
use netpol_policy::k8s::write::policy_yaml;
use netpol_policy::suggest::{LeftOut, Suggestions, Withheld};

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
        text.push_str("---\n");
        text.push_str(&policy_yaml(&policy, &comments::of(suggested)));
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
            some(&one.why, TOLD)
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

/// What no rule was made for, by reason; what got through and is denied from now on first.
fn left_out(all: &[LeftOut]) -> Vec<String> {
    let mut reasons: BTreeMap<(bool, &str), Vec<&LeftOut>> = BTreeMap::new();
    for one in all {
        let key = (!one.reason.is_cut_off(), one.reason.as_str());
        reasons.entry(key).or_default().push(one);
    }
    let mut lines = Vec::new();
    for ((goes_on, _), left_out) in reasons {
        // Reasons of a kind differ in numbers: the largest is told.
        let Some(reason) = left_out.iter().map(|one| &one.reason).max() else {
            continue;
        };
        let what = match goes_on {
            _ if reason.needs_no_rule() => "Needs no rule",
            false => "Left out, got through and is denied from now on",
            true => "Left out",
        };
        let is_one = left_out.iter().all(|one| one.reason == *reason);
        let others = if is_one { "" } else { "; others are like it" };
        lines.push(format!("{what}: {reason}{others}:"));
        for one in left_out.iter().take(TOLD) {
            let totals = &one.traffic.totals;
            lines.push(format!(
                "  {}: {}, last {}",
                whole(&one.traffic),
                connections(totals.connections.saturating_add(totals.resumed)),
                time(totals.last_seen)
            ));
        }
        if let Some(more @ 1..) = left_out.len().checked_sub(TOLD) {
            lines.push(format!("  {more} more; -o json has all"));
        }
    }
    lines
}
