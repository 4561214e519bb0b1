//! Text of policies as it stands in their files.

use netpol_policy::verdict::PolicyRef;

use super::page::{DIM, PLAIN, Page};

/// Longer lines are cut.
const LONGEST: usize = 120;

/// Part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    /// The file, or `<stdin>`.
    pub(crate) source: String,
    /// The number of the first line, from 1.
    pub(crate) first: usize,
    /// The lines, as they stand there.
    pub(crate) lines: Vec<String>,
}

/// Where policies can be quoted from.
pub(crate) trait Quotes {
    /// The text of a field, such as `spec.ingress[0].from[1]`; `None` where it does not stand there.
    fn quote(&self, policy: &PolicyRef, field: &str) -> Option<Quote>;
}

impl Quote {
    /// Adds it, moved to the left as far as its lines have blanks in common.
    pub(super) fn show(&self, page: &mut Page, indent: usize) {
        // As wide as most viewers show them.
        let lines: Vec<String> = self
            .lines
            .iter()
            .map(|line| line.replace('\t', "    "))
            .collect();
        let blanks = |line: &String| line.len() - line.trim_start_matches(' ').len();
        let written = lines.iter().filter(|line| !line.trim().is_empty());
        let common = written.map(blanks).min().unwrap_or(0);
        let last = self.first + self.lines.len().saturating_sub(1);
        let width = last.to_string().len();
        for (index, line) in lines.iter().enumerate() {
            let text = line.get(common..).unwrap_or_default().trim_end();
            let mut shown: String = text.chars().take(LONGEST).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            let place = format!("{}:{:<width$}", self.source, self.first + index);
            page.line(indent, &[(DIM, &place), (PLAIN, &format!("  {shown}"))]);
        }
    }
}
