//! Single entries of rules, for who explains a verdict: the same matching that decides.

use super::matching::Match;
use super::party::Party;
use super::{Question, connects_to_itself, peer, tiered};
use crate::connection::Connection;
use crate::inventory::Inventory;
use crate::model::{NetworkPolicy, Peer, PortRule, TieredPeer};
use crate::verdict::Direction;

/// Asks one entry at a time about a connection, from one of its sides.
pub(crate) struct Entries<'a>(Question<'a>);

impl<'a> Entries<'a> {
    pub(crate) fn new(
        inventory: &'a Inventory,
        connection: &'a Connection,
        direction: Direction,
    ) -> Self {
        let (own, other) = match direction {
            Direction::Egress => (&connection.source, &connection.destination),
            Direction::Ingress => (&connection.destination, &connection.source),
        };
        Self(Question {
            inventory,
            connection,
            direction,
            other: Party::new(other, inventory),
            own: Party::new(own, inventory),
            is_to_itself: connects_to_itself(connection),
        })
    }

    /// Whether a peer of a NetworkPolicy includes the other end.
    pub(crate) fn peer(&self, peer: &Peer, policy: &NetworkPolicy) -> Match {
        peer::matches(peer, policy, &self.0)
    }

    /// Whether a peer of another tier does.
    pub(crate) fn tiered_peer(&self, peer: &TieredPeer) -> Match {
        tiered::peer(peer, &self.0)
    }

    /// Whether an entry of `ports` covers the destination's port.
    pub(crate) fn port(&self, port: &PortRule) -> Match {
        self.0.port(port)
    }
}
