//! The walk as data.

use super::{EndFacts, Remedy};
use crate::connection::Connection;
use crate::model::{Action, Requirement};
use crate::verdict::{
    Caveat, DecidedBy, Decision, Direction, PolicyRef, RuleRef, Tier, TierOutcome,
};

/// One connection from its source to its destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    /// What was asked.
    pub connection: Connection,
    /// Who opens it.
    pub source: EndFacts,
    /// Who is reached.
    pub destination: EndFacts,
    /// Both sides together.
    pub decision: Decision,
    /// The source's side.
    pub egress: Side,
    /// The destination's side.
    pub ingress: Side,
    /// What the specification leaves undefined, or what was not known.
    pub caveats: Vec<Caveat>,
    /// Changes that would allow it; empty unless denied.
    pub remedies: Vec<Remedy>,
}

/// One direction, seen from the end that policies select.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Which.
    pub direction: Direction,
    /// The decision.
    pub decision: Decision,
    /// Who took it.
    pub decided_by: DecidedBy,
    /// All three tiers in order; empty where no policy applies to the end.
    pub tiers: Vec<TierWalk>,
}

/// A tier and its policies.
#[derive(Clone, Debug, PartialEq)]
pub struct TierWalk {
    /// Which.
    pub tier: Tier,
    /// What it said; `None` where an earlier one had decided.
    pub outcome: Option<TierOutcome>,
    /// Policies that select the pod and speak of this direction, in the order in which they are asked.
    pub policies: Vec<PolicyWalk>,
    /// Policies that do not; of the NetworkPolicy tier those of the pod's namespace.
    pub unselecting: Vec<Unselecting>,
}

/// A policy that has nothing to say about the pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Unselecting {
    /// Which.
    pub policy: PolicyRef,
    /// Why.
    pub why: WhyNot,
}

/// Why a policy has nothing to say.
#[derive(Clone, Debug, PartialEq)]
pub enum WhyNot {
    /// It selects the pod, for the other direction only.
    OtherDirection,
    /// It selects other pods.
    OtherPods(Vec<Miss>),
}

/// A policy that was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyWalk {
    /// Which.
    pub policy: PolicyRef,
    /// Of its tier; lower is asked first.
    pub priority: Option<u16>,
    /// Which pods it selects, in words.
    pub selects: String,
    /// What it said.
    pub outcome: PolicyOutcome,
    /// Its rules that the verdict names: what allows, denies or passes, by peer and port.
    pub decisive: Vec<RuleRef>,
    /// The rule that came nearest, where no rule allows it.
    pub nearest: Option<RuleRef>,
    /// Every rule of the direction, in order.
    pub rules: Vec<RuleWalk>,
}

/// What one policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyOutcome {
    /// It lists no rule in this direction.
    NoRules,
    /// None of its rules matches.
    NoMatch,
    /// A rule of it matches, with this action.
    Acts(Action),
    /// Whether a rule matches is not known.
    Undecided,
    /// One of higher priority had decided.
    NotAsked,
}

/// One rule of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleWalk {
    /// Index in `spec.ingress` or `spec.egress`.
    pub index: usize,
    /// For people; empty where it has none.
    pub name: String,
    /// What it does with what it matches.
    pub action: Action,
    /// Whether it matches.
    pub answer: Answer,
    /// One of its peers is of no kind that is known here (rule 33).
    pub is_unsupported: bool,
    /// `from` or `to`; empty matches everyone.
    pub peers: Vec<EntryWalk>,
    /// Ports; empty matches every port.
    pub ports: Vec<EntryWalk>,
}

/// One peer, or one port.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryWalk {
    /// Place in its list, from 0.
    pub index: usize,
    /// What it includes, in words.
    pub words: String,
    /// Whether it includes the connection.
    pub answer: Answer,
    /// The conditions that do not hold; empty where it matches, or where that is not known.
    pub misses: Vec<Miss>,
}

/// A condition that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// What is wanted, such as `namespace team=database`.
    pub wants: String,
    /// What there is instead, such as `ci has team=build`.
    pub has: String,
    /// The label that it is about; `None` for other conditions.
    pub label: Option<WantedLabel>,
}

/// A requirement of a selector that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedLabel {
    /// Whose label.
    pub owner: LabelOwner,
    /// What it has to be.
    pub requirement: Requirement,
}

/// Who carries labels that policies ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelOwner {
    /// A pod.
    Pod,
    /// Its namespace.
    Namespace,
    /// A node.
    Node,
}

/// Whether something matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Matches,
    /// It does not.
    Misses,
    /// That depends on what is not known.
    Unknown(Caveat),
    /// Something before it had decided.
    NotAsked,
}

impl Side {
    /// The tier that decided, or the last one that was asked.
    #[must_use]
    pub fn last_asked(&self) -> Option<&TierWalk> {
        self.tiers.iter().rfind(|tier| tier.outcome.is_some())
    }
}
