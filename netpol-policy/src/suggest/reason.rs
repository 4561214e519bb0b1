//! Why traffic gets no rule.

use std::fmt;

use ipnet::IpNet;

/// Why a policy that is suggested has no rule for some traffic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The other end is the pod's own node: always allowed (rule 20).
    OwnNode,
    /// It was dropped or rejected.
    Blocked,
    /// No reply came.
    Unanswered,
    /// Nothing was seen of what became of it.
    OutcomeUnknown,
    /// The policies of that time deny it: it got through because they were not enforced.
    NotEnforced,
    /// The other ends were too many to be kept apart.
    ManyParties,
    /// The ports were too many to be kept apart.
    ManyPorts,
    /// The port was not seen.
    PortUnknown,
    /// NetworkPolicy knows TCP, UDP and SCTP alone (rule 23).
    ProtocolUndefined,
    /// The other end has an address of the cluster, and nobody is known to have had it.
    PartyUnknown,
    /// A Service was dialled, which backend answered was not seen, and the Service does not say which pods they are.
    BackendUnknown,
    /// The other end is a node, and none of its addresses is known.
    NodeUnknown,
    /// The other end is a node, and the cluster's network never matches nodes by address (rule 17).
    NodeNotMatched,
    /// A pod on the host network takes part (rule 21).
    HostNetwork,
    /// Addresses that lie too far apart.
    AddressesApart {
        /// How many blocks it would take.
        blocks: usize,
        /// How many there may be.
        most: usize,
    },
    /// Outside addresses of which only a wide block is known.
    OutsideWide(IpNet),
    /// Outside addresses of which only a block is known that holds addresses of the cluster too.
    OutsideInCluster(IpNet),
    /// The other end's pods have no lasting label in common, so no selector names them.
    PeerWithoutLabels,
    /// The pod's workload has no lasting label, so nothing is suggested for it.
    WithoutLabels,
}

impl Reason {
    /// Its word in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::OwnNode => "own-node",
            Self::Blocked => "blocked",
            Self::Unanswered => "unanswered",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::NotEnforced => "not-enforced",
            Self::ManyParties => "many-parties",
            Self::ManyPorts => "many-ports",
            Self::PortUnknown => "port-unknown",
            Self::ProtocolUndefined => "protocol-undefined",
            Self::PartyUnknown => "party-unknown",
            Self::BackendUnknown => "backend-unknown",
            Self::NodeUnknown => "node-unknown",
            Self::NodeNotMatched => "node-not-matched",
            Self::HostNetwork => "host-network",
            Self::AddressesApart { .. } => "addresses-apart",
            Self::OutsideWide(_) => "outside-wide",
            Self::OutsideInCluster(_) => "outside-in-cluster",
            Self::PeerWithoutLabels => "peer-without-labels",
            Self::WithoutLabels => "without-labels",
        }
    }

    /// Whether it goes on as it did, without a rule.
    #[must_use]
    pub fn needs_no_rule(&self) -> bool {
        *self == Self::OwnNode
    }
}

/// In a sentence without its full stop.
impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::OwnNode => "between a pod and its own node, which is always allowed",
            Self::Blocked => "it was blocked",
            Self::Unanswered => "it got no answer, so nothing shows that it is wanted",
            Self::OutcomeUnknown => "what became of it was not seen",
            Self::NotEnforced => {
                "policies denied it and it got through all the same; --unenforced keeps it"
            }
            Self::ManyParties => "too many other ends to be kept apart, as of a scan",
            Self::ManyPorts => {
                "too many ports to be kept apart: a scan, or a protocol that chooses its ports"
            }
            Self::PortUnknown => "its port was not seen",
            Self::ProtocolUndefined => {
                "no rule can name its protocol; what a cluster does with it differs"
            }
            Self::PartyUnknown => "nobody was known to have the other address",
            Self::BackendUnknown => {
                "which backend of the Service answered was not seen, and it has no selector"
            }
            Self::NodeUnknown => "no address of the node is known",
            Self::NodeNotMatched => {
                "the other end is a node, and address blocks match no nodes in this cluster"
            }
            Self::HostNetwork => "a pod on the host network takes part, which is one with its node",
            Self::AddressesApart { blocks, most } => {
                return write!(
                    out,
                    "addresses too far apart: {blocks} blocks where {most} are the limit (--blocks, --widest)"
                );
            }
            Self::OutsideWide(block) => {
                return write!(
                    out,
                    "of these outside addresses only {block} is known, which is wider than the limit (--widest)"
                );
            }
            Self::OutsideInCluster(block) => {
                return write!(
                    out,
                    "of these addresses only {block} is known, which holds addresses of the cluster too"
                );
            }
            Self::PeerWithoutLabels => "the other end has no lasting label to be named by",
            Self::WithoutLabels => "the workload has no lasting label to be selected by",
        };
        out.write_str(words)
    }
}
