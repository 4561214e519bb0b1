//! What was found, for people at a terminal.

use netpol_policy::replay::{Change, Row};

use super::fail::Kind;
use super::found::Found;
use super::{sentences, words};
use crate::page::Page;
use crate::traffic::{connections, time};

/// The whole answer, for a terminal of this width.
pub(super) fn page(found: &Found<'_>, wide: bool, width: Option<usize>) -> String {
    let mut page = Page::new(width);
    for line in summary(found) {
        page.line(&line);
    }
    for change in Change::ALL {
        let rows = || found.rows(change);
        let cells: Vec<Vec<String>> = rows().map(|row| cells(row, wide)).collect();
        let below: Vec<Vec<String>> = rows().map(|row| below(row, wide)).collect();
        let others = match change {
            Change::Unknown => found.untold(),
            _ => Vec::new(),
        };
        if cells.is_empty() && others.is_empty() {
            continue;
        }
        let kind = Kind::Traffic(change);
        page.heading(kind.heading());
        let is_failure = found.arguments.fail_on.has(kind);
        if !cells.is_empty() {
            page.table_with_lines(&headings(wide), &cells, &below, |_| is_failure);
        }
        for other in others {
            let mark = if is_failure { '✗' } else { ' ' };
            page.line(&format!("{mark} {other}"));
        }
    }
    permitted(&mut page, found);
    page.heading("Evidence");
    for sentence in sentences::evidence(found) {
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

fn headings(wide: bool) -> Vec<&'static str> {
    let mut headings = vec!["FROM", "TO", "PORT", "SEEN", "LAST SEEN"];
    if wide {
        headings.extend(["FIRST SEEN", "BYTES", "SERVICES"]);
    }
    headings
}

fn cells(row: &Row, wide: bool) -> Vec<String> {
    let seen = &row.seen;
    let mut cells = vec![
        words::source(row),
        words::destination(row),
        words::port(row),
        words::observed(seen),
        time(seen.last),
    ];
    if wide {
        cells.extend([
            time(seen.first),
            words::bytes(seen.sum.bytes),
            words::services(row),
        ]);
    }
    cells
}

/// Why it is so.
fn below(row: &Row, wide: bool) -> Vec<String> {
    match row.change {
        Change::NewlyDenied | Change::NewlyAllowed if !wide => vec![words::said(&row.after)],
        Change::Unknown if !wide => vec![words::unknown(row)],
        _ => vec![
            format!("before: {}", words::said(&row.before)),
            format!("after:  {}", words::said(&row.after)),
        ],
    }
}

fn permitted(page: &mut Page, found: &Found<'_>) {
    for kind in [Kind::Opened, Kind::Closed] {
        let (rows, below): (Vec<_>, Vec<_>) = found
            .permitted(kind)
            .map(|change| {
                let (ports, example) = words::side(change, kind);
                let cells = vec![
                    words::parties(&change.from),
                    words::parties(&change.to),
                    words::ports(ports),
                ];
                (cells, vec![format!("such as {}", words::example(example))])
            })
            .unzip();
        if !rows.is_empty() {
            page.heading(kind.heading());
            let is_failure = found.arguments.fail_on.has(kind);
            page.table_with_lines(&["FROM", "TO", "PORTS"], &rows, &below, |_| is_failure);
        }
    }
    let unclear = found.unclear();
    if unclear > 0 {
        page.line("");
        page.line(&format!(
            "What policies permit cannot be decided for {unclear} more; -o json names them."
        ));
    }
}
