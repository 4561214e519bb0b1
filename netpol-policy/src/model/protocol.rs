//! IP protocols as policies know them.

use std::fmt;

/// Protocol of a connection or a port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// The default of every port that names none (rule 12).
    #[default]
    Tcp,
    /// IP protocol 17.
    Udp,
    /// IP protocol 132.
    Sctp,
    /// Any other IANA protocol number: policies leave it undefined (rule 23).
    Other(u8),
}

impl Protocol {
    /// From the number in the IP header.
    #[must_use]
    pub fn from_ip_number(number: u8) -> Self {
        match number {
            6 => Self::Tcp,
            17 => Self::Udp,
            132 => Self::Sctp,
            other => Self::Other(other),
        }
    }

    /// From the API's `protocol` field; `None` for what the API does not know.
    #[must_use]
    pub fn from_api(name: &str) -> Option<Self> {
        match name {
            "TCP" => Some(Self::Tcp),
            "UDP" => Some(Self::Udp),
            "SCTP" => Some(Self::Sctp),
            _ => None,
        }
    }

    /// Whether NetworkPolicy says anything about it (rule 23).
    #[must_use]
    pub fn is_defined(self) -> bool {
        !matches!(self, Self::Other(_))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => out.write_str("TCP"),
            Self::Udp => out.write_str("UDP"),
            Self::Sctp => out.write_str("SCTP"),
            Self::Other(1) => out.write_str("ICMP"),
            Self::Other(58) => out.write_str("ICMPv6"),
            Self::Other(number) => write!(out, "IP protocol {number}"),
        }
    }
}
