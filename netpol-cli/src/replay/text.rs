//! What was found, for people at a terminal.

use netpol_policy::replay::{Change, Row};

use super::fail::Kind;
use super::found::Found;
use super::words;
use crate::page::Page;
use crate::traffic::{connections, time};

/// The whole answer.
pub(super) fn page(found: &Found<'_>, wide: bool) -> String {
    let mut page = Page::default();
    for line in summary(found) {
        page.line(&line);
    }
    for change in Change::ALL {
        let rows: Vec<Vec<String>> = found.rows(change).map(|row| cells(row, wide)).collect();
        if !rows.is_empty() {
            let kind = Kind::Traffic(change);
            page.heading(kind.heading());
            let is_failure = found.arguments.fail_on.has(kind);
            page.table(&headings(change, wide), &rows, |_| is_failure);
        }
    }
    permitted(&mut page, found);
    page.heading("Evidence");
    for sentence in words::evidence(found) {
        page.line(&sentence);
    }
    page.text()
}

/// What changes, in two sentences.
pub(super) fn summary(found: &Found<'_>) -> [String; 2] {
    /// Policies that are told by themselves.
    const TOLD: usize = 10;
    let changes = words::changes(found);
    let told = changes.iter().take(TOLD).map(String::as_str);
    let told = told.collect::<Vec<_>>().join(", ");
    let more = match changes.len().saturating_sub(TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let policies = match changes.len() {
        0 => "No policy changes.".to_owned(),
        1 => format!("1 policy changes: {told}."),
        count => format!("{count} policies change: {told}{more}."),
    };
    let mut parts: Vec<String> = Vec::new();
    for change in Change::ALL {
        let total = found.total(change);
        let count = total.sum.all();
        let part = connections(count);
        match change {
            _ if count == 0 => {}
            Change::NewlyDenied => parts.push(format!(
                "{part} newly denied, {} of which got through",
                total.forwarded
            )),
            Change::NewlyAllowed => parts.push(format!(
                "{part} newly allowed, {} of which were blocked",
                total.blocked
            )),
            Change::Unknown => parts.push(format!("{part} of which it cannot be told")),
            Change::OtherReason => parts.push(format!("{part} the same for another reason")),
        }
    }
    let unchanged = connections(found.replay.unchanged.all());
    parts.push(format!("{unchanged} unchanged"));
    [
        policies,
        format!("Of the traffic that was seen: {}.", parts.join("; ")),
    ]
}

fn headings(change: Change, wide: bool) -> Vec<&'static str> {
    let mut headings = vec!["FROM", "TO", "PORT", "CONNECTIONS", "SEEN", "LAST SEEN"];
    match change {
        _ if wide => headings.extend(["BEFORE", "AFTER", "BYTES", "FIRST SEEN", "SERVICES"]),
        Change::NewlyDenied => headings.push("DENIED BY"),
        Change::NewlyAllowed => headings.push("ALLOWED BY"),
        Change::Unknown => headings.push("WHY"),
        Change::OtherReason => headings.extend(["BEFORE", "AFTER"]),
    }
    headings
}

fn cells(row: &Row, wide: bool) -> Vec<String> {
    let seen = &row.seen;
    let mut cells = vec![
        words::source(row),
        words::destination(row),
        words::port(row),
        seen.sum.all().to_string(),
        words::observed(seen),
        time(seen.last),
    ];
    let both = [words::said(&row.before), words::said(&row.after)];
    match row.change {
        _ if wide => {
            cells.extend(both);
            cells.extend([
                words::bytes(seen.sum.bytes),
                time(seen.first),
                words::services(row),
            ]);
        }
        Change::NewlyDenied | Change::NewlyAllowed => cells.push(words::because(&row.after)),
        Change::Unknown => cells.push(words::unknown(row)),
        Change::OtherReason => cells.extend(both),
    }
    cells
}

fn permitted(page: &mut Page, found: &Found<'_>) {
    for kind in [Kind::Opened, Kind::Closed] {
        let rows = found.permitted(kind).map(|change| {
            let (ports, example) = match kind {
                Kind::Closed => (&change.closed, &change.closing),
                _ => (&change.opened, &change.opening),
            };
            vec![
                words::parties(&change.from),
                words::parties(&change.to),
                ports.to_string(),
                words::example(example.as_deref()),
            ]
        });
        let rows: Vec<Vec<String>> = rows.collect();
        if !rows.is_empty() {
            page.heading(kind.heading());
            let is_failure = found.arguments.fail_on.has(kind);
            page.table(&["FROM", "TO", "PORTS", "SUCH AS"], &rows, |_| is_failure);
        }
    }
    let unclear = found.difference.changes.iter();
    let unclear = unclear.filter(|change| !change.unclear.is_empty()).count();
    if unclear > 0 {
        page.line("");
        page.line(&format!(
            "What policies permit cannot be decided for {unclear} more; -o json names them."
        ));
    }
}
