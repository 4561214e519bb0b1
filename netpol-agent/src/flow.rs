//! A connection as users see it: both ends, where it was seen, what happened and what policies say.
//!
//! These are domain types; [`crate::convert`] turns them into the API's messages.

mod endpoint;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_common::packet::transport;
use netpol_common::record::Address;
use netpol_policy::verdict::{Direction, Verdict};

pub use endpoint::{Component, Endpoint, Identity, ServiceAddress};

/// One revision of one connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Counts connections of this agent; unique together with the agent's start.
    pub id: FlowId,
    /// From 1; higher when more is known or counted.
    pub revision: u64,
    /// First packet on this node.
    pub first_seen: SystemTime,
    /// Latest packet on this node.
    pub last_seen: SystemTime,
    /// IANA protocol number.
    pub protocol: u8,
    /// The side that opened the connection.
    pub source: Endpoint,
    /// The side that was reached: the backend, where a Service stands between.
    pub destination: Endpoint,
    /// What was dialled, where that is not the destination's own address.
    pub service: Option<ServiceAddress>,
    /// The direction follows from something other than an opening packet.
    pub direction_inferred: bool,
    /// The opening packet was not seen.
    pub mid_stream: bool,
    /// Type and code of the first packet; `None` for other protocols.
    pub icmp: Option<(u8, u8)>,
    /// Each interface on which it was seen.
    pub vantages: Vec<Vantage>,
    /// From source to destination, taken from one vantage.
    pub forward: Counters,
    /// From destination to source, taken from the same vantage.
    pub reply: Counters,
    /// How far the connection got.
    pub state: State,
    /// What the kernel was seen to do.
    pub observed: Observed,
    /// What policies say.
    pub computed: Arc<Computed>,
    /// The two compared.
    pub agreement: Agreement,
    /// One sentence for people.
    pub summary: String,
    /// What the revision before this one said; `None` for the first.
    pub previous: Option<Previous>,
}

/// How long conntrack takes a conversation without a handshake for open after its latest packet, as a rule.
const CONVERSATION: Duration = Duration::from_secs(120);

impl Flow {
    /// Whether it may have been open before `started`, when flows began to be seen. Without a handshake, the first packet that
    /// is seen need not be the first.
    pub(crate) fn may_have_been_open(&self, started: SystemTime) -> bool {
        let has_handshake = matches!(self.protocol, transport::TCP | transport::SCTP);
        self.mid_stream || !has_handshake && self.first_seen < started + CONVERSATION
    }
}

impl Flow {
    /// Whether the connection was stopped: dropped or rejected.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.observed.verdict.is_blocked()
    }

    /// Whether it counted as stopped until this revision.
    #[must_use]
    pub fn was_blocked(&self) -> bool {
        let previous = self.previous.as_ref();
        previous.is_some_and(|previous| previous.verdict.is_blocked())
    }

    /// Whether this revision says something else than the one before, not only with other counters.
    #[must_use]
    pub fn is_news(&self) -> bool {
        let same = |previous: &Previous| {
            previous.verdict == self.observed.verdict && !previous.was_of_other_ends
        };
        !self.previous.as_ref().is_some_and(same)
    }
}

/// An open connection that goes on: no revision is due for it, however much it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The connection.
    pub id: FlowId,
    /// As in [`Flow::last_seen`].
    pub last_seen: SystemTime,
    /// As in [`Flow::forward`].
    pub forward: Counters,
    /// As in [`Flow::reply`].
    pub reply: Counters,
}

/// What a revision said, as far as the next one is compared with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// What the kernel was seen to do.
    pub verdict: ObservedVerdict,
    /// As in [`Flow::forward`].
    pub forward: Counters,
    /// As in [`Flow::reply`].
    pub reply: Counters,
    /// It knew less of the ends, or of what policies say of them.
    pub was_of_other_ends: bool,
}

/// Number of a connection, from 1 at the agent's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId(pub u64);

/// How far a connection got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No answer seen yet.
    New,
    /// Both sides spoke.
    Established,
    /// RST, or FIN from both sides.
    Ended,
}

/// A connection seen on one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vantage {
    /// Name, empty where the interface is gone.
    pub interface: Arc<str>,
    /// Number in the node's network namespace.
    pub ifindex: u32,
    /// Egress: the source's interface. Ingress: the destination's.
    pub direction: Direction,
    /// From source to destination.
    pub forward: Counters,
    /// From destination to source.
    pub reply: Counters,
}

/// Packets and network-layer bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets.
    pub packets: u64,
    /// Bytes, network-layer header included.
    pub bytes: u64,
    /// Union of TCP flags (RFC 9293).
    pub tcp_flags: u8,
}

/// What the kernel was seen to do, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The outcome.
    pub verdict: ObservedVerdict,
    /// Seen leaving the node towards the destination pod.
    pub delivered: bool,
    /// The destination's side spoke.
    pub reply_seen: bool,
    /// The destination itself refused.
    pub refused_by_peer: bool,
    /// What the node sent back in the destination's name.
    pub node_reply: Option<NodeReply>,
    /// The drop that decided, or the one that is known.
    pub drop: Option<Drop>,
}

/// Outcomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObservedVerdict {
    /// It reached the destination's side, or a reply came back.
    Forwarded,
    /// The kernel freed the packet.
    Dropped,
    /// Dropped, and the node answered in the destination's name.
    Rejected,
    /// No reply in time.
    Unanswered,
    /// Nothing decides it.
    Unknown,
}

impl ObservedVerdict {
    /// Dropped or rejected.
    #[must_use]
    pub fn is_blocked(self) -> bool {
        matches!(self, Self::Dropped | Self::Rejected)
    }
}

/// What the node answered in the destination's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeReply {
    /// A TCP RST.
    TcpReset,
    /// An ICMP error.
    IcmpUnreachable,
}

/// Packets of a connection that the kernel freed, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// As the running kernel names it.
    pub reason: Arc<str>,
    /// Kernel function; empty where symbols cannot be read.
    pub location: Arc<str>,
    /// What kind of thing does this.
    pub class: DropClass,
    /// The packets went against the opener's direction.
    pub of_reply: bool,
    /// `skb->dev`; 0 where there was none.
    pub ifindex: u32,
    /// Name of that interface, where it is one of the node's pod interfaces.
    pub interface: Arc<str>,
    /// `skb->skb_iif`; 0 where there was none.
    pub input_ifindex: u32,
    /// Name of that interface, where it is one of the node's pod interfaces.
    pub input_interface: Arc<str>,
    /// Packets freed.
    pub packets: u64,
    /// Their network-layer bytes.
    pub bytes: u64,
    /// Network namespace inode; 0 where not known.
    pub netns: u32,
    /// Whether that is the node's own.
    pub in_node_netns: bool,
}

/// Kinds of drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropClass {
    /// A mechanism that enforces policy can do this: a candidate for a policy denial.
    Firewall,
    /// Looks like conntrack's INVALID state: no entry, and no opening packet.
    ConntrackInvalid,
    /// A Service without ready endpoints.
    NoEndpoints,
    /// No route, or a route that refuses.
    Routing,
    /// The next hop's link-layer address did not resolve.
    Neighbour,
    /// Nobody listens.
    NoSocket,
    /// Headers or checksums that the stack refuses.
    Malformed,
    /// Queues, buffers, memory.
    Resources,
    /// Anything else.
    Other,
}

/// What policies say, and against which state of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Computed {
    /// Both directions; shared by all connections that policies do not tell apart.
    pub verdict: Arc<Verdict>,
    /// Inventory generation it was computed against.
    pub generation: u64,
    /// Policies in that inventory of kinds that are not evaluated: they may say otherwise.
    pub not_evaluated: u32,
    /// Something that bears on it changed this short a time before the first packet.
    pub changed_before: Option<Duration>,
    /// From each named policy's last change to the first packet, where known.
    pub policy_ages: Vec<(netpol_policy::verdict::PolicyRef, Duration)>,
}

/// How observation and policy relate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Agreement {
    /// Nothing can be compared.
    Undetermined,
    /// As policies say.
    Agree,
    /// Policy denies it and it went through.
    DeniedButForwarded,
    /// Policy allows it and something else stopped it.
    AllowedButDropped,
}

/// Something that was lost, as an item of streams and a line of the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where.
    pub stage: Stage,
    /// Bounded vocabulary.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
    /// When it was noticed.
    pub time: SystemTime,
}

/// Where something was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// At or before the ring buffer.
    Kernel,
    /// Between the ring buffer and the flow log.
    Pipeline,
    /// On the way to one subscriber.
    Subscriber,
    /// On the way into what is remembered of traffic over time.
    History,
}

impl Stage {
    /// Its word in metrics and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Pipeline => "pipeline",
            Self::Subscriber => "subscriber",
            Self::History => "history",
        }
    }
}

/// An address record as the standard library's type; IPv4-mapped ones become IPv4.
#[must_use]
pub fn ip_address(address: Address) -> IpAddr {
    Ipv6Addr::from(address).to_canonical()
}

/// The reverse of [`ip_address`].
#[must_use]
pub fn record_address(address: IpAddr) -> Address {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip_in_both_families() {
        for text in ["10.1.0.5", "fd00::5"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(ip_address(record_address(address)), address);
        }
    }
}
