//! Narrower policies as YAML for `kubectl apply`, with their evidence as comments.

use netpol_policy::explain::{peers_list, rules_list};
use netpol_policy::history::RememberedPolicy;
use netpol_policy::k8s::write::{Comments, Entry, policy_yaml};
use netpol_policy::tighten::{Finding, Place, Proposal, Tightening, Withheld};

use crate::suggest::evidence;
use crate::text::clean;
use crate::traffic::{connections, time, whole};

/// Kinds of traffic that are told by themselves.
const TOLD: usize = 4;

/// Policies that are not written and are told by themselves.
const POLICIES_TOLD: usize = 20;

/// The whole answer.
pub(super) fn page(tightening: &Tightening, include_insufficient: bool) -> String {
    let mut text = String::new();
    let mut comment = |line: &str| {
        text.push_str("# ");
        text.push_str(&clean(line));
        text.push('\n');
    };
    let is_written = |proposal: &&Proposal| include_insufficient || proposal.is_supported();
    let (written, told): (Vec<&Proposal>, Vec<&Proposal>) =
        tightening.proposals.iter().partition(is_written);
    comment(&summary(tightening, include_insufficient));
    for line in evidence::lines(&tightening.evidence) {
        comment(&line);
    }
    for line in evidence::missing(&tightening.evidence) {
        comment(&line);
    }
    if !tightening.proposals.is_empty() {
        comment(
            "Labels and annotations of a policy are not remembered: those it has are not repeated here.",
        );
    }
    for line in all_withheld(tightening) {
        comment(&line);
    }
    for proposal in told.iter().take(POLICIES_TOLD) {
        comment(&format!(
            "Not written, for want of evidence (--include-insufficient writes it): {}",
            proposal.before.reference
        ));
        for line in lines(proposal) {
            comment(&format!("  {line}"));
        }
    }
    if let Some(more @ 1..) = told.len().checked_sub(POLICIES_TOLD) {
        comment(&format!(
            "Not written, for want of evidence: {more} more (-o json has all)."
        ));
    }
    for proposal in written {
        let mut comments = Comments::default();
        for line in lines(proposal) {
            comments.add(Entry::Policy, &clean(&line));
        }
        let policy = RememberedPolicy::Network(proposal.after.clone());
        text.push_str("---\n");
        text.push_str(&policy_yaml(&policy, &comments));
    }
    text
}

/// How many policies are too wide, and of how many of them there is enough evidence.
fn summary(tightening: &Tightening, include_insufficient: bool) -> String {
    let proposals = tightening.proposals.iter();
    let supported = proposals.filter(|one| one.is_supported()).count();
    let others = tightening.proposals.len() - supported;
    let are = if others == 1 { "is" } else { "are" };
    let what = match include_insufficient {
        true => "written with insufficient evidence",
        false => "not written for want of evidence",
    };
    format!(
        "{supported} of {} policies are seen to permit far more than was used; {others} more {are} {what}.",
        tightening.looked_at
    )
}

/// Policies that a replay spoke against.
pub(super) fn all_withheld(tightening: &Tightening) -> Vec<String> {
    let told = tightening.withheld.iter().take(POLICIES_TOLD);
    let mut lines: Vec<String> = told.map(withheld).collect();
    if let Some(more @ 1..) = tightening.withheld.len().checked_sub(POLICIES_TOLD) {
        lines.push(format!("Left as they are: {more} more (-o json has all)."));
    }
    lines
}

fn withheld(withheld: &Withheld) -> String {
    format!(
        "{} is left as it is: narrower, it would deny {}, which it let through.",
        withheld.policy,
        whole(&withheld.example)
    )
}

/// All that is told of a proposal.
fn lines(proposal: &Proposal) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in &proposal.findings {
        let Finding {
            place,
            permits,
            used,
            unseen,
        } = finding;
        lines.push(format!("{} permits {permits}", self::place(place)));
        lines.push(format!("  used: {used}"));
        lines.push(format!("  not seen, and denied then: {unseen}"));
    }
    match &proposal.kept {
        Some(seen) => lines.push(format!(
            "Kept, replayed: {}, last {}.",
            connections(seen.connections.saturating_add(seen.resumed)),
            time(seen.last)
        )),
        None => lines.push("Nothing that it lets through is let through at both ends.".to_owned()),
    }
    lines.extend(evidence::lines(&proposal.evidence));
    for (what, traffic) in [
        (
            "Got no answer or was blocked, and is denied then",
            &proposal.denied,
        ),
        (
            "Got through, and whether it does then cannot be told",
            &proposal.undecided,
        ),
    ] {
        for one in traffic.iter().take(TOLD) {
            lines.push(format!("{what}: {}.", whole(one)));
        }
        if let Some(more @ 1..) = traffic.len().checked_sub(TOLD) {
            lines.push(format!("{what}: {more} more."));
        }
    }
    lines
}

/// `ingress[0].from[1]`, as the policy stands now.
pub(super) fn place(place: &Place) -> String {
    let (direction, rule) = place.rule();
    let rule = format!("{}[{rule}]", rules_list(direction));
    match place {
        Place::Everyone { .. } => format!("{rule} without {}", peers_list(direction)),
        Place::EveryPort { .. } => format!("{rule} without ports"),
        Place::Peer { peer, .. } => format!("{rule}.{}[{peer}]", peers_list(direction)),
        Place::Port { port, .. } => format!("{rule}.ports[{port}]"),
    }
}
