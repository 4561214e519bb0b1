//! Ports, narrowed to those that were used.

use std::collections::BTreeSet;

use super::finding::{Finding, Place, Unseen};
use super::narrow::add;
use super::uses::Use;
use crate::evaluate::port_words;
use crate::history::{Port, Traffic};
use crate::model::{PortMatch, PortRule, Protocol, Rule};
use crate::suggest::{Span, fold};
use crate::verdict::Direction;

/// A range that is at least so many times as wide as what was used of it is worth a change.
const FAR_MORE: u32 = 4;
/// Ports from 1 on.
const EVERY_PORT: u32 = 65_535;

/// The ports of a rule as they should be, and what was too wide about them; `None` where they are fine, or where it is not
/// known well enough what was used.
pub(super) fn narrow(
    direction: Direction,
    index: usize,
    rule: &Rule,
    uses: &[Use],
    traffic: &[Traffic],
    dns: &[u16],
) -> Option<(Vec<PortRule>, Vec<Finding>)> {
    if rule.ports.is_empty() {
        let mut used = used(uses.iter(), traffic)?;
        // Answers that are too long for UDP come over TCP, in weeks to come too.
        for port in dns {
            used.extend([(Protocol::Udp, *port), (Protocol::Tcp, *port)]);
        }
        let spans = fold(&used);
        let finding = Finding {
            place: Place::EveryPort {
                direction,
                rule: index,
            },
            permits: "every port of every protocol".to_owned(),
            used: words(&spans),
            unseen: Unseen::OtherPorts,
        };
        return Some((spans.iter().map(Span::rule).collect(), vec![finding]));
    }
    let mut ports = Vec::new();
    let mut findings = Vec::new();
    for (port, entry) in rule.ports.iter().enumerate() {
        let own = uses.iter().filter(|one| one.ports.contains(&port));
        let permitted = permitted(entry);
        let narrowed = permitted.and_then(|permitted| {
            let used = used(own, traffic)?;
            let spans = fold(&used);
            let admitted: u32 = spans.iter().map(Span::admitted).sum();
            let is_far_more = admitted.saturating_mul(FAR_MORE) <= permitted;
            (!spans.is_empty() && is_far_more).then_some((spans, permitted - admitted))
        });
        let Some((spans, unseen)) = narrowed else {
            add(&mut ports, [entry.clone()]);
            continue;
        };
        findings.push(Finding {
            place: Place::Port {
                direction,
                rule: index,
                port,
            },
            permits: port_words(entry),
            used: words(&spans),
            unseen: Unseen::Ports(unseen),
        });
        add(&mut ports, spans.iter().map(Span::rule));
    }
    (!findings.is_empty()).then_some((ports, findings))
}

/// How many ports an entry permits; `None` where it names one.
fn permitted(entry: &PortRule) -> Option<u32> {
    match entry.port {
        PortMatch::Any => Some(EVERY_PORT),
        PortMatch::Range(first, last) if first < last => Some(u32::from(last - first) + 1),
        PortMatch::Range(..) | PortMatch::Name(_) => None,
    }
}

/// Ports that were used; `None` where they are not known, or where the protocol has none.
fn used<'a>(
    uses: impl Iterator<Item = &'a Use>,
    traffic: &[Traffic],
) -> Option<BTreeSet<(Protocol, u16)>> {
    uses.map(|one| {
        let traffic = &traffic[one.traffic];
        match traffic.port {
            Port::One(port) if traffic.protocol.is_defined() => Some((traffic.protocol, port)),
            _ => None,
        }
    })
    .collect()
}

fn words(spans: &[Span]) -> String {
    let words = spans.iter().map(|span| match span.admitted() {
        1 => format!("{} {}", span.protocol, span.first),
        _ => format!("{} {}-{}", span.protocol, span.first, span.last),
    });
    words.collect::<Vec<_>>().join(", ")
}
