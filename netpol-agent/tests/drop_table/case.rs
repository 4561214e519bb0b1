//! One connection that is tried, and what has to be told of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use netpol_testkit::traffic::{Bound, Outcome, TcpAttempt, udp_flood};
use serde_json::Value;

use crate::expected::{Expected, mismatches};
use crate::stage::{DENIED, SERVER, Stage};

/// How long a connection is tried that nobody answers: long enough for a SYN and its retransmission after 1 s (RFC 6298).
pub(crate) const TWO_SYNS: Duration = Duration::from_millis(1600);
/// Datagrams that a UDP case sends.
const DATAGRAMS: u64 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

/// A connection from a pod to a port of another.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) family: Family,
    pub(crate) port: u16,
    /// Dialled instead of the pod itself.
    pub(crate) dialled: Option<SocketAddr>,
    pub(crate) expected: Expected,
}

/// What a case sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Source port.
    pub(crate) port: u16,
    /// Packets that left the source's socket.
    pub(crate) packets: u64,
}

impl Case {
    /// TCP over IPv4 from the pod that policy denies.
    pub(crate) fn new(port: u16, expected: Expected) -> Self {
        Self {
            from: DENIED,
            to: SERVER,
            protocol: Protocol::Tcp,
            family: Family::V4,
            port,
            dialled: None,
            expected,
        }
    }

    pub(crate) fn from(self, from: &'static str) -> Self {
        Self { from, ..self }
    }

    pub(crate) fn to(self, to: &'static str) -> Self {
        Self { to, ..self }
    }

    pub(crate) fn udp(self) -> Self {
        Self {
            protocol: Protocol::Udp,
            ..self
        }
    }

    pub(crate) fn v6(self) -> Self {
        Self {
            family: Family::V6,
            ..self
        }
    }

    /// Through this address, which is translated to the pod's.
    pub(crate) fn through(self, dialled: SocketAddr) -> Self {
        Self {
            dialled: Some(dialled),
            ..self
        }
    }

    pub(crate) fn address_of(&self, stage: &Stage, pod: &str) -> IpAddr {
        match self.family {
            Family::V4 => stage.pod(pod).ipv4(),
            Family::V6 => stage.pod(pod).ipv6(),
        }
    }

    /// Tries the connection, and checks that the enforcement does what the case is about.
    pub(crate) fn play(&self, stage: &Stage) -> Sent {
        let reached = self
            .dialled
            .unwrap_or_else(|| (self.address_of(stage, self.to), self.port).into());
        let source = stage.pod(self.from).netns();
        let port = stage.fresh_port();
        let packets = match self.protocol {
            Protocol::Tcp => {
                let attempt = TcpAttempt::to(reached).from_port(port);
                let attempt = match self.expected.outcome {
                    Outcome::TimedOut => attempt.timeout(TWO_SYNS),
                    _ => attempt,
                };
                let (outcome, syns) = attempt.connect_counting_syns(source).unwrap();
                assert_eq!(outcome, self.expected.outcome, "{self}");
                syns
            }
            Protocol::Udp => {
                udp_flood(source, reached, port, b"datagram", Bound::count(DATAGRAMS)).unwrap()
            }
        };
        Sent { port, packets }
    }

    /// Everything in which `flows` differ from the one flow that has to be told.
    pub(crate) fn compare(&self, stage: &Stage, sent: &Sent, flows: &[Value]) -> Vec<String> {
        match flows {
            [flow] => mismatches(self, stage, sent, flow),
            _ => vec![format!("{} flows instead of one", flows.len())],
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            from,
            to,
            port,
            protocol,
            family,
            expected,
            ..
        } = self;
        write!(
            f,
            "{family:?} {} from {from} to {to}:{port}, {}",
            protocol.word(),
            expected.reason
        )
    }
}
