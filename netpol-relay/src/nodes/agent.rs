//! One agent, as far as it is known.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use netpol_api::v1::GetStatusResponse;
use netpol_api::v1::node_state::State;
use tokio::sync::Notify;

use crate::connection::Client;
use crate::discovery::AgentAddress;

/// A clock that is off by more than this is told: flows of its node come out of order by as much.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(1);

/// Clocks that are no further apart count as the same: those of a cluster differ by some milliseconds.
const CLOCK_PRECISION: Duration = Duration::from_millis(100);

/// How an agent can be reached.
#[derive(Clone, Debug)]
pub enum Link {
    /// The first connection is on its way.
    Untried,
    /// It answers.
    Up(Client),
    /// It answered, and is late with the next answer; why in plain words.
    Late(Client, String),
    /// It cannot be reached; why in plain words.
    Down(String),
}

impl Link {
    /// Whether there is a connection.
    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Late(..))
    }

    pub(super) fn is_tried(&self) -> bool {
        !matches!(self, Self::Untried)
    }

    pub(super) fn client(&self) -> Option<Client> {
        match self {
            Self::Up(client) | Self::Late(client, _) => Some(client.clone()),
            Self::Untried | Self::Down(_) => None,
        }
    }

    pub(super) fn state(&self) -> (State, String) {
        match self {
            Self::Up(_) => (State::Followed, String::new()),
            Self::Late(_, why) => (State::Late, why.clone()),
            Self::Untried => (State::Unreachable, "not connected yet".to_owned()),
            Self::Down(why) => (State::Unreachable, why.clone()),
        }
    }
}

/// What an agent said of itself.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its words.
    pub status: Arc<GetStatusResponse>,
    /// How far its clock is ahead, where it told the time.
    pub clock: Option<Clock>,
    /// When it came.
    pub heard: Instant,
}

/// What the time in an answer tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// How far the agent's clock is ahead of ours, in nanoseconds; negative: behind.
    pub ahead: i64,
    /// How far off that may be: half of the time that the answer took.
    pub error: Duration,
}

impl Clock {
    /// Compares the time in an answer with ours: the agent wrote it between question and answer, most likely halfway.
    pub(crate) fn compare(theirs: SystemTime, asked: SystemTime, took: Duration) -> Self {
        let halfway = asked + took / 2;
        let nanos = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        let ahead = match theirs.duration_since(halfway) {
            Ok(ahead) => nanos(ahead),
            Err(behind) => -nanos(behind.duration()),
        };
        Self {
            ahead,
            error: took / 2,
        }
    }

    /// By how much stamps of the node are to be corrected, in nanoseconds: not at all where its clock may be right. Putting
    /// right what is only measured badly would bring flows out of order.
    pub(crate) fn correction(self) -> i64 {
        let doubtful = (2 * self.error).max(CLOCK_PRECISION);
        if Duration::from_nanos(self.ahead.unsigned_abs()) > doubtful {
            self.ahead
        } else {
            0
        }
    }

    /// What to say of a clock that is off for certain.
    pub(crate) fn warning(self) -> Option<String> {
        let off = Duration::from_nanos(self.ahead.unsigned_abs());
        let is_off = off.saturating_sub(self.error) > CLOCK_TOLERANCE;
        let way = if self.ahead > 0 { "ahead of" } else { "behind" };
        is_off.then(|| {
            format!(
                "its clock is {:.1} s {way} the relay's: its flows are out of order by as much",
                off.as_secs_f64()
            )
        })
    }
}

/// One agent, as far as it is known.
#[derive(Debug)]
pub(crate) struct Agent {
    /// The node that discovery says it is on.
    pub(super) found_on: Option<String>,
    pub(crate) link: Link,
    /// Since when it is connected, or is not.
    pub(crate) since: SystemTime,
    pub(crate) answer: Option<Answer>,
    /// Somebody has reason to think that the link is not what it was.
    pub(super) doubted: Arc<Notify>,
}

impl Agent {
    pub(super) fn new(now: SystemTime) -> Self {
        Self {
            found_on: None,
            link: Link::Untried,
            since: now,
            answer: None,
            doubted: Arc::default(),
        }
    }

    /// What it says goes before where it was found: its flows carry the name that it says.
    pub(super) fn node_name(&self, address: &AgentAddress) -> String {
        let said = self.answer.as_ref().map(|answer| &answer.status.node);
        said.filter(|name| !name.is_empty())
            .or(self.found_on.as_ref())
            .map_or_else(|| address.to_string(), Clone::clone)
    }

    pub(super) fn warnings(&self, name: &str) -> Vec<String> {
        let found_elsewhere = self
            .found_on
            .as_ref()
            .filter(|found_on| *found_on != name)
            .map(|found_on| {
                format!("its agent's pod is on node {found_on}, and the agent says {name}: see its --node")
            });
        let clock = self.answer.as_ref().and_then(|answer| answer.clock);
        found_elsewhere
            .into_iter()
            .chain(clock.and_then(Clock::warning))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_off_only_beyond_what_the_way_may_explain() {
        let asked = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let took = Duration::from_millis(200);
        let at =
            |offset: f64| asked + Duration::from_secs_f64(0.1) + Duration::from_secs_f64(offset);
        let clock = Clock::compare(at(3.25), asked, took);
        assert_eq!(clock.ahead, 3_250_000_000);
        assert_eq!(
            clock.warning().unwrap(),
            "its clock is 3.2 s ahead of the relay's: its flows are out of order by as much"
        );
        assert_eq!(clock.correction(), clock.ahead);
        let perhaps = Clock::compare(at(1.05), asked, took);
        assert_eq!(perhaps.warning(), None);
        assert_eq!(perhaps.correction(), perhaps.ahead);
        assert_eq!(Clock::compare(at(0.19), asked, took).correction(), 0);
        let behind = Clock::compare(asked - Duration::from_secs(5), asked, took);
        assert_eq!(behind.ahead, -5_100_000_000);
        assert!(
            behind
                .warning()
                .unwrap()
                .contains("5.1 s behind the relay's")
        );
    }
}
