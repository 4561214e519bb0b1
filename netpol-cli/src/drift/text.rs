//! What was found, for people: findings by kind, then policies, nodes and the evidence.

use std::sync::Arc;

use netpol_policy::drift::{
    Coverage, Drift, Enforcement, Evidence, Finding, Kind, NodeRecord, Options, PolicyRecord,
};
use netpol_policy::history::Loss;

use super::words;
use crate::page::Page;
use crate::text::counted;
use crate::traffic::{self, connections};

/// Nodes that are told by themselves in a sentence.
const NODES_TOLD: usize = 5;

/// The whole answer, for a terminal of this width. `damaged` lines of the history could not be read.
pub(super) fn page(
    (drift, damaged): (&Drift, u64),
    options: &Options,
    wide: bool,
    width: Option<usize>,
) -> String {
    let mut page = Page::new(width);
    for kind in Kind::ALL {
        let of_kind = drift.findings.iter().filter(|one| one.kind == kind);
        let of_kind: Vec<&Finding> = of_kind.collect();
        if !of_kind.is_empty() {
            page.heading(words::heading(kind));
            let (headings, rows) = findings(kind, &of_kind, wide);
            page.table(&headings, &rows, |_| kind.is_beyond_lag());
        }
    }
    if drift.findings.is_empty() {
        page.line(if drift.coverage.compared == 0 {
            "Nothing could be compared, so nothing is known of drift."
        } else {
            "What was seen and what policies say agree wherever they could be compared."
        });
    }
    policies(&mut page, drift, wide);
    nodes(&mut page, drift, wide);
    page.heading("Evidence");
    let unread = words::unread(damaged);
    let unread = unread.map(|unread| format!("{unread}: what stood there is not compared."));
    for sentence in evidence(&drift.evidence)
        .into_iter()
        .chain(unread)
        .chain(coverage(&drift.coverage, options))
    {
        page.line(&sentence);
    }
    page.text()
}

fn findings(
    kind: Kind,
    findings: &[&Finding],
    wide: bool,
) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let mut headings = vec!["FROM", "TO", "PORT", "CONNECTIONS", "LAST SEEN"];
    match kind {
        Kind::Dropped | Kind::LateAdmission => headings.extend(["DROPPED BY", "ALLOWED BY"]),
        _ => headings.push("DENIED BY"),
    }
    match kind {
        Kind::LateEnforcement | Kind::LateAdmission => headings.push("AFTER"),
        _ if wide => headings.push("AFTER"),
        _ => {}
    }
    if wide {
        headings.extend(["FIRST SEEN", "SERVICE", "NODES"]);
    }
    let rows = findings.iter().map(|finding| {
        let seen = &finding.traffic;
        let totals = &seen.totals;
        headings
            .iter()
            .map(|heading| match *heading {
                "FROM" => traffic::party(&seen.source),
                "TO" => traffic::party(&seen.destination),
                "PORT" => traffic::port(seen),
                "CONNECTIONS" => totals.all().to_string(),
                "LAST SEEN" => traffic::time(totals.last_seen),
                "FIRST SEEN" => traffic::time(totals.first_seen),
                "DROPPED BY" => words::drop(seen.drop.as_ref()),
                "AFTER" => totals.longest_after_change.map_or_else(
                    || "-".to_owned(),
                    |after| format!("up to {}", words::seconds(after)),
                ),
                "SERVICE" => seen.service.as_ref().map_or_else(
                    || "-".to_owned(),
                    |(namespace, name)| format!("{namespace}/{name}"),
                ),
                "NODES" => seen.nodes.join(", "),
                _ if seen.policies.is_empty() => "no policy".to_owned(),
                _ => words::policies(&seen.policies),
            })
            .collect()
    });
    let rows = rows.collect();
    (headings, rows)
}

const POLICIES: [&str; 7] = [
    "POLICY",
    "STOPPED",
    "LET THROUGH",
    "HOST NETWORK",
    "AFTER A CHANGE",
    "OPEN BEFORE",
    "",
];

/// Those of which anything was let through; in the wide page all.
fn policies(page: &mut Page, drift: &Drift, wide: bool) {
    if drift.policies.is_empty() {
        return;
    }
    page.heading("Policies, by what came of the connections they deny");
    let is_told = |record: &&PolicyRecord| wide || record.last_let_through.is_some();
    let (told, others): (Vec<_>, Vec<_>) = drift.policies.iter().partition(is_told);
    let rows: Vec<Vec<String>> = told.iter().map(|record| policy(record)).collect();
    if !rows.is_empty() {
        page.table(&POLICIES, &rows, |row| told[row].is_never_enforced());
    }
    if !others.is_empty() {
        let policies = counted(others.len(), "policy", "policies");
        let more = if rows.is_empty() { "" } else { " more" };
        page.line(&format!(
            "  {policies}{more} of which nothing was let through (-o wide)"
        ));
    }
}

fn policy(record: &PolicyRecord) -> Vec<String> {
    let after = match record.longest_after_change {
        Some(longest) => format!(
            "{}, up to {} after it",
            record.after_change,
            words::seconds(longest)
        ),
        None => record.after_change.to_string(),
    };
    let says = match record.is_never_enforced() {
        true => "never seen to be enforced",
        false => "",
    };
    vec![
        record.policy.to_string(),
        record.stopped.to_string(),
        record.let_through.to_string(),
        record.host_network.to_string(),
        after,
        record.already_open.to_string(),
        says.to_owned(),
    ]
}

const NODES: [&str; 6] = [
    "NODE",
    "STOPPED",
    "LET THROUGH",
    "UNCLEAR",
    "DROPPED THOUGH ALLOWED",
    "",
];

/// Those with anything to tell; in the wide page all.
fn nodes(page: &mut Page, drift: &Drift, wide: bool) {
    if drift.nodes.is_empty() {
        return;
    }
    page.heading("Nodes, by what came of the denied connections they had to stop");
    let is_told =
        |(_, record): &(&Arc<str>, &NodeRecord)| wide || **record != NodeRecord::default();
    let (told, silent): (Vec<_>, Vec<_>) = drift.nodes.iter().partition(is_told);
    let rows: Vec<Vec<String>> = told
        .iter()
        .map(|(name, record)| node(name, record))
        .collect();
    if !rows.is_empty() {
        page.table(&NODES, &rows, |row| {
            told[row].1.enforcement() == Enforcement::Nothing
        });
    }
    if !silent.is_empty() {
        let nodes = counted(silent.len(), "node", "nodes");
        let more = if rows.is_empty() { "" } else { " more" };
        page.line(&format!("{nodes}{more} with nothing to stop (-o wide)"));
    }
}

fn node(name: &str, record: &NodeRecord) -> Vec<String> {
    vec![
        name.to_owned(),
        record.stopped.to_string(),
        record.let_through.to_string(),
        record.unclear.to_string(),
        record.dropped.to_string(),
        words::enforcement(record.enforcement()).to_owned(),
    ]
}

fn evidence(evidence: &Evidence) -> Vec<String> {
    let mut sentences = Vec::new();
    match evidence.window {
        Some((from, until)) => sentences.push(format!(
            "{} to {}, {} of it watched by {}: {}",
            traffic::time(from),
            traffic::time(until),
            format_args!("{} %", evidence.percent()),
            counted(evidence.watched.len(), "node", "nodes"),
            traffic::some(evidence.watched.keys(), NODES_TOLD),
        )),
        None => sentences.push("No node watched in this time.".to_owned()),
    }
    let losses: Vec<String> = evidence
        .losses
        .iter()
        .filter(|loss| loss.count > 0)
        .map(
            |Loss {
                 stage,
                 reason,
                 count,
             }| format!("{count} {stage} {}", reason.replace('_', " ")),
        )
        .collect();
    match losses.as_slice() {
        [] if evidence.window.is_none() => {}
        [] => sentences.push("Nothing was lost.".to_owned()),
        losses => sentences.push(format!("Lost: {}", losses.join(", "))),
    }
    sentences.extend(
        evidence
            .missing
            .iter()
            .map(|node| format!("Missing: {node}")),
    );
    sentences
}

fn coverage(coverage: &Coverage, options: &Options) -> Vec<String> {
    let mut sentences = vec![format!("{} compared", connections(coverage.compared))];
    let left_out = [
        (coverage.outcome_unknown, "what became of them is not known"),
        (coverage.verdict_unknown, "what policies say is not known"),
        (
            coverage.doubtful,
            "the verdict has a caveat, or a change cut off what was open",
        ),
    ];
    let left_out = left_out.into_iter().filter(|(count, _)| *count > 0);
    sentences
        .extend(left_out.map(|(count, why)| format!("{} not compared: {why}", connections(count))));
    if let Some(since) = options.since.filter(|_| coverage.began_before) {
        sentences.push(format!(
            "Some of it was first seen before {}: counts are of all of it.",
            traffic::time(since)
        ));
    }
    sentences
}
