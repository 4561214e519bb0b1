//! When this node really watched, and what it lost meanwhile.
//!
//! Intervals that are told never overlap and never end before they begin, whatever the clock does. They are cut at midnight
//! (UTC), so that what was lost is told by the day, and what is too old can be forgotten.
//!
//! A clock that was just set may be wrong, and may be put right a minute later. So what was claimed of a time that has not come
//! yet is not told, but goes for good only when the clock has gone on steadily for a while.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use netpol_policy::history::{Interval, Loss};

use super::table::Table;
use crate::flow::{Lost, Stage};

/// A change of the wall clock against the time since boot beyond which it counts as set: adjusting it slowly moves it by
/// less than a millisecond a second.
const STEP: Duration = Duration::from_secs(3);
/// How long the clock goes on steadily until nothing that contradicts it is kept.
const BELIEVED_AFTER: Duration = Duration::from_secs(600);
/// Intervals remembered: an agent that is started again and again makes many.
const MOST: usize = 2048;
const DAY: u64 = 86_400;

/// All clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) wall: SystemTime,
    /// CLOCK_BOOTTIME: goes on while the machine is suspended.
    pub(super) boottime: Duration,
    /// CLOCK_MONOTONIC: does not.
    pub(super) monotonic: Instant,
}

impl Moment {
    /// Whether something other than time went by since an earlier moment: the clock was set, or the machine slept.
    fn is_cut_off_from(&self, before: &Self) -> bool {
        let elapsed = self.boottime.saturating_sub(before.boottime);
        let expected = before.wall.checked_add(elapsed).unwrap_or(before.wall);
        let off = self
            .wall
            .duration_since(expected)
            .unwrap_or_else(|error| error.duration());
        let awake = self.monotonic.saturating_duration_since(before.monotonic);
        off > STEP || elapsed.saturating_sub(awake) > STEP
    }
}

/// Times of watching.
#[derive(Default)]
pub(super) struct Intervals {
    table: Table<SystemTime, Interval>,
    current: Option<Current>,
    era: Option<Era>,
}

/// The time since the clock was last set, or since the start.
struct Era {
    from: Moment,
    /// Its intervals, by their beginning.
    own: Vec<SystemTime>,
    is_believed: bool,
}

struct Current {
    from: SystemTime,
    last: Moment,
    /// What had been lost when it began.
    before: Vec<Lost>,
    /// The most interfaces that could not be watched at a time.
    unwatched: usize,
}

impl Intervals {
    /// Takes in that this node watches all its interfaces but so many, and what it has lost in all until now. True when the
    /// clock is believed from now on: nothing can have been seen later than that.
    pub(super) fn watch(&mut self, now: Moment, lost: Vec<Lost>, unwatched: usize) -> bool {
        let lost: Vec<Lost> = lost
            .into_iter()
            .filter(|one| one.stage != Stage::Subscriber)
            .collect();
        let goes_on = |current: &&mut Current| !now.is_cut_off_from(&current.last);
        let Some(current) = self.current.as_mut().filter(goes_on) else {
            self.era = Some(Era {
                from: now,
                own: Vec::new(),
                is_believed: false,
            });
            self.begin(now, lost);
            return false;
        };
        current.last = now;
        current.unwatched = current.unwatched.max(unwatched);
        let (from, before) = (current.from, &current.before);
        let losses = lost.iter().filter_map(|one| since(one, before));
        let losses: Vec<Loss> = losses.chain(not_watched(current.unwatched)).collect();
        // A clock that is adjusted may go back by less than a step.
        let until = now.wall.max(from);
        if let Some(interval) = self.table.get_mut(&from) {
            interval.until = interval.until.max(until);
            interval.losses = losses;
        }
        if midnight(from) != midnight(until) {
            self.begin(now, lost);
        }
        self.believe(now)
    }

    /// Whether the clock has gone on steadily for long enough to say what is too old.
    pub(super) fn is_clock_believed(&self) -> bool {
        self.era.as_ref().is_some_and(|era| era.is_believed)
    }

    /// Takes in what the store holds.
    pub(super) fn load(&mut self, interval: Interval) {
        self.table.load(interval.from, interval);
        if self.is_clock_believed() {
            self.disown();
        }
    }

    /// When the first of them began.
    pub(super) fn first(&self) -> Option<SystemTime> {
        self.table.iter().map(|(from, _)| *from).min()
    }

    /// The last moment at which this node is known to have watched.
    pub(super) fn last(&self) -> Option<SystemTime> {
        self.table.iter().map(|(_, interval)| interval.until).max()
    }

    /// Forgets what ended before a time.
    pub(super) fn forget_before(&mut self, horizon: SystemTime) {
        let current = self.current.as_ref().map(|current| current.from);
        self.table
            .extract(|from, interval| interval.until < horizon && Some(*from) != current);
    }

    /// All that is claimed to have been watched, in order. Two that overlap, since the clock was wrong in one of them, are one.
    pub(super) fn all(&self) -> Vec<Interval> {
        let claimed = self.table.iter().filter_map(|(_, one)| self.claimed(one));
        let mut claimed: Vec<Interval> = claimed.collect();
        claimed.sort_by_key(|one| one.from);
        let mut all: Vec<Interval> = Vec::with_capacity(claimed.len());
        for one in claimed {
            match all.last_mut() {
                Some(before) if one.from < before.until => unite(before, one),
                _ => all.push(one),
            }
        }
        all
    }

    /// What is to be written.
    pub(super) fn take_changes(&mut self) -> Vec<(SystemTime, Option<Interval>)> {
        self.table.take(Interval::clone)
    }

    /// The store holds nothing any more.
    pub(super) fn begin_anew(&mut self) {
        self.table.begin_anew();
    }

    /// Takes in whether that has been written.
    pub(super) fn settle(&mut self, is_written: bool) {
        self.table.settle(is_written);
    }

    fn begin(&mut self, now: Moment, before: Vec<Lost>) {
        let from = now.wall;
        let interval = Interval {
            from,
            until: from,
            losses: Vec::new(),
        };
        self.table.insert(from, interval);
        if let Some(era) = &mut self.era {
            era.own.push(from);
        }
        self.current = Some(Current {
            from,
            last: now,
            before,
            unwatched: 0,
        });
        if self.table.len() > MOST {
            let oldest = self.table.iter().map(|(from, _)| *from).min();
            oldest.and_then(|oldest| self.table.remove(&oldest));
        }
    }

    /// Believes the clock once it has gone on steadily for long enough; true when it begins to.
    fn believe(&mut self, now: Moment) -> bool {
        let steady = |era: &Era| now.boottime.saturating_sub(era.from.boottime) >= BELIEVED_AFTER;
        match &mut self.era {
            Some(era) if !era.is_believed && steady(era) => {
                era.is_believed = true;
                self.disown();
                true
            }
            _ => false,
        }
    }

    /// What of an interval is claimed. Nothing of what lies after the clock was set, but for what was watched since: the clock was
    /// ahead when it was noted, and what it would have said otherwise is not known.
    fn claimed(&self, interval: &Interval) -> Option<Interval> {
        let mut claimed = interval.clone();
        if let Some(era) = &self.era
            && !era.own.contains(&interval.from)
        {
            claimed.until = claimed.until.min(era.from.wall);
        }
        (claimed.from < claimed.until || *interval == claimed).then_some(claimed)
    }

    /// Forgets what is not claimed.
    fn disown(&mut self) {
        let changed: Vec<(SystemTime, Option<Interval>)> = self
            .table
            .iter()
            .map(|(from, one)| (*from, one, self.claimed(one)))
            .filter(|(_, one, claimed)| claimed.as_ref() != Some(*one))
            .map(|(from, _, claimed)| (from, claimed))
            .collect();
        for (from, claimed) in changed {
            match claimed {
                Some(claimed) => self.table.insert(from, claimed),
                None => drop(self.table.remove(&from)),
            }
        }
    }
}

/// Takes another interval in, which begins before this one ends.
fn unite(one: &mut Interval, other: Interval) {
    one.until = one.until.max(other.until);
    for loss in other.losses {
        let is_same =
            |known: &&mut Loss| (&known.stage, &known.reason) == (&loss.stage, &loss.reason);
        match one.losses.iter_mut().find(is_same) {
            Some(known) => known.count = known.count.saturating_add(loss.count),
            None => one.losses.push(loss),
        }
    }
}

/// The day that a time lies in, since the epoch.
fn midnight(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() / DAY
}

/// The midnight at or before a time.
pub(super) fn start_of_day(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(midnight(time) * DAY)
}

/// What pods behind these interfaces did was not seen at all: how much that is nobody knows.
fn not_watched(interfaces: usize) -> Option<Loss> {
    (interfaces > 0).then(|| Loss {
        stage: Stage::Kernel.as_str().into(),
        reason: "interfaces_not_watched".into(),
        count: u64::try_from(interfaces).unwrap_or(u64::MAX),
    })
}

/// What was lost for a reason since these totals.
fn since(lost: &Lost, before: &[Lost]) -> Option<Loss> {
    let is_same = |other: &&Lost| (other.stage, other.reason) == (lost.stage, lost.reason);
    let counted = before.iter().find(is_same).map_or(0, |other| other.count);
    let count = lost.count.saturating_sub(counted);
    (count > 0).then(|| Loss {
        stage: lost.stage.as_str().into(),
        reason: lost.reason.into(),
        count,
    })
}

#[cfg(test)]
mod tests;
