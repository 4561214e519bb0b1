//! Moments, as RFC 3339 in UTC.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A moment, to the nanosecond. Years before -9999 and after 9999 are written as the nearest that can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(Timestamp);

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let nearest = if time < SystemTime::UNIX_EPOCH {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        Self(Timestamp::try_from(time).unwrap_or(nearest))
    }
}

impl From<Time> for SystemTime {
    fn from(time: Time) -> Self {
        time.0.into()
    }
}
