//! What is published of a connection.

use std::time::{Duration, SystemTime};

use netpol_policy::verdict::Direction;

use crate::binding::Bindings;
use crate::enrich::Context;
use crate::flow::{DropClass, Flow, Observed, Previous, Vantage};
use crate::judge::agreement;
use crate::summary::Subject;
use crate::tracker::{Connection, Published};

/// A revision of a connection.
pub(super) fn compose(
    connection: &Connection,
    mut observed: Observed,
    context: &Context,
    [first_seen, last_seen]: [SystemTime; 2],
    bindings: &Bindings,
    answer_timeout: Duration,
) -> Flow {
    if let Some(drop) = &mut observed.drop {
        if drop.class == DropClass::Firewall && context.no_endpoints {
            drop.class = DropClass::NoEndpoints;
        }
        if drop.in_node_netns {
            // Elsewhere the same numbers are other interfaces.
            drop.interface = bindings.name(drop.ifindex);
            drop.input_interface = bindings.name(drop.input_ifindex);
        }
    }
    let protocol = connection.key.protocol;
    let verdict = &context.computed.verdict;
    let agreement = agreement(&observed, verdict.decision());
    let summary = Subject {
        source: &context.source,
        destination: &context.destination,
        port: &port_words(protocol, context.destination.port),
        observed: &observed,
        verdict,
        not_evaluated: context.computed.not_evaluated,
        agreement,
        answer_timeout,
    }
    .sentence();
    let [forward, reply] = connection.counters();
    let vantages = [
        (connection.at_source(), Direction::Egress),
        (connection.at_destination(), Direction::Ingress),
    ]
    .into_iter()
    .filter_map(|(seen, direction)| {
        let seen = seen?;
        let [forward, reply] = connection.counters_at(seen);
        let ifindex = seen.key.ifindex;
        Some(Vantage {
            interface: bindings.name(ifindex),
            ifindex,
            direction,
            forward,
            reply,
        })
    })
    .collect();
    let [kind, code] = connection.icmp().to_be_bytes();
    let inferred = !connection.opening_seen();
    Flow {
        id: connection.id,
        revision: connection.revision,
        first_seen,
        last_seen,
        protocol,
        source: context.source.clone(),
        destination: context.destination.clone(),
        service: context.service.clone(),
        direction_inferred: inferred,
        mid_stream: inferred,
        icmp: matches!(protocol, 1 | 58).then_some((kind, code)),
        vantages,
        forward,
        reply,
        state: connection.state(),
        observed,
        computed: context.computed.clone(),
        agreement,
        summary,
        previous: None,
    }
}

/// What the revision before said, told with the context it was told in.
pub(super) fn previous_of(
    published: Published,
    before: Option<&Context>,
    now: &Context,
) -> Previous {
    let [forward, reply] = published.counters;
    Previous {
        verdict: published.observed.verdict,
        forward,
        reply,
        was_of_other_ends: !before.is_some_and(|before| before.says_the_same(now)),
    }
}

/// Protocol and port as sentences write them.
pub(crate) fn port_words(protocol: u8, port: u16) -> String {
    match protocol {
        6 => format!("TCP {port}"),
        17 => format!("UDP {port}"),
        132 => format!("SCTP {port}"),
        1 => "ICMP".to_owned(),
        58 => "ICMPv6".to_owned(),
        other => format!("IP protocol {other}"),
    }
}
