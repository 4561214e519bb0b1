//! Points in time as numbers: nanoseconds since 1970, on the relay's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost_types::Timestamp;

const SECOND: i64 = 1_000_000_000;

/// Nanoseconds since 1970. Reaches to the year 2262; times beyond that are held to be absurd.
pub(crate) type Nanos = i64;

/// A moment of the relay's clock.
pub(crate) fn of_clock(time: SystemTime) -> Nanos {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => of_duration(since),
        Err(before) => -of_duration(before.duration()),
    }
}

/// A length of time; very long ones are cut.
pub(crate) fn of_duration(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// The moment as the standard library has it.
pub(crate) fn to_clock(time: Nanos) -> SystemTime {
    let distance = Duration::from_nanos(time.unsigned_abs());
    if time < 0 {
        UNIX_EPOCH - distance
    } else {
        UNIX_EPOCH + distance
    }
}

/// A stamp that a node wrote; `None` where it is missing, malformed or beyond all years that can be meant.
pub(crate) fn of_stamp(stamp: Option<&Timestamp>) -> Option<Nanos> {
    let stamp = stamp?;
    let nanos = Nanos::from(stamp.nanos);
    if !(0..SECOND).contains(&nanos) || stamp.seconds <= 0 {
        return None;
    }
    stamp.seconds.checked_mul(SECOND)?.checked_add(nanos)
}

/// A moment as the contract writes it.
pub(crate) fn stamp(time: Nanos) -> Timestamp {
    to_clock(time).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_and_clocks_are_the_same_moments() {
        let time = UNIX_EPOCH + Duration::new(1_700_000_000, 5);
        let nanos = of_clock(time);
        assert_eq!(of_stamp(Some(&stamp(nanos))), Some(nanos));
        assert_eq!(to_clock(nanos), time);
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(to_clock(of_clock(before)), before);
    }

    #[test]
    fn absurd_stamps_are_no_times() {
        for (seconds, nanos) in [
            (0, 0),
            (-5, 0),
            (i64::MAX, 0),
            (9_223_372_036, 999_999_999),
            (1_700_000_000, -1),
            (1_700_000_000, 1_000_000_000),
        ] {
            assert_eq!(
                of_stamp(Some(&Timestamp { seconds, nanos })),
                None,
                "{seconds} {nanos}"
            );
        }
        assert_eq!(of_stamp(None), None);
    }
}
