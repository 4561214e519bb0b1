//! Policies that are suggested, and what else is said with them.

use std::collections::BTreeSet;

use super::by_subject::Refused;
use super::check::Fate;
use super::evidence::Evidence;
use super::label::WorkloadName;
use super::reason::Reason;
use super::rule::SuggestedRule;
use crate::history::{Observed, Traffic};
use crate::model::NetworkPolicy;
use crate::replay::Why;
use crate::verdict::{Direction, PolicyRef};

/// Policies that are suggested, and all that is to be known before they are applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestions {
    /// How well the pods were watched.
    pub evidence: Evidence,
    /// The policies: the workloads' in order of name, then the default deny.
    pub policies: Vec<Suggested>,
    /// Traffic that they were replayed against, and that passes.
    pub kept: Vec<Traffic>,
    /// Traffic of these pods that no rule was made for.
    pub left_out: Vec<LeftOut>,
    /// Kept traffic of which it cannot be told whether it passes.
    pub undecided: Vec<Undecided>,
    /// Kept traffic that other policies deny, with or without those suggested.
    pub still_denied: Vec<StillDenied>,
    /// Kept traffic of labels that pods had then: it passes with those that they have now.
    pub passes_now: Vec<Traffic>,
    /// Policies that are not suggested after all.
    pub withheld: Vec<Withheld>,
    /// Workloads of which nothing is to be let through: the default deny isolates them, and they need no policy of their own.
    pub without_rules: Vec<WorkloadName>,
    /// The default deny, where one of another name is in force already.
    pub default_deny: Option<PolicyRef>,
    /// NetworkPolicies in force of which a suggestion has the name, since it permits all that they do.
    pub replaced: Vec<PolicyRef>,
    /// Others in force that select some of these pods: they go on to permit what they permit.
    pub in_force: Vec<PolicyRef>,
}

impl Suggestions {
    /// Whether there are no such pods.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.without_rules.is_empty() && self.withheld.is_empty()
    }
}

/// A policy that is suggested.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggested {
    /// The policy itself.
    pub policy: NetworkPolicy,
    /// What it is for.
    pub kind: SuggestedKind,
    /// The workloads that it was made for, in order.
    pub workloads: Vec<WorkloadName>,
    /// Its labels are those that pods have now; some had others in the time that is remembered.
    pub is_of_now: bool,
    /// Those of its workloads that have no pods now, but for Jobs and CronJobs. They may be gone for good.
    pub absent: Vec<WorkloadName>,
    /// The rules of `policy.ingress`, with what was seen.
    pub ingress: Vec<SuggestedRule>,
    /// Those of `policy.egress`.
    pub egress: Vec<SuggestedRule>,
}

/// What a suggested policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuggestedKind {
    /// The traffic of workloads.
    Workloads,
    /// Isolates whoever has no policy.
    DefaultDeny,
}

/// Traffic that no rule was made for.
#[derive(Clone, Debug, PartialEq)]
pub struct LeftOut {
    /// Of whose pods.
    pub workload: WorkloadName,
    /// Into them or out of them.
    pub direction: Direction,
    /// What was seen.
    pub traffic: Traffic,
    /// Why.
    pub reason: Reason,
    /// What becomes of it.
    pub fate: Fate,
}

impl LeftOut {
    pub(super) fn of(refused: &Refused<'_>, fate: Fate) -> Self {
        Self {
            workload: refused.workload.clone(),
            direction: refused.direction,
            traffic: refused.traffic.clone(),
            reason: refused.reason.clone(),
            fate,
        }
    }

    /// Whether it got through, rightly so, and goes through no more, or perhaps no more.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.traffic.observed == Observed::Forwarded
            && self.reason != Reason::NotEnforced
            && self.fate != Fate::Permitted
    }
}

/// Kept traffic of which a replay cannot tell whether it passes.
#[derive(Clone, Debug, PartialEq)]
pub struct Undecided {
    /// What was seen.
    pub traffic: Traffic,
    /// Why it cannot be told.
    pub why: Vec<Why>,
}

/// Kept traffic that policies deny which are not suggested here.
#[derive(Clone, Debug, PartialEq)]
pub struct StillDenied {
    /// What was seen.
    pub traffic: Traffic,
    /// Those policies.
    pub by: BTreeSet<PolicyRef>,
}

/// A policy that is not suggested after all.
#[derive(Clone, Debug, PartialEq)]
pub enum Withheld {
    /// It would deny traffic that it was made for.
    Denies {
        /// Its workloads.
        workloads: Vec<WorkloadName>,
        /// Some of the traffic.
        example: Box<Traffic>,
    },
    /// No lasting label selects this workload.
    WithoutLabels(WorkloadName),
    /// The default deny: it would cut off these workloads, which got no policy.
    DefaultDeny(Vec<WorkloadName>),
}
