//! Which of the lines that are gone some traffic misses.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::super::lines::Who;
use super::super::pods::may_select;
use super::super::shadow::Shadows;
use super::trial::Miss;
use crate::history::Party;
use crate::verdict::Direction;

/// The lines that are gone, looked up by whom their policies select.
pub(super) struct Suspects<'a> {
    pub(super) shadows: &'a Shadows<'a>,
    pub(super) gone: BTreeSet<usize>,
    /// What was looked up before. Histories name each party a thousand times.
    pub(super) known: HashMap<(Party, Direction), Rc<[usize]>>,
}

impl Suspects<'_> {
    /// The entries that decided before; where that was not known, all that may have; all that are gone where there is none.
    pub(super) fn of(&mut self, miss: &Miss<'_>) -> Rc<[usize]> {
        let entries = miss.entries.iter();
        let lines = entries.filter_map(|(policy, direction, part)| {
            let line = self.shadows.position(*policy, *direction, *part)?;
            self.gone.contains(&line).then_some(line)
        });
        let lines: Rc<[usize]> = lines.collect();
        if !lines.is_empty() {
            return lines;
        }
        let mut suspects = Vec::new();
        for direction in &miss.directions {
            let party = match direction {
                Direction::Egress => &miss.traffic.source,
                Direction::Ingress => &miss.traffic.destination,
            };
            suspects.extend(self.selecting(party, *direction).iter());
        }
        if suspects.is_empty() {
            suspects.extend(&self.gone);
        }
        suspects.into()
    }

    /// Lines of policies that select a party. Those about addresses alone, where there are any: of nobody else's is it unknown
    /// whether they match.
    fn selecting(&mut self, party: &Party, direction: Direction) -> Rc<[usize]> {
        let key = (party.clone(), direction);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let selects = |line: &usize| {
            let line = self.shadows.line(*line);
            let policy = self.shadows.policy(line.policy);
            let is_selected = match party {
                Party::Pods(group) => may_select(policy, group),
                _ => true,
            };
            line.direction == direction && is_selected
        };
        let all: Vec<usize> = self.gone.iter().copied().filter(selects).collect();
        let by_address = all.iter().copied().filter(|line| {
            let who = self.shadows.line(*line).who;
            !matches!(who, Who::Pods { .. } | Who::Everyone)
        });
        let by_address: Vec<usize> = by_address.collect();
        let found: Rc<[usize]> = if by_address.is_empty() {
            all.into()
        } else {
            by_address.into()
        };
        self.known.insert(key, found.clone());
        found
    }
}
