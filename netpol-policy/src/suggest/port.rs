//! Ports, folded into as few entries as a person would write.

use std::collections::BTreeSet;

use crate::model::{PortMatch, PortRule, Protocol};

/// More entries than this are folded further.
const MOST: usize = 8;
/// This many ports in a row are one entry; two are easier to read as they are.
const RUN: u16 = 3;
/// Ports below this one are each given out for one use: what lies between two of them is never admitted along with them.
const FIRST_DYNAMIC: u16 = 1024;

/// Ports of a protocol from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Protocol.
    pub protocol: Protocol,
    /// First.
    pub first: u16,
    /// Last; the first for a single port.
    pub last: u16,
    /// How many of them were seen.
    pub seen: u16,
}

impl Span {
    /// A single port that was seen.
    pub(crate) fn one(protocol: Protocol, port: u16) -> Self {
        Self {
            protocol,
            first: port,
            last: port,
            seen: 1,
        }
    }

    /// How many ports it admits.
    #[must_use]
    pub fn admitted(&self) -> u32 {
        u32::from(self.last - self.first) + 1
    }

    /// As an entry of `ports`.
    pub(crate) fn rule(&self) -> PortRule {
        PortRule {
            protocol: Some(self.protocol),
            port: PortMatch::Range(self.first, self.last),
        }
    }
}

/// Folds ports: rows of them into ranges, and where that leaves too many entries, the nearest dynamic ones too, with what lies
/// between them.
pub(crate) fn fold(ports: &BTreeSet<(Protocol, u16)>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (protocol, port) in ports {
        match spans.last_mut() {
            Some(last) if last.protocol == *protocol && last.last.checked_add(1) == Some(*port) => {
                last.last = *port;
                last.seen += 1;
            }
            _ => spans.push(Span::one(*protocol, *port)),
        }
    }
    let mut spans: Vec<Span> = spans.into_iter().flat_map(short_runs_apart).collect();
    while spans.len() > MOST {
        let gaps = spans.windows(2).enumerate().filter_map(|(index, pair)| {
            let is_dynamic = pair[0].first >= FIRST_DYNAMIC;
            (is_dynamic && pair[0].protocol == pair[1].protocol)
                .then(|| (pair[1].first - pair[0].last, index))
        });
        let Some((_, index)) = gaps.min() else {
            break;
        };
        let joined = Span {
            last: spans[index + 1].last,
            seen: spans[index].seen + spans[index + 1].seen,
            ..spans[index]
        };
        spans.splice(index..=index + 1, [joined]);
    }
    spans
}

fn short_runs_apart(span: Span) -> Vec<Span> {
    if span.seen >= RUN {
        return vec![span];
    }
    (span.first..=span.last)
        .map(|port| Span::one(span.protocol, port))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(tcp: &[u16], udp: &[u16]) -> String {
        let of = |protocol, ports: &[u16]| {
            let ports = ports.iter().map(|port| (protocol, *port));
            ports.collect::<Vec<_>>()
        };
        let ports = of(Protocol::Tcp, tcp).into_iter();
        let ports = ports.chain(of(Protocol::Udp, udp)).collect();
        let words = fold(&ports).into_iter().map(|span| {
            let Span {
                protocol,
                first,
                last,
                seen,
            } = span;
            match span.admitted() {
                1 => format!("{protocol} {first}"),
                admitted => format!("{protocol} {first}-{last} {seen}/{admitted}"),
            }
        });
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn three_in_a_row_are_a_range_two_are_not() {
        assert_eq!(folded(&[80, 443], &[53]), "TCP 80, TCP 443, UDP 53");
        assert_eq!(folded(&[8080, 8081], &[]), "TCP 8080, TCP 8081");
        assert_eq!(folded(&[8080, 8081, 8082], &[]), "TCP 8080-8082 3/3");
        assert_eq!(folded(&[65534, 65535], &[1]), "TCP 65534, TCP 65535, UDP 1");
    }

    #[test]
    fn many_dynamic_ports_are_folded_with_what_lies_between_them() {
        let many: Vec<u16> = (0..40).map(|index| 30_000 + index * 50).collect();
        let found = folded(&[&[21][..], &many].concat(), &[]);
        assert!(found.starts_with("TCP 21, TCP 30000"), "{found}");
        assert_eq!(found.split(", ").count(), MOST);
        let spread: Vec<u16> = vec![
            20_000, 20_010, 31_000, 31_002, 40_000, 41_000, 42_000, 50_000, 60_000,
        ];
        assert_eq!(
            folded(&spread, &[]),
            "TCP 20000, TCP 20010, TCP 31000-31002 2/3, TCP 40000, TCP 41000, TCP 42000, TCP 50000, TCP 60000"
        );
    }

    #[test]
    fn well_known_ports_are_never_folded_with_what_lies_between_them() {
        let low: Vec<u16> = (0..12).map(|index| 100 + index * 10).collect();
        assert_eq!(folded(&low, &[]).split(", ").count(), 12);
    }
}
