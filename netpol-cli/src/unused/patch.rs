//! `flows unused --patch`: the policies without their unused parts, as YAML that says what was taken out and why.

use netpol_policy::explain;
use netpol_policy::history::{History, RememberedPolicy};
use netpol_policy::k8s::write::{self, Comments, Entry};
use netpol_policy::unused::{
    Cut, Keeping, Kept, Patch, PatchOptions, PatchedPolicy, Replayed, patch,
};
use netpol_policy::verdict::{Decision, Direction, PolicyKind};

use super::Shown;
use crate::progress::Reporter;
use crate::text::{clean, counted};
use crate::traffic;

/// A stream of YAML documents; what is told of all of them stands before the first, as comments.
pub(super) fn text(history: &History, policies: &[RememberedPolicy], shown: &Shown<'_>) -> String {
    let options = PatchOptions {
        min_confidence: shown.arguments.min_confidence,
    };
    let mut reporter = Reporter::start();
    let patch = patch(
        history,
        policies,
        shown.report,
        |policy| shown.has_policy(policy),
        &options,
        |progress| {
            reporter.hear(|| format!("{} of {} asked about", progress.done, progress.total));
        },
    );
    reporter.finish();
    page(&patch)
}

/// The whole answer.
pub(super) fn page(patch: &Patch) -> String {
    let mut page = Vec::new();
    if patch.policies.is_empty() {
        page.push("Nothing is taken out.".to_owned());
    }
    page.push(replayed(&patch.replayed));
    for kept in &patch.kept {
        page.push(self::kept(kept));
    }
    let mut text = String::new();
    for line in page {
        comment(&mut text, &line);
    }
    for policy in &patch.policies {
        text.push_str("---\n");
        match &policy.after {
            Some(after) => {
                let mut comments = Comments::default();
                for line in told(policy) {
                    comments.add(Entry::Policy, &clean(&line));
                }
                text.push_str(&write::policy_yaml(after, &comments));
            }
            None => {
                for line in told(policy) {
                    comment(&mut text, &line);
                }
            }
        }
    }
    text
}

fn comment(text: &mut String, line: &str) {
    text.push_str("# ");
    text.push_str(&clean(line));
    text.push('\n');
}

/// What is told of one policy.
fn told(policy: &PatchedPolicy) -> Vec<String> {
    let reference = policy.before.reference();
    let mut told = Vec::new();
    for removed in &policy.removed {
        let cut = cut(reference.kind, removed.cut);
        let because = removed.because.join("; ");
        told.push(format!("taken out: {cut}: {because}"));
    }
    for direction in &policy.closed {
        let (list, verb) = match direction {
            Direction::Ingress => ("ingress", "is let in to"),
            Direction::Egress => ("egress", "is let out of"),
        };
        told.push(format!(
            "{list} has no rule left and stays isolated: by this policy nothing {verb} its pods"
        ));
    }
    if policy.after.is_none() {
        let namespace = match &*reference.namespace {
            "" => String::new(),
            namespace => format!(" -n {namespace}"),
        };
        let kind = reference.kind.as_str().to_lowercase();
        told.push(format!(
            "nothing is left of {}: kubectl delete {kind}{namespace} {}",
            explain::policy(reference),
            reference.name
        ));
        if reference.kind == PolicyKind::NetworkPolicy {
            told.push(
                "pods that it would select are not isolated by it then, should there be any"
                    .to_owned(),
            );
        }
    }
    told
}

fn cut(kind: PolicyKind, cut: Cut) -> String {
    match cut {
        Cut::Policy => "all of it".to_owned(),
        Cut::Rule { direction, rule } => format!("{}[{rule}]", explain::rules_list(direction)),
        Cut::Peer {
            direction,
            rule,
            peer,
        } => format!(
            "{}[{rule}].{}[{peer}]",
            explain::rules_list(direction),
            explain::peers_list(direction)
        ),
        Cut::Port {
            direction,
            rule,
            port,
        } => format!(
            "{}[{rule}].{}[{port}]",
            explain::rules_list(direction),
            explain::ports_list(kind)
        ),
    }
}

fn replayed(replayed: &Replayed) -> String {
    if replayed.traffic == 0 {
        return "No traffic is remembered, so nothing was asked.".to_owned();
    }
    let mut text = format!(
        "All remembered traffic ({}, {}) was asked of the policies before and after: nothing seen would get \
         another answer.",
        counted(replayed.traffic, "kind", "kinds"),
        connections(replayed.connections),
    );
    if replayed.unknown > 0 {
        text.push_str(&format!(
            " Of {} it cannot be told what policies say.",
            counted(replayed.unknown, "kind", "kinds")
        ));
    }
    text
}

fn kept(kept: &Kept) -> String {
    let why = match &kept.why {
        Keeping::Guards => "what it is there to stop is not to be seen".to_owned(),
        Keeping::Covers => "it matches what others match that are taken out".to_owned(),
        Keeping::NotAlone => {
            "its peer is used with other ports, and its port with other peers".to_owned()
        }
        Keeping::Unsure(limit) => format!("it is not sure enough: {limit}"),
        Keeping::MayBeNeeded(traffic) => format!(
            "it cannot be told whether {}, seen in {}, needs it",
            traffic::whole(traffic),
            connections(
                traffic
                    .totals
                    .connections
                    .saturating_add(traffic.totals.resumed)
            )
        ),
        Keeping::Changes(changed) => {
            let totals = &changed.traffic.totals;
            format!(
                "without it {}, seen in {}, would be {} instead of {}",
                traffic::whole(&changed.traffic),
                connections(totals.connections.saturating_add(totals.resumed)),
                decision(changed.after),
                decision(changed.before)
            )
        }
    };
    format!("kept: {} ({}): {why}", kept.entry, kept.status.as_str())
}

fn connections(count: u64) -> String {
    match count {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}

fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Allowed => "allowed",
        Decision::Denied => "denied",
        Decision::Unknown => "unknown",
    }
}
