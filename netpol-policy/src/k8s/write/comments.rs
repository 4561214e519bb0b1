//! What is to stand above the parts of a policy in YAML.

use std::collections::HashMap;

use crate::verdict::Direction;

/// A part of a policy that can have a comment above it. Indices count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// The document as a whole.
    Policy,
    /// A NetworkPolicy's entry in `policyTypes`.
    Isolation(Direction),
    /// An entry of `spec.ingress` or `spec.egress`.
    Rule {
        /// Which of the two.
        direction: Direction,
        /// Its index.
        rule: usize,
    },
    /// An entry of `from` or `to`.
    Peer {
        /// Of which list of rules.
        direction: Direction,
        /// The rule's index.
        rule: usize,
        /// Its index.
        peer: usize,
    },
    /// An entry of `ports`, or of `protocols`.
    Port {
        /// Of which list of rules.
        direction: Direction,
        /// The rule's index.
        rule: usize,
        /// Its index.
        port: usize,
    },
}

/// Comments on the parts of one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comments(HashMap<Entry, String>);

impl Comments {
    /// Adds a comment, of one line or of several, below those that the part has already.
    pub fn add(&mut self, entry: Entry, text: &str) {
        let known = self.0.entry(entry).or_default();
        if !known.is_empty() {
            known.push('\n');
        }
        known.push_str(text);
    }

    /// What stands above a part; empty for nothing.
    pub(super) fn of(&self, entry: Entry) -> &str {
        self.0.get(&entry).map_or("", String::as_str)
    }
}
