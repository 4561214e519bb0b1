//! What was found, for people: findings by kind, then policies, nodes and the evidence.

use netpol_policy::drift::{Coverage, Drift, Enforcement, Evidence, Finding, Kind, Options};
use netpol_policy::history::Loss;

use super::words;
use crate::page::Page;
use crate::text::counted;
use crate::traffic::{self, connections};

/// The whole answer, for a terminal of this width.
pub(super) fn page(drift: &Drift, options: &Options, wide: bool, width: Option<usize>) -> String {
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
    if !drift.policies.is_empty() {
        page.heading("Policies, by what came of the connections they deny");
        let is_bad = |row: usize| drift.policies[row].is_never_enforced();
        page.table(&POLICIES, &policies(drift), is_bad);
    }
    if !drift.nodes.is_empty() {
        page.heading("Nodes, by what came of the denied connections they had to stop");
        let records: Vec<_> = drift.nodes.values().collect();
        let is_bad = |row: usize| records[row].enforcement() == Enforcement::Nothing;
        page.table(&NODES, &nodes(drift), is_bad);
    }
    page.heading("Evidence");
    for sentence in evidence(&drift.evidence)
        .into_iter()
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
                "CONNECTIONS" => (totals.connections + totals.resumed).to_string(),
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

fn policies(drift: &Drift) -> Vec<Vec<String>> {
    let rows = drift.policies.iter().map(|record| {
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
            words::policy(&record.policy),
            record.stopped.to_string(),
            record.let_through.to_string(),
            record.host_network.to_string(),
            after,
            record.already_open.to_string(),
            says.to_owned(),
        ]
    });
    rows.collect()
}

const NODES: [&str; 6] = [
    "NODE",
    "STOPPED",
    "LET THROUGH",
    "UNCLEAR",
    "DROPPED THOUGH ALLOWED",
    "",
];

fn nodes(drift: &Drift) -> Vec<Vec<String>> {
    let rows = drift.nodes.iter().map(|(name, record)| {
        vec![
            name.to_string(),
            record.stopped.to_string(),
            record.let_through.to_string(),
            record.unclear.to_string(),
            record.dropped.to_string(),
            words::enforcement(record.enforcement()).to_owned(),
        ]
    });
    rows.collect()
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
            evidence
                .watched
                .keys()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
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
    sentences.push(match losses.as_slice() {
        [] => "Nothing was lost.".to_owned(),
        losses => format!("Lost: {}", losses.join(", ")),
    });
    sentences.extend(
        evidence
            .missing
            .iter()
            .map(|node| format!("Missing: {}: {}", node.name, node.reason)),
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
