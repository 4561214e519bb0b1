//! Times, words and flags in their JSON form.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::word::Word;

/// A moment, written as RFC 3339 in UTC with nine fractional digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

impl Time {
    /// `None` where the protobuf timestamp is outside of years -9999 to 9999.
    #[must_use]
    pub fn of(time: &prost_types::Timestamp) -> Option<Self> {
        Timestamp::new(time.seconds, time.nanos).ok().map(Self)
    }
}

impl From<Time> for prost_types::Timestamp {
    fn from(Time(time): Time) -> Self {
        // Protobuf counts nanoseconds forward from the second, jiff towards the epoch.
        let nanos = time.as_nanosecond();
        let second = 1_000_000_000;
        Self {
            seconds: nanos.div_euclid(second) as i64,
            nanos: nanos.rem_euclid(second) as i32,
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}", self.0)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// An enum value, written as its word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WordOf<E>(pub E);

impl<E: Word> WordOf<E> {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        self.0 == E::default()
    }
}

impl<E: Word> Serialize for WordOf<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

/// A word that this version does not know reads as unspecified: files outlive versions.
impl<'de, E: Word> Deserialize<'de> for WordOf<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(Self(E::from_word(&word).unwrap_or_default()))
    }
}

/// TCP flags (bits of RFC 9293 section 3.1), written as a list of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u32);

impl TcpFlags {
    const NAMES: [&'static str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

    /// Names of the flags that are set, lowest bit first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let set = move |bit: &usize| self.0 & (1 << bit) != 0;
        (0..Self::NAMES.len())
            .filter(set)
            .map(|bit| Self::NAMES[bit])
    }

    /// Whether no known flag is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }
}

impl Serialize for TcpFlags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for TcpFlags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        let bit = |name: &String| Self::NAMES.iter().position(|known| known == name);
        Ok(Self(
            names
                .iter()
                .filter_map(bit)
                .fold(0, |flags, bit| flags | 1 << bit),
        ))
    }
}

/// Seconds of a protobuf duration.
pub(super) fn seconds(duration: &prost_types::Duration) -> f64 {
    duration.seconds as f64 + f64::from(duration.nanos) / 1e9
}

/// A protobuf duration of that many seconds, to the nearest nanosecond.
pub(super) fn duration(seconds: f64) -> prost_types::Duration {
    let whole = seconds.trunc();
    prost_types::Duration {
        seconds: whole as i64,
        nanos: ((seconds - whole) * 1e9).round() as i32,
    }
}

/// Whether a number says nothing and is left out.
pub(super) fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}
