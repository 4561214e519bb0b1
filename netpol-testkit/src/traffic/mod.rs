//! Traffic that is bounded in count and time, from threads inside a namespace.
//!
//! Servers run until they are dropped. Clients return what became of each attempt.

mod icmp;
mod raw;
mod tcp;
mod udp;

use std::time::{Duration, Instant};

pub use icmp::ping;
pub use raw::{FrameSocket, ethernet_frame};
pub use tcp::{TcpAttempt, TcpConnection, TcpCounts, TcpServer, tcp_loop};
pub use udp::{UdpAttempt, UdpServer, udp_flood};

/// How long one waits for what is to come, on a machine that may be busy. What is to stay away is waited for less.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What became of one attempt to reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The other side answered: the connection stands, or the reply came.
    Answered,
    /// A RST to the SYN, or ICMP port unreachable.
    Refused,
    /// A RST to a connection that stood.
    Reset,
    /// Nothing came back in time.
    TimedOut,
    /// ICMP said that host or network cannot be reached or is prohibited, or there is no route.
    Unreachable,
}

/// Ends a loop by count or by time, whichever is first.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// At most this many packets or connections.
    pub count: u64,
    /// At most this long.
    pub time: Duration,
}

impl Bound {
    /// `count` at the most, in a minute at the most.
    #[must_use]
    pub fn count(count: u64) -> Self {
        Self {
            count,
            time: Duration::from_secs(60),
        }
    }

    /// As many as go in `time`.
    #[must_use]
    pub fn time(time: Duration) -> Self {
        Self {
            count: u64::MAX,
            time,
        }
    }

    /// Numbers from 0 until the bound is reached. The clock starts with the first.
    pub(crate) fn numbers(self) -> impl Iterator<Item = u64> {
        let mut end = None;
        (0..self.count).take_while(move |_| {
            let now = Instant::now();
            now < *end.get_or_insert(now + self.time)
        })
    }
}

/// What an error of a socket says about the other side; the error itself when it says nothing.
fn outcome_of(error: std::io::Error) -> std::io::Result<Outcome> {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => Ok(Outcome::Refused),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Ok(Outcome::Reset),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Ok(Outcome::TimedOut),
        // Prohibited (ICMP code 13, or a prohibit route) comes as EACCES.
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::PermissionDenied => Ok(Outcome::Unreachable),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_end_by_count_and_by_time() {
        assert_eq!(Bound::count(3).numbers().count(), 3);
        assert_eq!(Bound::time(Duration::ZERO).numbers().count(), 0);
    }
}
