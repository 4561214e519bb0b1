//! What the API server said there is of one resource, and how that differs from what it says now.

use std::collections::{BTreeMap, HashSet};

use super::delivered::{Content, Delivered};
use crate::inventory::change::{Change, ObjectKey};
use crate::inventory::report::{Problem, Report};

/// What a watch says.
#[derive(Debug)]
pub(super) enum Event {
    /// Everything there is will follow, and then [`Event::Listed`].
    Listing,
    /// An object as it is now. Boxed, since most events are of this kind and wait in a queue.
    There(Box<Delivered>),
    /// An object is gone.
    Gone(ObjectKey),
    /// Everything that is there was named since [`Event::Listing`].
    Listed,
    /// The API server does not have the resource.
    Absent,
    /// The API server could not be asked, or refused.
    Failed {
        /// Refused for lack of a permission: that can last.
        forbidden: bool,
    },
}

/// The objects of one resource, by name alone: the inventory holds them.
#[derive(Debug, Default)]
pub(super) struct Known {
    keys: HashSet<ObjectKey>,
    /// Those named since a list began.
    listing: Option<HashSet<ObjectKey>>,
    problems: BTreeMap<ObjectKey, Problems>,
    /// Whether a list was complete, ever.
    is_listed: bool,
    is_absent: bool,
    is_forbidden: bool,
    has_failed: bool,
}

#[derive(Debug, Default)]
struct Problems {
    error: Option<Problem>,
    warnings: Vec<Problem>,
}

impl Known {
    /// Takes an event, and gives what changes by it.
    pub(super) fn take(&mut self, event: Event) -> Vec<Change> {
        match event {
            Event::Listing => {
                // One that was cut short says nothing about what it did not name.
                self.listing = Some(HashSet::new());
                Vec::new()
            }
            Event::There(delivered) => self.there(*delivered).into_iter().collect(),
            Event::Gone(key) => self.gone(key).into_iter().collect(),
            Event::Listed => {
                (self.is_listed, self.is_absent, self.is_forbidden) = (true, false, false);
                let there = self.listing.take().unwrap_or_default();
                let gone = self.keys.iter().chain(self.problems.keys());
                let gone: HashSet<ObjectKey> =
                    gone.filter(|key| !there.contains(key)).cloned().collect();
                gone.into_iter().filter_map(|key| self.gone(key)).collect()
            }
            Event::Absent => {
                (self.is_absent, self.is_forbidden) = (true, false);
                self.listing = None;
                self.problems.clear();
                self.keys.drain().map(Change::Remove).collect()
            }
            Event::Failed { forbidden } => {
                self.has_failed = true;
                self.is_forbidden = forbidden;
                // What is not there is not forbidden.
                self.is_absent &= !forbidden;
                Vec::new()
            }
        }
    }

    fn there(&mut self, delivered: Delivered) -> Option<Change> {
        let Delivered {
            key,
            outcome,
            warnings,
        } = delivered;
        if let Some(listing) = &mut self.listing {
            listing.insert(key.clone());
        }
        let problem = |error: netpol_policy::k8s::ObjectError| Problem {
            file: None,
            document: 0,
            object: key.to_string(),
            field: error.field,
            message: error.message,
        };
        match outcome {
            Ok(Content::Nothing) => self.gone(key),
            Ok(content) => {
                if warnings.is_empty() {
                    self.problems.remove(&key);
                } else {
                    let problems = Problems {
                        error: None,
                        warnings: warnings.into_iter().map(problem).collect(),
                    };
                    self.problems.insert(key.clone(), problems);
                }
                self.keys.insert(key.clone());
                match content {
                    Content::Object(object) => Some(Change::Apply(object)),
                    Content::Runs(workload) => Some(Change::Runs(key, workload)),
                    Content::Existence | Content::Nothing => None,
                }
            }
            Err(error) => {
                // What was good before stays in force, and what was said of it stays true.
                let mut error = problem(error);
                if self.keys.contains(&key) {
                    error
                        .message
                        .push_str("; the version before stays in force");
                }
                self.problems.entry(key).or_default().error = Some(error);
                None
            }
        }
    }

    fn gone(&mut self, key: ObjectKey) -> Option<Change> {
        self.problems.remove(&key);
        if let Some(listing) = &mut self.listing {
            listing.remove(&key);
        }
        self.keys.remove(&key).then_some(Change::Remove(key))
    }

    /// Whether there is nothing to wait for before the first inventory. What every API server has is waited for as long
    /// as it is not known whether it may be read; the rest until the first answer.
    pub(super) fn is_settled(&self, is_built_in: bool) -> bool {
        let is_answered = self.is_read() || self.is_forbidden;
        is_answered || (!is_built_in && self.has_failed)
    }

    /// Whether it is known which objects there are, if not to this moment.
    pub(super) fn is_read(&self) -> bool {
        self.is_listed || self.is_absent
    }

    /// How many objects there are, of those of which anything is kept.
    pub(super) fn count(&self) -> usize {
        self.keys.len()
    }

    /// Adds what is to be told of the objects.
    pub(super) fn report(&self, report: &mut Report) {
        for problems in self.problems.values() {
            report.errors.extend(problems.error.clone());
            report.warnings.extend_from_slice(&problems.warnings);
        }
    }
}

#[cfg(test)]
mod tests;
