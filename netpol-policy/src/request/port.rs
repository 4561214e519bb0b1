//! Ports and protocols, as they are written.

use std::fmt;
use std::str::FromStr;

use super::RequestError;
use super::error::{LONGEST_NAME, quoted};
use crate::model::Protocol;

/// A port at the destination, as the opener dials it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PortRef {
    /// From 1.
    Number(u16),
    /// A container port's name, or that of a Service's port where a Service is dialled.
    Name(String),
}

impl PortRef {
    /// From a number that may be none of a port.
    ///
    /// # Errors
    /// 0, and what is beyond 65535.
    pub fn from_number(number: u64) -> Result<Self, RequestError> {
        match u16::try_from(number) {
            Ok(port) if port > 0 => Ok(Self::Number(port)),
            _ => Err(RequestError::Port {
                text: number.to_string(),
            }),
        }
    }
}

impl FromStr for PortRef {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || RequestError::Port { text: quoted(text) };
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = text.parse().map_err(|_| error())?;
            return Self::from_number(number).map_err(|_| error());
        }
        let is_none = |c: char| c == '/' || c.is_whitespace() || c.is_control();
        if text.starts_with(['-', '+']) || text.contains(is_none) || text.len() > LONGEST_NAME {
            return Err(error());
        }
        Ok(Self::Name(text.to_owned()))
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(out),
            Self::Name(name) => name.fmt(out),
        }
    }
}

/// A protocol by name, in whatever case, or by its number in the IP header.
///
/// # Errors
/// Names that are not TCP, UDP, SCTP, ICMP or ICMPv6, and numbers beyond 255.
pub fn protocol(text: &str) -> Result<Protocol, RequestError> {
    const NAMES: [(&str, u8); 5] = [
        ("TCP", 6),
        ("UDP", 17),
        ("SCTP", 132),
        ("ICMP", 1),
        ("ICMPv6", 58),
    ];
    let named = NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text));
    let number = match named {
        Some((_, number)) => Some(*number),
        // A sign would be read too.
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    };
    number
        .map(Protocol::from_ip_number)
        .ok_or_else(|| RequestError::Protocol { text: quoted(text) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_number_of_sixteen_bits_or_a_name() {
        for (text, port) in [
            ("1", PortRef::Number(1)),
            ("65535", PortRef::Number(65535)),
            ("http", PortRef::Name("http".into())),
            ("8080-tcp", PortRef::Name("8080-tcp".into())),
        ] {
            assert_eq!(text.parse(), Ok(port), "{text}");
        }
        for text in [
            "",
            "0",
            "65536",
            "99999999999999999999999",
            "-1",
            "+80",
            "ht tp",
            "80/udp",
            "a\u{0}",
        ] {
            let text = text.to_owned();
            assert_eq!(text.parse::<PortRef>(), Err(RequestError::Port { text }));
        }
        let error = "x".repeat(1 << 20).parse::<PortRef>().unwrap_err();
        assert!(error.to_string().len() < 400, "it is quoted in part");
    }

    #[test]
    fn a_protocol_is_a_name_in_any_case_or_a_number() {
        for (text, expected) in [
            ("tcp", Protocol::Tcp),
            ("6", Protocol::Tcp),
            ("Udp", Protocol::Udp),
            ("SCTP", Protocol::Sctp),
            ("icmp", Protocol::Other(1)),
            ("ICMPV6", Protocol::Other(58)),
            ("47", Protocol::Other(47)),
        ] {
            assert_eq!(protocol(text), Ok(expected), "{text}");
        }
        for text in ["", "http", "256", "-6", "+6", "6 "] {
            let text = text.to_owned();
            assert_eq!(protocol(&text), Err(RequestError::Protocol { text }));
        }
    }
}
