//! What could not be read of a file: the first ones in words, the others by number.

use std::fmt;

/// So many are kept in words.
const KEPT: usize = 20;

/// What could not be read, in order of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    first: Vec<Problem>,
    count: u64,
    damaged: u64,
}

/// A line that could not be read, or only in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: u64,
    /// What was expected, and what was found.
    pub message: String,
}

impl Problems {
    /// A line that should have told something.
    pub(crate) fn damage(&mut self, line: u64, message: String) {
        self.damaged = self.damaged.saturating_add(1);
        self.add(line, message);
    }

    /// A line that may be passed over.
    pub(crate) fn add(&mut self, line: u64, message: String) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < KEPT {
            self.first.push(Problem { line, message });
        }
    }

    /// The first ones.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.first.iter()
    }

    /// How many of them should have told something, and cost evidence.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.message)
    }
}
