//! Rows of cells as lines of a table.

use unicode_width::UnicodeWidthStr as _;

use crate::text::clean;

/// Between two columns.
const GAP: &str = "  ";

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
