//! A connection, and where it was seen.

use serde::{Deserialize, Serialize};

use super::{
    Computed, Endpoint, Observed, ServiceAddress,
    scalar::{TcpFlags, Time, WordOf, is_zero},
};
use crate::v1;

/// One connection, as far as it is known at this revision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    /// Identifies the connection across revisions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Grows when more is known or counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub revision: u64,
    /// First packet seen on this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// Last packet seen on this node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Time>,
    /// Node that saw it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Transport protocol.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub protocol: WordOf<v1::Protocol>,
    /// IANA protocol number.
    #[serde(skip_serializing_if = "is_zero")]
    pub ip_protocol: u32,
    /// The side that opened the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Endpoint>,
    /// The side that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Endpoint>,
    /// What the source dialled, where that is not the destination itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceAddress>,
    /// The opening packet was not seen and the direction follows from what was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub direction_inferred: bool,
    /// Counters begin in the middle of the connection.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mid_stream: bool,
    /// ICMP type and code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp: Option<IcmpMessage>,
    /// Interfaces it was seen on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vantages: Vec<Vantage>,
    /// Source to destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<Counters>,
    /// Destination to source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Counters>,
    /// Life of the connection.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub state: WordOf<v1::flow::State>,
    /// What the kernel was seen to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<Observed>,
    /// What the policies say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub computed: Option<Computed>,
    /// Whether the two fit.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub agreement: WordOf<v1::Agreement>,
    /// One sentence for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
}

impl From<&v1::Flow> for Flow {
    fn from(value: &v1::Flow) -> Self {
        Self {
            id: value.id.clone(),
            revision: value.revision,
            first_seen: value.first_seen.as_ref().and_then(Time::of),
            last_seen: value.last_seen.as_ref().and_then(Time::of),
            node: value.node.clone(),
            protocol: WordOf(value.protocol()),
            ip_protocol: value.ip_protocol,
            source: value.source.as_ref().map(Into::into),
            destination: value.destination.as_ref().map(Into::into),
            service: value.service.as_ref().map(Into::into),
            direction_inferred: value.direction_inferred,
            mid_stream: value.mid_stream,
            icmp: value.icmp.as_ref().map(Into::into),
            vantages: value.vantages.iter().map(Into::into).collect(),
            forward: value.forward.as_ref().map(Into::into),
            reply: value.reply.as_ref().map(Into::into),
            state: WordOf(value.state()),
            observed: value.observed.as_ref().map(Into::into),
            computed: value.computed.as_ref().map(Into::into),
            agreement: WordOf(value.agreement()),
            summary: value.summary.clone(),
        }
    }
}

impl From<Flow> for v1::Flow {
    fn from(value: Flow) -> Self {
        Self {
            id: value.id,
            revision: value.revision,
            first_seen: value.first_seen.map(Into::into),
            last_seen: value.last_seen.map(Into::into),
            node: value.node,
            protocol: value.protocol.0.into(),
            ip_protocol: value.ip_protocol,
            source: value.source.map(Into::into),
            destination: value.destination.map(Into::into),
            service: value.service.map(Into::into),
            direction_inferred: value.direction_inferred,
            mid_stream: value.mid_stream,
            icmp: value.icmp.map(Into::into),
            vantages: value.vantages.into_iter().map(Into::into).collect(),
            forward: value.forward.map(Into::into),
            reply: value.reply.map(Into::into),
            state: value.state.0.into(),
            observed: value.observed.map(Into::into),
            computed: value.computed.map(Into::into),
            agreement: value.agreement.0.into(),
            summary: value.summary,
        }
    }
}

/// ICMP type and code.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IcmpMessage {
    /// Type.
    pub r#type: u32,
    /// Code.
    pub code: u32,
}

impl From<&v1::IcmpMessage> for IcmpMessage {
    fn from(value: &v1::IcmpMessage) -> Self {
        Self {
            r#type: value.r#type,
            code: value.code,
        }
    }
}

impl From<IcmpMessage> for v1::IcmpMessage {
    fn from(value: IcmpMessage) -> Self {
        Self {
            r#type: value.r#type,
            code: value.code,
        }
    }
}

/// Packets and bytes (network layer, headers included) in one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
    /// Union of the TCP flags seen.
    #[serde(skip_serializing_if = "TcpFlags::is_empty")]
    pub tcp_flags: TcpFlags,
}

impl From<&v1::Counters> for Counters {
    fn from(value: &v1::Counters) -> Self {
        Self {
            packets: value.packets,
            bytes: value.bytes,
            tcp_flags: TcpFlags(value.tcp_flags),
        }
    }
}

impl From<Counters> for v1::Counters {
    fn from(value: Counters) -> Self {
        Self {
            packets: value.packets,
            bytes: value.bytes,
            tcp_flags: value.tcp_flags.0,
        }
    }
}

/// An interface on which the connection was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vantage {
    /// Node whose interface it is; left out in an agent's own flows.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interface: String,
    /// Number.
    #[serde(skip_serializing_if = "is_zero")]
    pub ifindex: u32,
    /// Which end's interface it is: seen from that pod.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub direction: WordOf<v1::Direction>,
    /// Source to destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<Counters>,
    /// Destination to source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Counters>,
}

impl From<&v1::Vantage> for Vantage {
    fn from(value: &v1::Vantage) -> Self {
        Self {
            node: value.node.clone(),
            interface: value.interface.clone(),
            ifindex: value.ifindex,
            direction: WordOf(value.direction()),
            forward: value.forward.as_ref().map(Into::into),
            reply: value.reply.as_ref().map(Into::into),
        }
    }
}

impl From<Vantage> for v1::Vantage {
    fn from(value: Vantage) -> Self {
        Self {
            node: value.node,
            interface: value.interface,
            ifindex: value.ifindex,
            direction: value.direction.0.into(),
            forward: value.forward.map(Into::into),
            reply: value.reply.map(Into::into),
        }
    }
}
