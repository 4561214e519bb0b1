//! What one node saw of a connection, and of which end it is.

use std::net::IpAddr;

use netpol_api::v1;
use prost::Message;

use crate::merge::instant::{Nanos, of_stamp};

/// Bytes that a view takes beside its encoded content.
const OVERHEAD: usize = size_of::<View>();

/// Number of a node in one stream.
pub type NodeIndex = usize;

/// What both views of a connection have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    protocol: u32,
    source: (IpAddr, u32),
    destination: (IpAddr, u32),
    icmp: u32,
}

/// Which end of the connection a node saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The source is on this node.
    Source,
    /// The destination is on this node.
    Destination,
    /// Both are: there is no other view.
    Both,
    /// A drop on the way, and the inventory knows neither end.
    Neither,
}

/// From the first to the last packet, on the relay's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Nanos,
    pub(super) last: Nanos,
}

/// The latest revision of a node's flow.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) node: NodeIndex,
    pub(super) flow: v1::Flow,
    pub(super) role: Role,
    /// `None` where the node told no times that can be meant.
    pub(super) span: Option<Span>,
    /// How far the node's clock is ahead of the relay's.
    pub(super) ahead: Nanos,
    /// About the memory it takes, in bytes.
    pub(super) weight: usize,
}

impl View {
    pub(super) fn new(node: NodeIndex, ahead: Nanos, flow: v1::Flow) -> Self {
        let on_relays_clock = |stamp| of_stamp(stamp).map(|time: Nanos| time.saturating_sub(ahead));
        let first = on_relays_clock(flow.first_seen.as_ref());
        let last = on_relays_clock(flow.last_seen.as_ref());
        let span = first
            .zip(last)
            .filter(|(first, last)| first <= last)
            .map(|(first, last)| Span { first, last });
        Self {
            node,
            role: role(&flow),
            span,
            ahead,
            weight: weight(&flow),
            flow,
        }
    }

    /// `None` for what no other node's view can be told to belong to: same-node connections, and flows without
    /// addresses or times.
    pub(super) fn key(&self) -> Option<Key> {
        let has_other_view = self.role != Role::Both && self.span.is_some();
        if !has_other_view || self.flow.id.is_empty() {
            return None;
        }
        let end = |end: &Option<v1::Endpoint>| {
            let end = end.as_ref()?;
            Some((end.address.parse::<IpAddr>().ok()?.to_canonical(), end.port))
        };
        Some(Key {
            protocol: self.flow.ip_protocol,
            source: end(&self.flow.source)?,
            destination: end(&self.flow.destination)?,
            icmp: self
                .flow
                .icmp
                .map_or(0, |icmp| (icmp.r#type << 8) | (icmp.code & 0xff)),
        })
    }

    /// Whether the opening packet was seen, so that the first time is that of the connection's beginning.
    pub(super) fn is_from_beginning(&self) -> bool {
        !self.flow.mid_stream
    }

    pub(super) fn is_ended(&self) -> bool {
        self.flow.state() == v1::flow::State::Ended
    }

    /// Whether something came back, so that an opening packet later on these ports opens another connection.
    pub(super) fn is_answered(&self) -> bool {
        let replied = self
            .flow
            .observed
            .as_ref()
            .and_then(|observed| observed.evidence.as_ref())
            .is_some_and(|evidence| evidence.reply_seen);
        replied || self.flow.state() != v1::flow::State::New
    }
}

/// About the memory a flow takes, in bytes.
pub(crate) fn weight(flow: &v1::Flow) -> usize {
    flow.encoded_len() + OVERHEAD
}

/// By the interfaces it was seen on; for a drop that no interface's view goes with, by where the inventory has the ends.
fn role(flow: &v1::Flow) -> Role {
    use v1::Direction::{Egress, Ingress};
    let seen = |direction| {
        flow.vantages
            .iter()
            .any(|vantage| vantage.direction() == direction)
    };
    let is_here = |end: &Option<v1::Endpoint>| {
        end.as_ref()
            .is_some_and(|end| !end.node.is_empty() && end.node == flow.node)
    };
    let source = seen(Egress) || is_here(&flow.source);
    let destination = seen(Ingress) || is_here(&flow.destination);
    match (source, destination) {
        (true, true) => Role::Both,
        (true, false) => Role::Source,
        (false, true) => Role::Destination,
        (false, false) => Role::Neither,
    }
}
