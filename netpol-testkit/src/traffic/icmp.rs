use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use super::{Outcome, outcome_of};
use crate::{Error, Namespace, Result};

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

/// Sends one ICMP (ICMPv6) echo request with this identifier and waits for its reply.
///
/// # Errors
/// When the raw socket cannot be made or used.
pub fn ping(
    namespace: &Namespace,
    to: IpAddr,
    identifier: u16,
    timeout: Duration,
) -> Result<Outcome> {
    namespace.run_in(|| match exchange(to, identifier, timeout) {
        Ok(()) => Ok(Outcome::Answered),
        Err(error) => {
            outcome_of(error).map_err(Error::io(format!("ping {to} from {}", namespace.name())))
        }
    })
}

fn exchange(to: IpAddr, identifier: u16, timeout: Duration) -> std::io::Result<()> {
    let (domain, protocol, request_type, reply_type) = match to {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4, ECHO_REQUEST, ECHO_REPLY),
        IpAddr::V6(_) => (
            Domain::IPV6,
            Protocol::ICMPV6,
            ECHO_REQUEST_V6,
            ECHO_REPLY_V6,
        ),
    };
    let mut socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    socket.connect(&SocketAddr::new(to, 0).into())?;
    let request = echo_request(request_type, identifier);
    socket.send(&request)?;
    let deadline = Instant::now() + timeout;
    let mut buffer = [0; 1500];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let length = socket.read(&mut buffer)?;
        let packet = &buffer[..length];
        // A raw IPv4 socket delivers the IP header too, a raw IPv6 socket does not.
        let header = match to {
            IpAddr::V4(_) => packet
                .first()
                .map_or(0, |first| usize::from(first & 0xf) * 4),
            IpAddr::V6(_) => 0,
        };
        let Some(message) = packet.get(header..) else {
            continue;
        };
        if message.first() == Some(&reply_type) && message.get(4..8) == Some(&request[4..8]) {
            return Ok(());
        }
    }
}

/// Type, code, checksum, identifier, sequence number 1. The kernel sums ICMPv6 up by itself.
fn echo_request(request_type: u8, identifier: u16) -> [u8; 8] {
    let mut message = [request_type, 0, 0, 0, 0, 0, 0, 1];
    message[4..6].copy_from_slice(&identifier.to_be_bytes());
    let sum = internet_checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

/// RFC 1071.
fn internet_checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        sum += u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksum_over_a_summed_message_is_zero() {
        assert_eq!(internet_checksum(&echo_request(ECHO_REQUEST, 0x1234)), 0);
        assert_eq!(internet_checksum(&[0x00, 0x01, 0xf2]), !0xf201);
    }
}
