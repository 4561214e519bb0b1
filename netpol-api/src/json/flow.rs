//! A connection, its ends and what was observed of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Computed,
    scalar::{TcpFlags, Time, WordOf, duration, is_zero, seconds},
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

/// One end of a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// IP address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Port; left out where the protocol has none.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u32,
    /// What has the address.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub kind: WordOf<v1::endpoint::Kind>,
    /// Namespace of the pod.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name of the pod.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod: String,
    /// UID of the pod.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub pod_uid: String,
    /// What owns the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<Workload>,
    /// Labels of the pod.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Node of the pod, or the node itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node: String,
    /// Seconds from the pod's start to the first packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_age_seconds: Option<f64>,
    /// The pod uses its node's network.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
}

impl From<&v1::Endpoint> for Endpoint {
    fn from(value: &v1::Endpoint) -> Self {
        Self {
            address: value.address.clone(),
            port: value.port,
            kind: WordOf(value.kind()),
            namespace: value.namespace.clone(),
            pod: value.pod.clone(),
            pod_uid: value.pod_uid.clone(),
            workload: value.workload.as_ref().map(Into::into),
            labels: value.labels.clone().into_iter().collect(),
            node: value.node.clone(),
            pod_age_seconds: value.pod_age.as_ref().map(seconds),
            host_network: value.host_network,
        }
    }
}

impl From<Endpoint> for v1::Endpoint {
    fn from(value: Endpoint) -> Self {
        Self {
            address: value.address,
            port: value.port,
            kind: value.kind.0.into(),
            namespace: value.namespace,
            pod: value.pod,
            pod_uid: value.pod_uid,
            workload: value.workload.map(Into::into),
            labels: value.labels.into_iter().collect(),
            node: value.node,
            pod_age: value.pod_age_seconds.map(duration),
            host_network: value.host_network,
        }
    }
}

/// What owns a pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// API kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl From<&v1::Workload> for Workload {
    fn from(value: &v1::Workload) -> Self {
        Self {
            kind: value.kind.clone(),
            name: value.name.clone(),
        }
    }
}

impl From<Workload> for v1::Workload {
    fn from(value: Workload) -> Self {
        Self {
            kind: value.kind,
            name: value.name,
        }
    }
}

/// A Service as it was dialled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceAddress {
    /// Namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Address dialled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Port dialled.
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u32,
}

impl From<&v1::ServiceAddress> for ServiceAddress {
    fn from(value: &v1::ServiceAddress) -> Self {
        Self {
            namespace: value.namespace.clone(),
            name: value.name.clone(),
            address: value.address.clone(),
            port: value.port,
        }
    }
}

impl From<ServiceAddress> for v1::ServiceAddress {
    fn from(value: ServiceAddress) -> Self {
        Self {
            namespace: value.namespace,
            name: value.name,
            address: value.address,
            port: value.port,
        }
    }
}

/// An interface on which the connection was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vantage {
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
            interface: value.interface,
            ifindex: value.ifindex,
            direction: value.direction.0.into(),
            forward: value.forward.map(Into::into),
            reply: value.reply.map(Into::into),
        }
    }
}

/// What the kernel was seen to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    /// In one word.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub verdict: WordOf<v1::observed::Verdict>,
    /// What that rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

impl From<&v1::Observed> for Observed {
    fn from(value: &v1::Observed) -> Self {
        Self {
            verdict: WordOf(value.verdict()),
            evidence: value.evidence.as_ref().map(Into::into),
        }
    }
}

impl From<Observed> for v1::Observed {
    fn from(value: Observed) -> Self {
        Self {
            verdict: value.verdict.0.into(),
            evidence: value.evidence.map(Into::into),
        }
    }
}

/// What an observed verdict rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// Seen leaving the node towards the destination pod.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub delivered: bool,
    /// A reply was seen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reply_seen: bool,
    /// The destination itself refused.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub refused_by_peer: bool,
    /// What the node sent back in the destination's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_reply: String,
    /// The drop seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<Drop>,
}

impl From<&v1::Evidence> for Evidence {
    fn from(value: &v1::Evidence) -> Self {
        Self {
            delivered: value.delivered,
            reply_seen: value.reply_seen,
            refused_by_peer: value.refused_by_peer,
            node_reply: value.node_reply.clone(),
            drop: value.drop.as_ref().map(Into::into),
        }
    }
}

impl From<Evidence> for v1::Evidence {
    fn from(value: Evidence) -> Self {
        Self {
            delivered: value.delivered,
            reply_seen: value.reply_seen,
            refused_by_peer: value.refused_by_peer,
            node_reply: value.node_reply,
            drop: value.drop.map(Into::into),
        }
    }
}

/// Packets that the kernel freed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Drop {
    /// As the running kernel names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Kernel function that freed the packet.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub location: String,
    /// Kind of cause.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub class: WordOf<v1::drop::Class>,
    /// Interface the packet was on.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interface: String,
    /// Interface it came in by.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub input_interface: String,
    /// Packets dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub packets: u64,
    /// Bytes dropped.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes: u64,
    /// Inode number of the network namespace.
    #[serde(skip_serializing_if = "is_zero")]
    pub netns: u64,
    /// Whether that is the node's own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub in_node_netns: bool,
}

impl From<&v1::Drop> for Drop {
    fn from(value: &v1::Drop) -> Self {
        Self {
            reason: value.reason.clone(),
            location: value.location.clone(),
            class: WordOf(value.class()),
            interface: value.interface.clone(),
            input_interface: value.input_interface.clone(),
            packets: value.packets,
            bytes: value.bytes,
            netns: value.netns,
            in_node_netns: value.in_node_netns,
        }
    }
}

impl From<Drop> for v1::Drop {
    fn from(value: Drop) -> Self {
        Self {
            reason: value.reason,
            location: value.location,
            class: value.class.0.into(),
            interface: value.interface,
            input_interface: value.input_interface,
            packets: value.packets,
            bytes: value.bytes,
            netns: value.netns,
            in_node_netns: value.in_node_netns,
        }
    }
}
