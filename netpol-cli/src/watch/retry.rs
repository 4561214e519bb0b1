//! How often, and after which time, a broken connection is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(20);
/// With the delays between them these last a minute and a half.
const ATTEMPTS: u32 = 8;

/// Attempts since something came.
#[derive(Debug)]
pub(super) struct Retry {
    allowed: bool,
    begun: bool,
    attempts: u32,
}

impl Retry {
    pub(super) fn new(allowed: bool) -> Self {
        Self {
            allowed,
            begun: false,
            attempts: 0,
        }
    }

    /// Whether another attempt is ever made.
    pub(super) fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// Whether this is another attempt.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Something came: all attempts are there again.
    pub(super) fn succeeded(&mut self) {
        self.attempts = 0;
    }

    /// How long to wait before the next attempt; `None`: there is none.
    pub(super) fn next(&mut self) -> Option<Duration> {
        if !self.allowed || self.attempts >= ATTEMPTS {
            return None;
        }
        let delay = FIRST * 2u32.pow(self.attempts);
        self.begun = true;
        self.attempts += 1;
        Some(delay.min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_bound_and_attempts_are_counted_from_the_last_success() {
        let mut retry = Retry::new(true);
        let delays: Vec<u64> = std::iter::from_fn(|| retry.next())
            .map(|delay| u64::try_from(delay.as_millis()).unwrap())
            .collect();
        assert_eq!(
            delays,
            [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]
        );
        retry.succeeded();
        assert_eq!(retry.next(), Some(FIRST));
    }

    #[test]
    fn where_none_is_allowed_there_is_none() {
        assert_eq!(Retry::new(false).next(), None);
    }
}
