//! The answer: allowed or denied, per direction, with every rule or policy behind it.

use std::fmt;
use std::sync::Arc;

/// Which of a pod's two directions a policy rule speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Into the destination pod.
    Ingress,
    /// Out of the source pod.
    Egress,
}

/// What policies say of one connection. Both directions are always evaluated (rule 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The source's side.
    pub egress: DirectionVerdict,
    /// The destination's side.
    pub ingress: DirectionVerdict,
    /// What the specification leaves undefined, or what was not known.
    pub caveats: Vec<Caveat>,
}

/// Allowed, denied, or not decidable from what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Some rule, exemption or default lets it through.
    Allowed,
    /// An isolating policy and no rule that allows it.
    Denied,
    /// An end or a fact that decides it is not known.
    Unknown,
}

/// One direction's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectionVerdict {
    /// The decision itself.
    pub decision: Decision,
    /// Who took it.
    pub decided_by: DecidedBy,
    /// Every rule that allows it; empty unless allowed by policy.
    pub allowed_by: Vec<RuleRef>,
    /// Every isolating policy with its reason, or the explicit denials; empty unless denied.
    pub denied_by: Vec<Denial>,
    /// The tiers that were asked, in order; empty where no policy was needed to decide.
    pub path: Vec<TierStep>,
}

/// Who decided a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DecidedBy {
    /// No policy isolates the pod in this direction.
    Default,
    /// Traffic between a pod and its own node (rule 20).
    Node,
    /// A pod and its own address (rule 19).
    SelfTraffic,
    /// One or more policies.
    Policy,
    /// This end is not a pod that policies apply to: outside, node or hostNetwork (rule 21).
    NotASubject,
    /// The end is not known.
    Unknown,
}

/// Names a policy object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyRef {
    /// API kind, such as `NetworkPolicy`.
    pub kind: PolicyKind,
    /// Empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Object name.
    pub name: Arc<str>,
    /// `metadata.uid`; empty where the manifest has none.
    pub uid: Arc<str>,
    /// `metadata.generation`; 0 where the manifest has none.
    pub generation: i64,
}

/// Kinds of policy objects that can be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PolicyKind {
    /// `networking.k8s.io/v1`.
    NetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1`.
    AdminNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha1`.
    BaselineAdminNetworkPolicy,
    /// `policy.networking.k8s.io/v1alpha2`.
    ClusterNetworkPolicy,
}

impl PolicyKind {
    /// As the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "NetworkPolicy",
            Self::AdminNetworkPolicy => "AdminNetworkPolicy",
            Self::BaselineAdminNetworkPolicy => "BaselineAdminNetworkPolicy",
            Self::ClusterNetworkPolicy => "ClusterNetworkPolicy",
        }
    }
}

/// `prod/db` for a NetworkPolicy, the name alone for cluster-scoped kinds.
impl fmt::Display for PolicyRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            out.write_str(&self.name)
        } else {
            write!(out, "{}/{}", self.namespace, self.name)
        }
    }
}

/// Groups of policies, in the order in which they are asked (rule 27).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// AdminNetworkPolicy, and ClusterNetworkPolicy of tier `Admin`.
    Admin,
    /// NetworkPolicy: always decides for a pod that one of them isolates.
    NetworkPolicy,
    /// BaselineAdminNetworkPolicy, and ClusterNetworkPolicy of tier `Baseline`.
    Baseline,
}

/// A tier that was asked, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierStep {
    /// Which.
    pub tier: Tier,
    /// What it said.
    pub outcome: TierOutcome,
}

/// What a tier says of a connection, in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TierOutcome {
    /// No policy of it selects the pod (NetworkPolicy: in this direction); the next tier is asked.
    NotSelected,
    /// Policies select the pod, none of their rules matches; the next tier is asked.
    NoMatch,
    /// These rules leave it to the next tier.
    Passed(Vec<RuleRef>),
    /// It lets the connection through.
    Allowed,
    /// It stops the connection.
    Denied,
    /// What it says depends on what is not known or not defined; later tiers were asked where that matters.
    Undecided,
}

/// Names a rule within a policy, down to the peer and the port that matched. Indices count from 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleRef {
    /// The policy.
    pub policy: PolicyRef,
    /// Which of its lists.
    pub direction: Direction,
    /// Index in `spec.ingress` or `spec.egress`.
    pub rule: usize,
    /// Index in `from` / `to`; `None` where the rule lists no peers (matches all).
    pub peer: Option<usize>,
    /// Index in `ports`; `None` where the rule lists no ports (matches all).
    pub port: Option<usize>,
}

/// An isolating policy that does not allow the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The policy.
    pub policy: PolicyRef,
    /// Why none of its rules allows it.
    pub reason: DenyReason,
    /// What denies it by [`DenyReason::ExplicitDeny`]; empty for other reasons.
    pub rules: Vec<RuleRef>,
    /// The rule that misses by the fewest conditions; `None` for a policy without rules, and for an explicit denial.
    pub nearest: Option<NearestMiss>,
}

/// Why a policy does not allow a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DenyReason {
    /// It lists no rule in this direction.
    NoRules,
    /// No rule's peers include the other end.
    PeerNotSelected,
    /// The nearest rule's peers include it, none of that rule's ports does.
    PortMismatch,
    /// A rule's peers include it, none of its ports does, and one is a name that the destination does not have.
    NamedPortUnresolved,
    /// A deny rule matched (tiered kinds).
    ExplicitDeny,
}

/// The rule that came nearest, and which of its conditions missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearestMiss {
    /// The rule, peer and port compared.
    pub rule: RuleRef,
    /// What it wants that the connection does not have, in words such as `namespace team=database`.
    pub wants: Vec<String>,
}

/// Something to know before relying on a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Caveat {
    /// Neither TCP, UDP nor SCTP: NetworkPolicy leaves it undefined (rule 23).
    ProtocolUndefined,
    /// A hostNetwork pod takes part: undefined, treated as its node (rule 21).
    HostNetwork,
    /// Nothing but an `ipBlock` allows a pod's address: CNIs differ (rule 17).
    IpBlockMatchesPod,
    /// A Service address whose backend is not known.
    BackendUnknown,
    /// An end that the inventory does not know.
    EndUnknown,
    /// The port was not seen, and rules depend on it.
    PortUnknown,
    /// A pod reached itself through a Service and no rule allows that: whether rule 19 exempts it is undefined.
    SelfThroughService,
    /// A pod without a known address, and address blocks decide about it.
    AddressUnknown,
    /// Which domain names an address has is not known, and a rule on `domainNames` depends on it (rule 35).
    DomainNamesUnknown,
    /// Policies of one tier and one priority say different things: which one counts is undefined (rule 28).
    EqualPriority,
    /// A rule fails closed because it has a peer of a kind that is not known here (rule 33).
    UnsupportedPeer,
    /// A Service was dialled and address blocks decide: which address they see is undefined (rule 18).
    AddressTranslated,
    /// The pods of a workload, or the backends of a Service, get different answers.
    PodsDiffer,
    /// Policies of some kind could not be read: they may say otherwise.
    PoliciesUnread,
}

impl Caveat {
    /// Its word in JSON and documentation, such as `ip-block-matches-pod`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProtocolUndefined => "protocol-undefined",
            Self::HostNetwork => "host-network",
            Self::IpBlockMatchesPod => "ip-block-matches-pod",
            Self::BackendUnknown => "backend-unknown",
            Self::EndUnknown => "end-unknown",
            Self::PortUnknown => "port-unknown",
            Self::SelfThroughService => "self-through-service",
            Self::AddressUnknown => "address-unknown",
            Self::DomainNamesUnknown => "domain-names-unknown",
            Self::EqualPriority => "equal-priority",
            Self::UnsupportedPeer => "unsupported-peer",
            Self::AddressTranslated => "address-translated",
            Self::PodsDiffer => "pods-differ",
            Self::PoliciesUnread => "policies-unread",
        }
    }
}

impl Verdict {
    /// Allowed only where both directions are; denied where either is.
    #[must_use]
    pub fn decision(&self) -> Decision {
        match (self.egress.decision, self.ingress.decision) {
            (Decision::Denied, _) | (_, Decision::Denied) => Decision::Denied,
            (Decision::Unknown, _) | (_, Decision::Unknown) => Decision::Unknown,
            (Decision::Allowed, Decision::Allowed) => Decision::Allowed,
        }
    }
}
