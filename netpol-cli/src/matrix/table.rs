//! A matrix for people: a grid where that is readable, else a list of pairs; then what the signs mean.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use netpol_policy::explain;
use netpol_policy::matrix::{Access, Omitted, Party};
use netpol_policy::verdict::Caveat;
use unicode_width::UnicodeWidthStr as _;

use super::args::Show;
use super::labels::Labels;
use super::{Shown, list, words};
use crate::columns;
use crate::text::{clean, wrap};

/// More rows or columns are no longer read as a grid.
const GRID: usize = 12;
/// The whole answer.
pub(super) fn text(shown: &Shown<'_>, width: usize) -> String {
    let labels = Labels::of(&shown.parties());
    let mut page = grid(shown, &labels, width).unwrap_or_else(|| list::text(shown, &labels));
    for (label, blocks) in &labels.legend {
        note(&mut page, &format!("{label}: {blocks}"), width);
    }
    page.push('\n');
    summary(&mut page, shown);
    let caveats: BTreeSet<Caveat> = shown
        .pairs()
        .flat_map(|(_, _, cell)| cell.caveats.iter().copied())
        .collect();
    if !caveats.is_empty() {
        page.push_str("? cannot be decided, * is allowed with a caveat:\n");
    }
    for caveat in caveats {
        let sentence = explain::caveat(caveat);
        let line = format!("- {}: {sentence}", caveat.as_str());
        note(&mut page, &line, width);
    }
    omitted(&mut page, &shown.matrix.omitted, width);
    page
}

/// Rows are sources, columns destinations. `None` where it would have too many of them, or be too wide.
fn grid(shown: &Shown<'_>, labels: &Labels, width: usize) -> Option<String> {
    let matrix = shown.matrix;
    if matrix.rows.is_empty()
        || matrix.columns.is_empty()
        || matrix.rows.len().max(matrix.columns.len()) > GRID
    {
        return None;
    }
    let label = |party: &Party| labels.get(party);
    let rows = matrix.rows.iter().enumerate().map(|(row, party)| {
        let cells = (0..matrix.columns.len()).map(|column| match matrix.cell(row, column) {
            None => String::new(),
            Some(cell) => match shown.show {
                Show::Allowed => words::allowed(cell),
                Show::Denied if cell.denier().is_none() => ".".to_owned(),
                Show::Denied => words::denied(cell),
                Show::All if cell.access() == Access::None => format!("- {}", words::denied(cell)),
                Show::All => words::allowed(cell),
            },
        });
        [label(party)].into_iter().chain(cells).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let heading = ["FROM \\ TO".to_owned()].into_iter();
    let named = heading.clone().chain(matrix.columns.iter().map(label));
    let named = [named.collect()].into_iter().chain(rows.iter().cloned());
    let with_names = aligned(&named.collect::<Vec<_>>());
    if with_names.1 <= width {
        return Some(with_names.0);
    }
    // Numbers take less room: of the rows, where those are the columns too.
    let are_same = matrix.rows == matrix.columns;
    let numbers = (1..=matrix.columns.len()).map(|number| number.to_string());
    let heading = [heading.chain(numbers).collect()].into_iter();
    let numbered = rows.into_iter().enumerate().map(|(index, mut row)| {
        if are_same {
            row[0] = format!("{} {}", index + 1, row[0]);
        }
        row
    });
    let (mut text, numbered_width) = aligned(&heading.chain(numbered).collect::<Vec<_>>());
    if numbered_width > width {
        return None;
    }
    if !are_same {
        text.push('\n');
        for (index, party) in matrix.columns.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{} {}", index + 1, label(party));
        }
    }
    Some(text)
}

/// Rows of cells in columns, and how wide the widest row is.
pub(super) fn aligned(rows: &[Vec<String>]) -> (String, usize) {
    let lines = columns::lines(rows);
    let widest = lines.iter().map(|line| line.width()).max();
    let text = lines.iter().map(|line| format!("{line}\n")).collect();
    (text, widest.unwrap_or_default())
}

fn summary(page: &mut String, shown: &Shown<'_>) {
    let (mut pairs, mut counts) = (0, [0_usize; 4]);
    for (_, _, cell) in shown.matrix.pairs() {
        pairs += 1;
        counts[match cell.access() {
            Access::All => 0,
            Access::Part => 1,
            Access::None => 2,
            Access::Undecided => 3,
        }] += 1;
    }
    let [all, part, none, undecided] = counts;
    // Writing to a String cannot fail.
    let _ = writeln!(
        page,
        "{pairs} pairs: {all} all, {part} in part, {none} not at all, {undecided} undecided"
    );
}

fn omitted(page: &mut String, omitted: &Omitted, width: usize) {
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let blocks = omitted.inner_blocks.iter().map(ToString::to_string);
    let blocks = blocks.collect::<Vec<_>>().join(", ");
    let parts = [
        counted(
            omitted.host_network_pods,
            "pod on the host network (policies do not select it)",
            "pods on the host network (policies do not select them)",
        ),
        counted(omitted.finished_pods, "finished pod", "finished pods"),
        counted(
            omitted.not_asked,
            "workload that was not asked about",
            "workloads that were not asked about",
        ),
        (!blocks.is_empty()).then(|| format!("{blocks} (addresses of the cluster itself)")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if !parts.is_empty() {
        note(page, &format!("Left out: {}", parts.join("; ")), width);
    }
}

/// A sentence, further rows of it indented.
fn note(page: &mut String, sentence: &str, width: usize) {
    const INDENT: &str = "  ";
    let rows = wrap(&clean(sentence), width.saturating_sub(INDENT.len()));
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            page.push_str(INDENT);
        }
        page.push_str(row);
        page.push('\n');
    }
}
