//! Address blocks, read as leniently as the API server once did.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// A block of addresses. Host bits are cleared, as every implementation does when it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr(IpNet);

/// The text is no CIDR, whatever the leniency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a CIDR such as 10.0.0.0/8 or 2001:db8::/64, found {found:?}")]
pub struct CidrError {
    /// What was there.
    pub found: String,
}

impl Cidr {
    /// Reads a CIDR. Stored objects may hold host bits and leading zeros, which today's validation refuses
    /// (rule 26): accepted, leading zeros read as decimal. The flag says that the text was of that kind.
    ///
    /// # Errors
    /// Where the text is no CIDR.
    pub fn parse_lenient(text: &str) -> Result<(Self, bool), CidrError> {
        let error = || CidrError {
            found: text.to_owned(),
        };
        let (address, length) = text.split_once('/').ok_or_else(error)?;
        if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let prefix: u8 = length.parse().map_err(|_| error())?;
        let exact = address.parse::<IpAddr>().ok();
        let address = match exact {
            Some(address) => address,
            None => decimal_octets(address).ok_or_else(error)?.into(),
        };
        let written = IpNet::new(address, prefix).map_err(|_| error())?;
        let block = unmapped(written).trunc();
        let has_zeros = length.len() > 1 && length.starts_with('0');
        Ok((
            Self(block),
            exact.is_none() || has_zeros || block != written,
        ))
    }

    /// The block itself.
    #[must_use]
    pub fn net(&self) -> IpNet {
        self.0
    }

    /// Whether the address lies within; never across IP versions. An IPv4-mapped IPv6 address is the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether the other block lies within and is smaller.
    #[must_use]
    pub fn strictly_contains(&self, other: &Self) -> bool {
        self.0.contains(&other.0) && self.0 != other.0
    }
}

impl From<IpNet> for Cidr {
    fn from(block: IpNet) -> Self {
        Self(unmapped(block).trunc())
    }
}

/// A block of IPv4-mapped IPv6 addresses is the IPv4 block, as in Go's net package.
fn unmapped(block: IpNet) -> IpNet {
    const MAPPED_PREFIX: u8 = 96;
    let (IpAddr::V6(_), IpAddr::V4(address)) = (block.addr(), block.addr().to_canonical()) else {
        return block;
    };
    let prefix = block.prefix_len().checked_sub(MAPPED_PREFIX);
    prefix
        .and_then(|prefix| IpNet::new(address.into(), prefix).ok())
        .unwrap_or(block)
}

/// Four decimal octets, leading zeros allowed.
fn decimal_octets(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0_u8; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let part = parts.next()?;
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *octet = part.parse().ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_26_old_forms_are_accepted_and_marked() {
        for (text, read, is_odd) in [
            ("10.0.0.0/8", "10.0.0.0/8", false),
            ("10.1.2.3/8", "10.0.0.0/8", true),
            ("010.000.0.0/08", "10.0.0.0/8", true),
            ("2001:db8::1/64", "2001:db8::/64", true),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8", true),
            ("::/0", "::/0", false),
        ] {
            let (cidr, odd) = Cidr::parse_lenient(text).unwrap();
            assert_eq!((cidr.to_string().as_str(), odd), (read, is_odd), "{text}");
        }
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0/8",
            "10.0.0.0/+8",
            "a/8",
            "1.2.3.4.5/8",
        ] {
            assert!(Cidr::parse_lenient(text).is_err(), "{text}");
        }
    }

    #[test]
    fn blocks_do_not_reach_across_ip_versions_but_mapped_addresses_are_ipv4() {
        let all_v4 = Cidr::parse_lenient("0.0.0.0/0").unwrap().0;
        let all_v6 = Cidr::parse_lenient("::/0").unwrap().0;
        for (address, in_v4, in_v6) in [
            ("10.0.0.1", true, false),
            ("2001:db8::1", false, true),
            ("::ffff:10.0.0.1", true, false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(all_v4.contains(address), in_v4, "{address}");
            assert_eq!(all_v6.contains(address), in_v6, "{address}");
        }
    }
}
