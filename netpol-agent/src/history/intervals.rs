//! When this node really watched, and what it lost meanwhile.
//!
//! Intervals never overlap and never end before they begin, whatever the clock does. They are cut at midnight (UTC), so that
//! what was lost is told by the day, and what is too old can be forgotten.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use netpol_policy::history::{Interval, Loss};

use super::table::Table;
use crate::flow::{Lost, Stage};

/// A change of the wall clock against the time since boot beyond which it counts as set: adjusting it slowly moves it by
/// less than a millisecond a second.
const STEP: Duration = Duration::from_secs(3);
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
    /// Takes in that this node watches all its interfaces but so many, and what it has lost in all until now.
    pub(super) fn watch(&mut self, now: Moment, lost: Vec<Lost>, unwatched: usize) {
        let lost = || lost.iter().filter(|one| one.stage != Stage::Subscriber);
        let Some(current) = &mut self.current else {
            return self.begin(now, lost().cloned().collect());
        };
        if now.is_cut_off_from(&current.last) {
            return self.begin(now, lost().cloned().collect());
        }
        current.last = now;
        current.unwatched = current.unwatched.max(unwatched);
        let (from, before) = (current.from, &current.before);
        let losses = lost().filter_map(|one| since(one, before));
        let losses: Vec<Loss> = losses.chain(not_watched(current.unwatched)).collect();
        // A clock that is adjusted may go back by less than a step.
        let until = now.wall.max(from);
        if let Some(interval) = self.table.get_mut(&from) {
            interval.until = interval.until.max(until);
            interval.losses = losses;
        }
        if midnight(from) != midnight(until) {
            self.begin(now, lost().cloned().collect());
        }
    }

    /// Takes in what the store holds.
    pub(super) fn load(&mut self, interval: Interval) {
        self.table.load(interval.from, interval);
        if let Some(current) = &self.current {
            self.disown_after(current.from, Some(current.from));
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

    /// All of them, in order.
    pub(super) fn all(&self) -> Vec<Interval> {
        let mut all: Vec<Interval> = self.table.iter().map(|(_, one)| one.clone()).collect();
        all.sort_by_key(|one| one.from);
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
        self.disown_after(from, None);
        let interval = Interval {
            from,
            until: from,
            losses: Vec::new(),
        };
        self.table.insert(from, interval);
        let last = now;
        self.current = Some(Current {
            from,
            last,
            before,
            unwatched: 0,
        });
        if self.table.len() > MOST {
            let oldest = self.table.iter().map(|(from, _)| *from).min();
            oldest.and_then(|oldest| self.table.remove(&oldest));
        }
    }

    /// Claims nothing of what lies after a time but for one interval: the clock was ahead when that was noted, and what it
    /// would have said otherwise is not known.
    fn disown_after(&mut self, time: SystemTime, except: Option<SystemTime>) {
        let is_later = |from: &SystemTime| *from >= time && Some(*from) != except;
        self.table.extract(|from, _| is_later(from));
        let reaching = self.table.iter().filter(|(_, one)| one.until > time);
        let reaching: Vec<SystemTime> = reaching.map(|(from, _)| *from).collect();
        for from in reaching {
            if Some(from) != except
                && let Some(interval) = self.table.get_mut(&from)
            {
                interval.until = time;
            }
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
mod tests {
    use super::*;

    /// Clocks that can be moved apart.
    struct Clocks {
        started: Instant,
        wall: u64,
        boottime: u64,
        awake: u64,
        intervals: Intervals,
        lost: u64,
        unwatched: usize,
    }

    impl Clocks {
        fn new(wall: u64) -> Self {
            Self {
                started: Instant::now(),
                wall,
                boottime: 100,
                awake: 100,
                intervals: Intervals::default(),
                lost: 0,
                unwatched: 0,
            }
        }

        fn watch(&mut self) {
            let now = Moment {
                wall: at(self.wall),
                boottime: Duration::from_secs(self.boottime),
                monotonic: self.started + Duration::from_secs(self.awake),
            };
            let lost = Lost {
                stage: Stage::Kernel,
                reason: "ring_full",
                count: self.lost,
                time: now.wall,
            };
            let elsewhere = Lost {
                stage: Stage::Subscriber,
                ..lost.clone()
            };
            let lost = vec![lost, elsewhere];
            self.intervals.watch(now, lost, self.unwatched);
        }

        fn go_on(&mut self, seconds: u64) {
            for _ in 0..seconds {
                (self.wall, self.boottime, self.awake) =
                    (self.wall + 1, self.boottime + 1, self.awake + 1);
                self.watch();
            }
        }

        fn told(&self) -> Vec<(u64, u64, u64)> {
            let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
            let all = self.intervals.all().into_iter();
            all.map(|one| {
                let lost = one.losses.iter().map(|loss| loss.count).sum();
                (seconds(one.from), seconds(one.until), lost)
            })
            .collect()
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn an_interval_grows_with_what_was_lost_in_it() {
        let mut clocks = Clocks::new(1000);
        clocks.lost = 7;
        clocks.watch();
        clocks.go_on(5);
        assert_eq!(clocks.told(), [(1000, 1005, 0)]);
        clocks.lost = 9;
        clocks.go_on(5);
        assert_eq!(clocks.told(), [(1000, 1010, 2)]);
        assert_eq!(&*clocks.intervals.all()[0].losses[0].stage, "kernel");
    }

    #[test]
    fn an_interface_that_could_not_be_watched_stays_a_loss_of_its_interval() {
        let mut clocks = Clocks::new(1000);
        clocks.watch();
        for unwatched in [2, 1, 0] {
            clocks.unwatched = unwatched;
            clocks.go_on(1);
        }
        let losses = clocks.intervals.all().remove(0).losses;
        assert_eq!(losses.len(), 1);
        let loss = &losses[0];
        assert_eq!((&*loss.reason, loss.count), ("interfaces_not_watched", 2));
    }

    #[test]
    fn a_clock_that_is_set_ends_one_and_begins_another() {
        let mut clocks = Clocks::new(1000);
        clocks.watch();
        clocks.go_on(10);
        clocks.wall += 3600;
        clocks.go_on(10);
        assert_eq!(clocks.told(), [(1000, 1010, 0), (4611, 4620, 0)]);
        // And back, into the first: what was claimed of the time after it is taken back.
        clocks.wall = 1004;
        clocks.go_on(1);
        assert_eq!(clocks.told(), [(1000, 1005, 0), (1005, 1005, 0)]);
        clocks.go_on(100);
        assert_eq!(clocks.told(), [(1000, 1005, 0), (1005, 1105, 0)]);
    }

    #[test]
    fn time_asleep_was_not_watched() {
        let mut clocks = Clocks::new(1000);
        clocks.watch();
        clocks.go_on(10);
        clocks.wall += 600;
        clocks.boottime += 600;
        clocks.go_on(10);
        assert_eq!(clocks.told(), [(1000, 1010, 0), (1611, 1620, 0)]);
    }

    #[test]
    fn days_are_apart_and_losses_stay_with_theirs() {
        let mut clocks = Clocks::new(DAY - 10);
        clocks.watch();
        clocks.lost = 4;
        clocks.go_on(20);
        assert_eq!(clocks.told(), [(DAY - 10, DAY, 4), (DAY, DAY + 10, 0)]);
        clocks.intervals.forget_before(at(DAY + 1));
        assert_eq!(clocks.told(), [(DAY, DAY + 10, 0)]);
    }

    #[test]
    fn what_the_store_claims_of_the_future_is_taken_back() {
        let interval = |from, until| Interval {
            from: at(from),
            until: at(until),
            losses: Vec::new(),
        };
        for is_late in [false, true] {
            let mut clocks = Clocks::new(1000);
            let load = |clocks: &mut Clocks| {
                for (from, until) in [(100, 200), (900, 1100), (1200, 1300)] {
                    clocks.intervals.load(interval(from, until));
                }
            };
            if !is_late {
                load(&mut clocks);
            }
            clocks.watch();
            if is_late {
                load(&mut clocks);
            }
            clocks.go_on(5);
            let told = [(100, 200, 0), (900, 1000, 0), (1000, 1005, 0)];
            assert_eq!(clocks.told(), told, "{is_late}");
        }
    }
}
