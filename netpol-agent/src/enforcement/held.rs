//! Connections that were let through, until it is clear that no change explains them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::sighting::Sighting;
use crate::inventory::Snapshot;

/// Held at once; what is beyond proves no more.
const MOST: usize = 4096;

/// What was let through lately, oldest first.
pub(super) struct Held {
    grace: Duration,
    sightings: VecDeque<(Instant, Sighting)>,
}

impl Held {
    /// Nothing, and holds for so long.
    pub(super) fn new(grace: Duration) -> Self {
        Self {
            grace,
            sightings: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, sighting: Sighting, now: Instant) {
        if self.sightings.len() < MOST {
            self.sightings.push_back((now, sighting));
        }
    }

    /// Drops all of it: something was stopped.
    pub(super) fn clear(&mut self) {
        self.sightings.clear();
    }

    /// Gives what was held long enough, but for what a change explains that came within the grace window after it began.
    pub(super) fn release(&mut self, snapshot: &Snapshot, now: Instant) -> Vec<Sighting> {
        let is_due = |(since, _): &(Instant, Sighting)| now.duration_since(*since) >= self.grace;
        let due = self
            .sightings
            .iter()
            .take_while(|held| is_due(held))
            .count();
        let grace = self.grace;
        self.sightings
            .drain(..due)
            .map(|(_, sighting)| sighting)
            .filter(|sighting| !is_explained(sighting, snapshot, grace))
            .collect()
    }
}

fn is_explained(sighting: &Sighting, snapshot: &Snapshot, grace: Duration) -> bool {
    let Sighting::LetThrough {
        pod, other, time, ..
    } = sighting
    else {
        return false;
    };
    let pods = [Some(pod), other.as_ref()].into_iter().flatten();
    snapshot.changed_between(pods, *time, *time + grace)
}
