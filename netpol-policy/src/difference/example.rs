//! A connection that shows a difference.

use crate::connection::{Connection, End};
use crate::evaluate::evaluate;
use crate::inventory::Inventory;
use crate::matrix::PortSet;
use crate::model::{Pod, Protocol};
use crate::verdict::Verdict;

/// A connection, and what each set of policies says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Between pods or addresses that stand for their parties.
    pub connection: Connection,
    /// With the rules or denials behind it.
    pub before: Verdict,
    /// The same.
    pub after: Verdict,
}

impl Example {
    pub(super) fn of(connection: Connection, before: &Inventory, after: &Inventory) -> Self {
        Self {
            before: evaluate(before, &connection),
            after: evaluate(after, &connection),
            connection,
        }
    }
}

pub(super) fn connection(
    source: End,
    destination: End,
    protocol: Protocol,
    port: u16,
) -> Connection {
    Connection::new(source, destination, protocol, Some(port))
}

/// Ports that everybody knows, for where whole ranges differ.
const WELL_KNOWN: [(Protocol, u16); 3] = [
    (Protocol::Tcp, 443),
    (Protocol::Tcp, 80),
    (Protocol::Udp, 53),
];

/// One of some ports that means something: a named one of the destination, one that everybody knows, or the lowest.
pub(super) fn port(ports: &PortSet, destination: Option<&Pod>) -> Option<(Protocol, u16)> {
    let named = destination.into_iter().flat_map(|pod| &pod.ports);
    let named = named.map(|port| (port.protocol, port.port));
    let mut known = named.chain(WELL_KNOWN);
    let lowest = || {
        let (protocol, ranges) = ports.iter().next()?;
        Some((protocol, ranges.first()?.first))
    };
    known
        .find(|(protocol, port)| ports.contains(*protocol, *port))
        .or_else(lowest)
}
