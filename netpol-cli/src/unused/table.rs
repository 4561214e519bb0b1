//! A report for people: a row for each entry, then what is not shown and what is missing.

use anstyle::{AnsiColor, Style};
use netpol_policy::explain;
use netpol_policy::unused::{Confidence, Entry, PolicyReport, Status, path, span};

use super::{Shown, words};
use crate::columns;
use crate::text::{clean, counted, wrap};
use crate::traffic;

const HEADING: Style = Style::new().bold();
const UNUSED: Style = AnsiColor::Yellow.on_default();

/// The whole answer, for a terminal of this width.
pub(super) fn text(shown: &Shown<'_>, wide: bool, width: Option<usize>) -> String {
    let mut rows = vec![headings(shown, wide)];
    let mut is_unused = vec![false];
    for (policy, entry) in shown.entries().filter(|(_, entry)| shown.has(entry)) {
        rows.push(row(shown, policy, entry, wide));
        is_unused.push(entry.status.is_unused());
    }
    let mut page = String::new();
    if rows.len() > 1 {
        table(&mut page, &rows, &is_unused, width);
        page.push('\n');
    }
    for line in summary(shown).lines() {
        let lines = match width {
            Some(width) => wrap(line, width),
            None => vec![line.to_owned()],
        };
        lines
            .iter()
            .for_each(|line| page.push_str(&format!("{line}\n")));
    }
    page
}

fn headings(shown: &Shown<'_>, wide: bool) -> Vec<String> {
    let mut headings = vec![
        "POLICY",
        "ENTRY",
        "STATUS",
        "CONFIDENCE",
        "HITS",
        "LAST SEEN",
        "WINDOW",
    ];
    if wide {
        headings.extend([
            "SOLE",
            "RESUMED",
            "FORWARDED",
            "BYTES",
            "FIRST SEEN",
            "NODES",
            "WATCHED",
            "LOST",
            "PODS",
            "PEER",
            "PORT",
        ]);
    }
    if shown.manifests.is_some() {
        headings.push("WHERE");
    }
    headings.push("WHY");
    headings.into_iter().map(str::to_owned).collect()
}

fn row(shown: &Shown<'_>, policy: &PolicyReport, entry: &Entry, wide: bool) -> Vec<String> {
    let none = || "-".to_owned();
    let totals = entry.totals.as_ref();
    let count = |of: Option<u64>| of.unwrap_or_default().to_string();
    let mut row = vec![
        explain::policy(&policy.policy),
        path(policy.policy.kind, entry.direction, entry.part),
        entry.status.as_str().to_owned(),
        entry.confidence.as_str().to_owned(),
        count(totals.map(|totals| totals.hits)),
        totals.map_or_else(none, |totals| traffic::time(totals.last_seen)),
        entry
            .window
            .map_or_else(none, |window| span(window.length())),
    ];
    if wide {
        let watch = &policy.watch;
        let hosts = watch.nodes.len() + watch.without_history.len();
        row.extend([
            count(totals.map(|totals| totals.sole)),
            count(totals.map(|totals| totals.resumed)),
            count(totals.map(|totals| totals.forwarded)),
            count(totals.map(|totals| totals.bytes)),
            totals.map_or_else(none, |totals| traffic::time(totals.first_seen)),
            format!("{}/{hosts}", watch.nodes.len()),
            format!("{}%", watch.percent()),
            watch.lost().to_string(),
            policy.subjects.pods.to_string(),
            entry.peer.clone(),
            entry.port.clone(),
        ]);
    }
    if shown.manifests.is_some() {
        let place = shown.place(policy, entry);
        row.push(place.map_or_else(none, |place| format!("{}:{}", place.file, place.line)));
    }
    row.push(words::why(entry));
    row
}

/// Columns; what is unused catches the eye.
fn table(page: &mut String, rows: &[Vec<String>], is_unused: &[bool], width: Option<usize>) {
    for (index, line) in columns::within(rows, width).iter().enumerate() {
        let beside = &line.beside;
        match (index, is_unused[index]) {
            (0, _) => page.push_str(&format!("{HEADING}{beside}{HEADING:#}\n")),
            (_, true) => page.push_str(&format!("{UNUSED}{beside}{UNUSED:#}\n")),
            (_, false) => page.push_str(&format!("{beside}\n")),
        }
        for below in &line.below {
            page.push_str(&format!("{below}\n"));
        }
    }
}

/// How many there are of each status, which of them are not shown, and of which nodes nothing is known.
fn summary(shown: &Shown<'_>) -> String {
    let policies = shown.policies().count();
    let entries: Vec<Status> = shown.entries().map(|(_, entry)| entry.status).collect();
    let counts = Status::ALL.into_iter().filter_map(|status| {
        let count = entries.iter().filter(|one| **one == status).count();
        (count > 0).then(|| {
            let hidden = !shown.arguments.statuses.contains(&status);
            let hidden = if hidden { " (not shown)" } else { "" };
            format!("{count} {}{hidden}", status.as_str())
        })
    });
    let counts: Vec<String> = counts.collect();
    let mut text = match entries.len() {
        0 => format!(
            "{} without an entry\n",
            counted(policies, "policy", "policies")
        ),
        all => format!(
            "{} of {}: {}\n",
            counted(all, "entry", "entries"),
            counted(policies, "policy", "policies"),
            counts.join(", ")
        ),
    };
    let unsure = shown
        .entries()
        .filter(|(_, entry)| entry.status.is_unused() && entry.confidence < Confidence::High)
        .count();
    if unsure > 0 {
        let entries = counted(unsure, "unused entry has", "unused entries have");
        text.push_str(&format!(
            "{entries} less than high confidence: WHY says what is wanting\n"
        ));
    }
    for node in &shown.report.missing {
        let line = format!("Missing: {node}");
        text.push_str(&clean(&line));
        text.push('\n');
    }
    text
}
