//! Rows of cells as lines of a table.

use unicode_width::UnicodeWidthStr as _;

use crate::text::{clean, wrap};

/// Between two columns.
const GAP: &str = "  ";
/// Before what stands below its row.
const INDENT: &str = "    ";
/// Columns that a sentence below its row gets at least.
const NARROWEST: usize = 20;

/// A row of a table on a terminal.
pub(crate) struct Line {
    /// Cells beside one another.
    pub(crate) beside: String,
    /// What stands below them, indented.
    pub(crate) below: Vec<String>,
}

/// Headings and rows as [`lines`]. Columns at the end for which a terminal of this width has no room stand below their row, by
/// the names of their headings; `None` is as wide as it takes.
pub(crate) fn within(rows: &[Vec<String>], width: Option<usize>) -> Vec<Line> {
    let headings = rows.first().map(Vec::as_slice).unwrap_or_default();
    let mut kept = headings.len();
    let mut beside = lines(rows);
    let has_room = |line: &String| width.is_none_or(|width| line.width() <= width);
    while kept > 1 && !beside.iter().all(has_room) {
        kept -= 1;
        let rows: Vec<&[String]> = rows.iter().map(|row| &row[..kept.min(row.len())]).collect();
        beside = lines(&rows);
    }
    let named = |row: &Vec<String>| {
        let cells = headings.iter().zip(row).skip(kept);
        cells
            .filter(|(_, cell)| !cell.is_empty())
            .flat_map(|(heading, cell)| below(&format!("{heading} {cell}"), width))
            .collect()
    };
    let mut below: Vec<Vec<String>> = rows.iter().map(named).collect();
    if let Some(headings) = below.first_mut() {
        headings.clear();
    }
    let lines = beside.into_iter().zip(below);
    lines
        .map(|(beside, below)| Line { beside, below })
        .collect()
}

/// A sentence below a row, clean and indented, on as many lines as a terminal of this width takes.
pub(crate) fn below(sentence: &str, width: Option<usize>) -> Vec<String> {
    let sentence = clean(sentence);
    let lines = match width {
        Some(width) => wrap(&sentence, width.saturating_sub(INDENT.len()).max(NARROWEST)),
        None => vec![sentence.into_owned()],
    };
    lines
        .into_iter()
        .map(|line| format!("{INDENT}{line}"))
        .collect()
}

/// A line for each row, clean of what could steer a terminal, with every column as wide on the screen as its widest cell. A row
/// may end early.
pub(crate) fn lines<R: AsRef<[C]>, C: AsRef<str>>(rows: &[R]) -> Vec<String> {
    let rows: Vec<Vec<_>> = rows
        .iter()
        .map(|row| row.as_ref().iter().map(|cell| clean(cell.as_ref())))
        .map(Iterator::collect)
        .collect();
    let mut widths = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width - cell.width()));
                line.push_str(GAP);
            }
            line.truncate(line.trim_end().len());
            line
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_without_room_stand_below_their_row() {
        let rows = [
            ["NAME", "COUNT", "WHY"],
            ["web", "3", "it is denied by prod/closed"],
        ];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let shown = |width| {
            let shown = within(&rows, width).into_iter();
            let shown = shown.flat_map(|line| [vec![line.beside], line.below].concat());
            shown.collect::<Vec<_>>()
        };
        let beside = [
            "NAME  COUNT  WHY",
            "web   3      it is denied by prod/closed",
        ];
        assert_eq!(shown(None), beside);
        assert_eq!(shown(Some(40)), beside);
        assert_eq!(
            shown(Some(26)),
            [
                "NAME  COUNT",
                "web   3",
                "    WHY it is denied by",
                "    prod/closed"
            ]
        );
    }

    #[test]
    fn columns_are_as_wide_as_they_look() {
        let rows = [
            vec!["NAME", "WHY", "NODE"],
            vec!["日本", "", "n1"],
            vec!["a", "b\x1b[31m"],
        ];
        assert_eq!(
            lines(&rows),
            [
                "NAME  WHY     NODE",
                "日本          n1",
                "a     b\u{fffd}[31m"
            ]
        );
        assert_eq!(lines::<Vec<&str>, &str>(&[]), Vec::<String>::new());
    }
}
