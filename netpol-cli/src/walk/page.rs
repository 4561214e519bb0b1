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
        self.columns(indent, "", PLAIN, sentence);
    }

    /// A first column, and beside it a sentence on as many rows as it needs.
    pub(super) fn columns(&mut self, indent: usize, first: &str, style: Style, sentence: &str) {
        let first = match first {
            "" => String::new(),
            first => format!("{first} "),
        };
        let beside = indent + first.chars().count();
        let width = self.width.saturating_sub(beside).max(NARROWEST);
        for (index, row) in wrap(sentence, width).iter().enumerate() {
            if index == 0 {
                self.line(indent, &[(style, &first), (PLAIN, row)]);
            } else {
                self.line(beside, &[(PLAIN, row)]);
            }
        }
    }
}
