//! Sets of ports, folded to ranges.

use std::fmt;
use std::ops::RangeInclusive;

use crate::model::Protocol;

/// Ports that a connection can have: 1 to 65535, as in the API.
pub const PORTS: RangeInclusive<u16> = 1..=u16::MAX;

/// The protocols that policies speak about (rule 23).
pub const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

/// First and last port, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest, not below the lowest.
    pub last: u16,
}

/// `80`, or `8000-8999`.
impl fmt::Display for PortRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(out)
        } else {
            write!(out, "{}-{}", self.first, self.last)
        }
    }
}

/// Ports of TCP, UDP and SCTP. Equal sets are equal values: ranges are sorted, and neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PortSet {
    /// In the order of [`PROTOCOLS`].
    ranges: [Vec<PortRange>; 3],
}

impl PortSet {
    /// The same ports of each of these protocols. A protocol that policies do not know has none.
    #[must_use]
    pub fn of(protocols: &[Protocol], ports: &RangeInclusive<u16>) -> Self {
        let mut set = Self::default();
        for protocol in protocols {
            set.insert(*protocol, *ports.start(), *ports.end());
        }
        set
    }

    /// Adds ports from `first` to `last`, where that is not below `first`.
    pub fn insert(&mut self, protocol: Protocol, first: u16, last: u16) {
        let Some(index) = PROTOCOLS.iter().position(|one| *one == protocol) else {
            return;
        };
        if first > last {
            return;
        }
        let ranges = &mut self.ranges[index];
        // What overlaps or touches the new range becomes part of it.
        let from = ranges.partition_point(|range| range.last < first.saturating_sub(1));
        let to = ranges.partition_point(|range| range.first <= last.saturating_add(1));
        let joined = ranges[from..to]
            .iter()
            .fold(PortRange { first, last }, |joined, range| PortRange {
                first: joined.first.min(range.first),
                last: joined.last.max(range.last),
            });
        ranges.splice(from..to, [joined]);
    }

    /// The ports that are in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self::default();
        for (protocol, ranges) in self.iter() {
            for range in ranges {
                for with in other.ranges(protocol) {
                    both.insert(
                        protocol,
                        range.first.max(with.first),
                        range.last.min(with.last),
                    );
                }
            }
        }
        both
    }

    /// The ports that are not in another set.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = Self::default();
        for (protocol, ranges) in self.iter() {
            for range in ranges {
                let mut next = Some(range.first);
                for without in other.ranges(protocol) {
                    let Some(first) = next else { break };
                    if without.last < first {
                        continue;
                    }
                    // Nothing is inserted where the other range begins first.
                    let before = without.first.saturating_sub(1).min(range.last);
                    rest.insert(protocol, first, before);
                    next = without.last.checked_add(1);
                }
                if let Some(first) = next {
                    rest.insert(protocol, first, range.last);
                }
            }
        }
        rest
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.iter().all(Vec::is_empty)
    }

    /// Whether it holds a port.
    #[must_use]
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        let ranges = self.ranges(protocol);
        let index = ranges.partition_point(|range| range.last < port);
        ranges.get(index).is_some_and(|range| range.first <= port)
    }

    /// The ranges of one protocol, ascending.
    #[must_use]
    pub fn ranges(&self, protocol: Protocol) -> &[PortRange] {
        PROTOCOLS
            .iter()
            .position(|one| *one == protocol)
            .map_or(&[], |index| &self.ranges[index])
    }

    /// The protocols of which it holds a port, with their ranges.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, &[PortRange])> {
        PROTOCOLS
            .iter()
            .zip(&self.ranges)
            .filter(|(_, ranges)| !ranges.is_empty())
            .map(|(protocol, ranges)| (*protocol, ranges.as_slice()))
    }

    /// Whether it holds every port of every protocol.
    #[must_use]
    pub fn is_all(&self) -> bool {
        PROTOCOLS.iter().all(|protocol| self.is_whole(*protocol))
    }

    /// Whether it holds every port of a protocol.
    #[must_use]
    pub fn is_whole(&self, protocol: Protocol) -> bool {
        matches!(self.ranges(protocol), [range] if range.first <= *PORTS.start() && range.last == *PORTS.end())
    }
}

/// `TCP 80,8000-8999 UDP all`; `all` for every port of every protocol, `none` for no port.
impl fmt::Display for PortSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return out.write_str("none");
        }
        if self.is_all() {
            return out.write_str("all");
        }
        for (index, (protocol, ranges)) in self.iter().enumerate() {
            if index > 0 {
                out.write_str(" ")?;
            }
            write!(out, "{protocol} ")?;
            if self.is_whole(protocol) {
                out.write_str("all")?;
                continue;
            }
            for (index, range) in ranges.iter().enumerate() {
                let comma = if index > 0 { "," } else { "" };
                write!(out, "{comma}{range}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_overlap_or_touch_are_one() {
        let mut set = PortSet::default();
        for (first, last) in [(80, 80), (443, 443), (8000, 8999), (81, 90), (9000, 9000)] {
            set.insert(Protocol::Tcp, first, last);
        }
        assert_eq!(set.to_string(), "TCP 80-90,443,8000-9000");
        set.insert(Protocol::Tcp, 85, 8500);
        assert_eq!(set.to_string(), "TCP 80-9000");
        set.insert(Protocol::Udp, 1, 65535);
        set.insert(Protocol::Udp, 9, 3);
        assert_eq!(set.to_string(), "TCP 80-9000 UDP all");
        for (protocol, port, is_in) in [
            (Protocol::Tcp, 79, false),
            (Protocol::Tcp, 80, true),
            (Protocol::Tcp, 9000, true),
            (Protocol::Tcp, 9001, false),
            (Protocol::Udp, 65535, true),
            (Protocol::Sctp, 80, false),
            (Protocol::Other(1), 80, false),
        ] {
            assert_eq!(set.contains(protocol, port), is_in, "{protocol} {port}");
        }
    }

    #[test]
    fn sets_are_intersected_and_subtracted() {
        let set = |ranges: &[(u16, u16)]| {
            let mut set = PortSet::default();
            for (first, last) in ranges {
                set.insert(Protocol::Tcp, *first, *last);
            }
            set
        };
        for (other, both, rest) in [
            (set(&[(5, 20)]), "TCP 5-10", "TCP 1-4"),
            (
                set(&[(1, 1), (3, 4), (10, 65535)]),
                "TCP 1,3-4,10",
                "TCP 2,5-9",
            ),
            (set(&[(11, 20)]), "none", "TCP 1-10"),
            (set(&[(1, 65535)]), "TCP 1-10", "none"),
            (set(&[]), "none", "TCP 1-10"),
        ] {
            let ten = set(&[(1, 10)]);
            assert_eq!(ten.intersection(&other).to_string(), both, "and {other}");
            assert_eq!(ten.difference(&other).to_string(), rest, "without {other}");
        }
        let top = set(&[(65000, 65535)]);
        assert_eq!(
            top.difference(&set(&[(65535, 65535)])).to_string(),
            "TCP 65000-65534"
        );
    }

    #[test]
    fn everything_and_nothing_have_words() {
        assert_eq!(PortSet::of(&PROTOCOLS, &PORTS).to_string(), "all");
        assert_eq!(PortSet::default().to_string(), "none");
    }
}
