//! Which lines may go, and why others stay.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::limit::Limit;
use super::super::report::{PolicyReport, Report, Status};
use super::super::shadow::{Proof, Shadows};
use super::suspects::Suspects;
use super::trial::Miss;
use super::{Changed, Keeping};
use crate::history::Part;
use crate::model::Action;

/// Lines that go, and unused ones that stay. Those that are shadowed are not among them before they are taken.
pub(super) struct Chosen {
    gone: BTreeSet<usize>,
    /// Those that stay, with the reason.
    pub(super) kept: BTreeMap<usize, Keeping>,
    shadowed: BTreeSet<usize>,
}

impl Chosen {
    pub(super) fn of<'r>(
        shadows: &Shadows<'_>,
        report: &'r Report,
        is_wanted: impl Fn(&PolicyReport) -> bool,
        status: impl Fn(usize) -> Status,
        doubt: impl Fn(usize) -> Option<&'r Limit>,
    ) -> Self {
        let mut chosen = Self {
            gone: BTreeSet::new(),
            kept: BTreeMap::new(),
            shadowed: BTreeSet::new(),
        };
        for (index, policy) in report.policies.iter().enumerate() {
            if !is_wanted(policy) {
                continue;
            }
            let own = shadows.lines_of(index);
            let dangles = |line: usize| status(line) == Status::DanglingSubject;
            let guards = own.clone().any(|line| guards(shadows, line));
            for line in own {
                let status = status(line);
                if !status.is_unused() {
                    continue;
                }
                if let Some(limit) = doubt(line) {
                    chosen.kept.insert(line, Keeping::Unsure(limit.clone()));
                } else if status == Status::Shadowed {
                    chosen.shadowed.insert(line);
                } else if self::guards(shadows, line) || (dangles(line) && guards) {
                    chosen.kept.insert(line, Keeping::Guards);
                } else {
                    chosen.gone.insert(line);
                }
            }
        }
        chosen
    }

    /// Lines that go whatever others match.
    pub(super) fn gone(&self) -> &BTreeSet<usize> {
        &self.gone
    }

    /// Keeps a line.
    pub(super) fn keep(&mut self, line: usize, why: Keeping) {
        self.gone.remove(&line);
        self.kept.insert(line, why);
    }

    pub(super) fn has(&self, line: usize) -> bool {
        self.gone.contains(&line)
    }

    /// Keeps what something that was seen would have missed: every entry that had a part in its answer, or that may have had.
    /// Each time there is less that goes, so this comes to an end.
    pub(super) fn restore(&mut self, missed: &[Miss<'_>], shadows: &Shadows<'_>) {
        let mut suspects = Suspects {
            shadows,
            gone: self.gone.clone(),
            known: HashMap::new(),
        };
        for miss in missed {
            for line in suspects.of(miss).iter() {
                self.shadowed.remove(line);
                // One example of what is missed is enough.
                if self.gone.remove(line) {
                    let changed = Changed {
                        traffic: miss.traffic.clone(),
                        before: miss.before,
                        after: miss.after,
                    };
                    self.kept.insert(*line, Keeping::Changes(Box::new(changed)));
                }
            }
        }
        self.take_shadowed(shadows);
    }

    /// Lines that cannot go by themselves.
    pub(super) fn stay(&mut self, lines: impl Iterator<Item = usize>) {
        for line in lines {
            self.keep(line, Keeping::NotAlone);
        }
    }

    /// Two lines may shadow each other: each goes only as long as what is left still matches all that it does, and what stands
    /// last goes first.
    pub(super) fn take_shadowed(&mut self, shadows: &Shadows<'_>) {
        let waiting: Vec<usize> = self.shadowed.difference(&self.gone).copied().collect();
        for line in waiting.into_iter().rev() {
            let over = shadows.over(line, &self.gone);
            let is_certain = matches!(&over, Some(shadow) if shadow.proof == Proof::AnyPods);
            let keeping = match over {
                None => Keeping::Covers,
                // Pods that come later may be others.
                Some(_) if guards(shadows, line) && !is_certain => Keeping::Guards,
                Some(_) => {
                    self.gone.insert(line);
                    self.kept.remove(&line);
                    continue;
                }
            };
            self.kept.insert(line, keeping);
        }
    }
}

/// Whether a line is there to stop something.
fn guards(shadows: &Shadows<'_>, line: usize) -> bool {
    let line = shadows.line(line);
    line.part == Part::Isolation || line.action == Some(Action::Deny)
}
