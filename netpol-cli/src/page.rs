//! Lines, headings and tables of text, clean of what could steer a terminal.

use anstyle::{AnsiColor, Style};

use crate::columns;
use crate::text::clean;

const HEADING: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Text that grows.
#[derive(Default)]
pub(crate) struct Page(String);

impl Page {
    pub(crate) fn line(&mut self, line: &str) {
        self.0.push_str(clean(line).trim_end());
        self.0.push('\n');
    }

    /// Stands apart from what is before it.
    pub(crate) fn heading(&mut self, heading: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        let heading = clean(heading);
        self.0.push_str(&format!("{HEADING}{heading}{HEADING:#}\n"));
    }

    /// Headings and rows in columns. Rows that are bad catch the eye, and begin with `✗`.
    pub(crate) fn table(
        &mut self,
        headings: &[&str],
        rows: &[Vec<String>],
        is_bad: impl Fn(usize) -> bool,
    ) {
        let headings = headings.iter().map(ToString::to_string).collect();
        let all: Vec<Vec<String>> = [headings].into_iter().chain(rows.iter().cloned()).collect();
        for (index, line) in columns::lines(&all).iter().enumerate() {
            match index.checked_sub(1) {
                Some(row) if is_bad(row) => {
                    self.0.push_str(&format!("{BAD}✗ {line}{BAD:#}\n"));
                }
                _ => self.0.push_str(&format!("  {line}\n")),
            }
        }
    }

    pub(crate) fn text(self) -> String {
        self.0
    }
}
