//! A token bucket: so many at once, and then so many in a time.

use std::time::{Duration, Instant};

/// How often something may happen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    /// At once, after a time without any.
    pub(super) burst: u32,
    /// Then one in this time.
    pub(super) every: Duration,
}

/// What is left of a rate. Reads no clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    rate: Rate,
    /// When it is, or was, full again if nothing more is taken: the one figure that both its level and its age follow from.
    full_at: Instant,
}

impl Bucket {
    pub(super) fn full(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let is_there = self.has_one(now);
        if is_there {
            self.full_at = self.after_one(now);
        }
        is_there
    }

    /// Whether there is one.
    pub(super) fn has_one(&self, now: Instant) -> bool {
        self.after_one(now) - now <= self.rate.every * self.rate.burst
    }

    fn after_one(&self, now: Instant) -> Instant {
        self.full_at.max(now) + self.rate.every
    }

    /// Whether it is as if nothing had been taken.
    pub(super) fn is_full(&self, now: Instant) -> bool {
        self.full_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let rate = Rate {
            burst: 3,
            every: Duration::from_secs(10),
        };
        let mut bucket = Bucket::full(rate, start);
        let taken: Vec<bool> = [0, 0, 0, 0, 9, 10, 10, 29, 30]
            .map(|seconds| bucket.take(at(seconds)))
            .into();
        assert_eq!(
            taken,
            [true, true, true, false, false, true, false, true, true]
        );
        assert!(!bucket.is_full(at(59)) && bucket.is_full(at(60)));
        // Time that passes adds no more than a burst.
        let later = (0..10).filter(|_| bucket.take(at(10_000))).count();
        assert_eq!(later, 3);
    }
}
