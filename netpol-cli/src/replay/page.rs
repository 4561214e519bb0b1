//! Lines, headings and tables of text, clean of what could steer a terminal.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

use crate::text::clean;

const HEADING: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Text that grows.
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn line(&mut self, line: &str) {
        self.0.push_str(clean(line).trim_end());
        self.0.push('\n');
    }

    /// Stands apart from what is before it.
    pub(super) fn heading(&mut self, heading: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        let heading = clean(heading);
        self.0.push_str(&format!("{HEADING}{heading}{HEADING:#}\n"));
    }

    /// Headings and rows in columns. Rows that are a failure begin with `✗`.
    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<String>], is_failure: bool) {
        let headings: Vec<String> = headings.iter().map(ToString::to_string).collect();
        let rows = rows.iter().map(|row| {
            let cells = row.iter().map(|cell| clean(cell).into_owned());
            cells.collect::<Vec<String>>()
        });
        let all: Vec<Vec<String>> = [headings].into_iter().chain(rows).collect();
        let width = |column: usize| {
            let cells = all.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.width()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..all[0].len()).map(width).collect();
        for (index, row) in all.iter().enumerate() {
            let cells = row.iter().zip(&widths);
            let padded = cells.map(|(cell, width)| {
                let blanks = " ".repeat(width - cell.width());
                format!("{cell}{blanks}")
            });
            let row = padded.collect::<Vec<_>>().join("  ");
            let row = row.trim_end();
            if is_failure && index > 0 {
                self.0.push_str(&format!("{BAD}✗ {row}{BAD:#}\n"));
            } else {
                self.0.push_str(&format!("  {row}\n"));
            }
        }
    }

    pub(super) fn text(self) -> String {
        self.0
    }
}
