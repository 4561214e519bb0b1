//! What policies permit differently, whether there was such traffic or not.

use std::collections::BTreeMap;

use netpol_policy::difference;
use netpol_policy::matrix::{Party, PortSet};
use serde::Serialize;

use crate::replay::words;

#[derive(Serialize)]
pub(super) struct Permitted<'a> {
    changes: Vec<PermittedChange<'a>>,
    /// Pairs of parties that were compared, each standing for all that are alike.
    compared: usize,
    /// Why not all were; `null` where they were.
    cut: Option<String>,
}

#[derive(Serialize)]
struct PermittedChange<'a> {
    from: Vec<String>,
    to: Vec<String>,
    opened: Ports,
    closed: Ports,
    unclear: Ports,
    caveats: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opening: Option<Example<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closing: Option<Example<'a>>,
}

#[derive(Serialize)]
struct Example<'a> {
    from: String,
    to: String,
    protocol: String,
    port: Option<u16>,
    before: &'a str,
    after: &'a str,
}

/// Ranges by protocol, first and last port each.
type Ports = BTreeMap<String, Vec<[u16; 2]>>;

/// All of it.
pub(super) fn permitted(difference: &difference::Difference) -> Permitted<'_> {
    let changes = difference.changes.iter().map(|change| PermittedChange {
        from: change.from.iter().map(Party::to_string).collect(),
        to: change.to.iter().map(Party::to_string).collect(),
        opened: ports(&change.opened),
        closed: ports(&change.closed),
        unclear: ports(&change.unclear),
        caveats: change.caveats.iter().map(|one| one.as_str()).collect(),
        opening: change.opening.as_deref().map(example),
        closing: change.closing.as_deref().map(example),
    });
    Permitted {
        changes: changes.collect(),
        compared: difference.compared,
        cut: difference.cut.as_ref().map(ToString::to_string),
    }
}

fn example(example: &difference::Example) -> Example<'_> {
    let connection = &example.connection;
    Example {
        from: connection.source.to_string(),
        to: connection.destination.to_string(),
        protocol: connection.protocol.to_string(),
        port: connection.destination_port,
        before: words::decision(example.before.decision()),
        after: words::decision(example.after.decision()),
    }
}

fn ports(set: &PortSet) -> Ports {
    let ranges = set.iter().map(|(protocol, ranges)| {
        let ranges = ranges.iter().map(|range| [range.first, range.last]);
        (protocol.to_string(), ranges.collect())
    });
    ranges.collect()
}
