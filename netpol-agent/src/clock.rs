//! From the kernel's time stamps to wall-clock time.
//!
//! Records carry `CLOCK_BOOTTIME`, which goes on while the machine is suspended but knows no date and no leap. The
//! offset to the wall clock drifts and jumps (NTP, an administrator), so it is sampled again and again and handed
//! around as a value; nothing in the pipeline reads a clock itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

/// The offset between the two clocks as of one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    boot_at: SystemTime,
}

impl Clock {
    /// Both clocks' values at one moment; `boottime` in nanoseconds.
    #[must_use]
    pub fn from_sample(boottime: u64, wall: SystemTime) -> Self {
        let boot_at = wall
            .checked_sub(Duration::from_nanos(boottime))
            .unwrap_or(UNIX_EPOCH);
        Self { boot_at }
    }

    /// Samples the machine's clocks.
    ///
    /// # Errors
    /// Where the kernel has no `CLOCK_BOOTTIME`.
    pub fn sample() -> nix::Result<Self> {
        Ok(Self::from_sample(boottime()?, SystemTime::now()))
    }

    /// Wall-clock time of a record's time stamp (nanoseconds).
    #[must_use]
    pub fn wall(&self, boottime: u64) -> SystemTime {
        self.boot_at + Duration::from_nanos(boottime)
    }
}

/// `CLOCK_BOOTTIME` now, in nanoseconds.
///
/// # Errors
/// Where the kernel has no `CLOCK_BOOTTIME`.
pub fn boottime() -> nix::Result<u64> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME)?);
    Ok(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_stamp_becomes_wall_time_by_the_sample() {
        let wall = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let clock = Clock::from_sample(50_000_000_000, wall);
        assert_eq!(clock.wall(50_000_000_000), wall);
        assert_eq!(
            clock.wall(52_500_000_000),
            wall + Duration::from_millis(2500)
        );
        assert_eq!(clock.wall(49_000_000_000), wall - Duration::from_secs(1));
    }

    #[test]
    fn a_step_of_the_wall_clock_shows_in_the_next_sample_only() {
        let wall = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let before = Clock::from_sample(10_000_000_000, wall);
        let after = Clock::from_sample(11_000_000_000, wall + Duration::from_secs(3601));
        assert_eq!(after.wall(11_000_000_000), wall + Duration::from_secs(3601));
        assert_eq!(before.wall(11_000_000_000), wall + Duration::from_secs(1));
    }

    #[test]
    fn the_machine_gives_a_plausible_sample() {
        let now = Clock::sample().unwrap().wall(boottime().unwrap());
        let difference = now
            .duration_since(SystemTime::now())
            .unwrap_or_else(|error| error.duration());
        assert!(difference < Duration::from_secs(1), "{difference:?}");
    }
}
