//! Lines, headings and tables of text, clean of what could steer a terminal.

use anstyle::{AnsiColor, Style};

use crate::columns;
use crate::text::{clean, wrap};

const HEADING: Style = Style::new().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
/// Before a row of a table: room for a mark.
const MARGIN: usize = 2;

/// Text that grows.
#[derive(Default)]
pub(crate) struct Page {
    text: String,
    /// Columns of the terminal; `None` where lines are never broken.
    width: Option<usize>,
}

impl Page {
    pub(crate) fn new(width: Option<usize>) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    pub(crate) fn line(&mut self, line: &str) {
        self.sentence(line, Style::new());
    }

    /// Stands apart from what is before it.
    pub(crate) fn heading(&mut self, heading: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.sentence(heading, HEADING);
    }

    fn sentence(&mut self, sentence: &str, style: Style) {
        let sentence = clean(sentence);
        let lines = match self.width {
            Some(width) if !sentence.is_empty() => wrap(&sentence, width),
            _ => vec![sentence.trim_end().to_owned()],
        };
        for line in lines {
            self.text.push_str(&format!("{style}{line}{style:#}\n"));
        }
    }

    /// Headings and rows in columns. Rows that are bad catch the eye, and begin with `✗`.
    pub(crate) fn table(
        &mut self,
        headings: &[&str],
        rows: &[Vec<String>],
        is_bad: impl Fn(usize) -> bool,
    ) {
        self.table_with_lines(headings, rows, &[], is_bad);
    }

    /// The same, with lines of their own below rows.
    pub(crate) fn table_with_lines(
        &mut self,
        headings: &[&str],
        rows: &[Vec<String>],
        below: &[Vec<String>],
        is_bad: impl Fn(usize) -> bool,
    ) {
        let headings = headings.iter().map(ToString::to_string).collect();
        let all: Vec<Vec<String>> = [headings].into_iter().chain(rows.iter().cloned()).collect();
        let width = self.width.map(|width| width.saturating_sub(MARGIN));
        for (index, line) in columns::within(&all, width).into_iter().enumerate() {
            let row = index.checked_sub(1);
            let is_bad = row.is_some_and(&is_bad);
            let (mark, style) = if is_bad {
                ("✗", BAD)
            } else {
                (" ", Style::new())
            };
            let lines = row.and_then(|row| below.get(row)).into_iter().flatten();
            let lines = lines.flat_map(|line| columns::below(line, width));
            let below = line.below.into_iter().chain(lines);
            self.push(style, mark, &line.beside);
            below.for_each(|line| self.push(style, " ", &line));
        }
    }

    fn push(&mut self, style: Style, mark: &str, line: &str) {
        let line = format!("{mark} {line}");
        let line = line.trim_end();
        self.text.push_str(&format!("{style}{line}{style:#}\n"));
    }

    pub(crate) fn text(self) -> String {
        self.text
    }
}
