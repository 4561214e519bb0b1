//! Rows of text, cleaned as they are added.

use anstyle::Style;

use crate::text::{clean, wrap};

pub(super) const PLAIN: Style = Style::new();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// No sentence is broken into less than this.
const NARROWEST: usize = 40;

pub(super) struct Page {
    pub(super) text: String,
    width: usize,
}

impl Page {
    pub(super) fn new(width: usize) -> Self {
        Self {
            text: String::new(),
            width,
        }
    }

    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// One row, `indent` columns from the left.
    pub(super) fn line(&mut self, indent: usize, parts: &[(Style, &str)]) {
        self.text.push_str(&" ".repeat(indent));
        for (style, part) in parts {
            self.text
                .push_str(&format!("{style}{}{style:#}", clean(part)));
        }
        self.text.push('\n');
    }

    /// A sentence on as many rows as it needs.
    pub(super) fn sentence(&mut self, indent: usize, sentence: &str) {
        self.columns(indent, &[], sentence);
    }

    /// A first column, and beside it a sentence on as many rows as it needs.
    pub(super) fn columns(&mut self, indent: usize, first: &[(Style, &str)], sentence: &str) {
        let columns: usize = first.iter().map(|(_, part)| part.chars().count()).sum();
        let beside = indent + columns;
        let width = self.width.saturating_sub(beside).max(NARROWEST);
        let mut first = first.to_vec();
        let mut at = indent;
        for row in wrap(sentence, width) {
            first.push((PLAIN, &row));
            self.line(at, &first);
            first = Vec::new();
            at = beside;
        }
    }
}
