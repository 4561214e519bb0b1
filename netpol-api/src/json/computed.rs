//! What the policies say of a connection.

use serde::{Deserialize, Serialize};

use super::scalar::{WordOf, duration, is_zero, seconds};
use crate::v1;

/// What the policies of that moment say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Computed {
    /// Both directions together.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub verdict: WordOf<v1::computed::Verdict>,
    /// The source's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<DirectionVerdict>,
    /// The destination's side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<DirectionVerdict>,
    /// State of the inventory this was computed against.
    #[serde(skip_serializing_if = "is_zero")]
    pub policy_generation: u64,
    /// What the specification leaves open, or what was not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// Seconds from the last change of a policy, pod or label to the first packet, within the grace window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_before_seconds: Option<f64>,
}

impl From<&v1::Computed> for Computed {
    fn from(value: &v1::Computed) -> Self {
        Self {
            verdict: WordOf(value.verdict()),
            egress: value.egress.as_ref().map(Into::into),
            ingress: value.ingress.as_ref().map(Into::into),
            policy_generation: value.policy_generation,
            caveats: value.caveats.clone(),
            changed_before_seconds: value.changed_before.as_ref().map(seconds),
        }
    }
}

impl From<Computed> for v1::Computed {
    fn from(value: Computed) -> Self {
        Self {
            verdict: value.verdict.0.into(),
            egress: value.egress.map(Into::into),
            ingress: value.ingress.map(Into::into),
            policy_generation: value.policy_generation,
            caveats: value.caveats,
            changed_before: value.changed_before_seconds.map(duration),
        }
    }
}

/// One direction's verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectionVerdict {
    /// In one word.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub verdict: WordOf<v1::computed::Verdict>,
    /// Who decided.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub decided_by: WordOf<v1::direction_verdict::DecidedBy>,
    /// Every rule that allows it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_by: Vec<RuleRef>,
    /// Every policy that isolates the pod and does not allow it, or whose rules deny it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denied_by: Vec<Denial>,
    /// The tiers that were asked, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<TierStep>,
    /// The reader may not know whose policies decide here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

impl From<&v1::DirectionVerdict> for DirectionVerdict {
    fn from(value: &v1::DirectionVerdict) -> Self {
        Self {
            verdict: WordOf(value.verdict()),
            decided_by: WordOf(value.decided_by()),
            allowed_by: value.allowed_by.iter().map(Into::into).collect(),
            denied_by: value.denied_by.iter().map(Into::into).collect(),
            path: value.path.iter().map(Into::into).collect(),
            withheld: value.withheld,
        }
    }
}

impl From<DirectionVerdict> for v1::DirectionVerdict {
    fn from(value: DirectionVerdict) -> Self {
        Self {
            verdict: value.verdict.0.into(),
            decided_by: value.decided_by.0.into(),
            allowed_by: value.allowed_by.into_iter().map(Into::into).collect(),
            denied_by: value.denied_by.into_iter().map(Into::into).collect(),
            path: value.path.into_iter().map(Into::into).collect(),
            withheld: value.withheld,
        }
    }
}

/// A tier that was asked, and what it said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TierStep {
    /// Which.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub tier: WordOf<v1::tier_step::Tier>,
    /// What it said.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub outcome: WordOf<v1::tier_step::Outcome>,
    /// The rules that pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleRef>,
}

impl From<&v1::TierStep> for TierStep {
    fn from(value: &v1::TierStep) -> Self {
        Self {
            tier: WordOf(value.tier()),
            outcome: WordOf(value.outcome()),
            rules: value.rules.iter().map(Into::into).collect(),
        }
    }
}

impl From<TierStep> for v1::TierStep {
    fn from(value: TierStep) -> Self {
        Self {
            tier: value.tier.0.into(),
            outcome: value.outcome.0.into(),
            rules: value.rules.into_iter().map(Into::into).collect(),
        }
    }
}

/// A rule within a policy; indices count from 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleRef {
    /// The policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// Which of its lists.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub direction: WordOf<v1::Direction>,
    /// Index of the rule.
    pub rule: u32,
    /// Index of the peer; left out where the rule lists none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<u32>,
    /// Index of the port; left out where the rule lists none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u32>,
}

impl From<&v1::RuleRef> for RuleRef {
    fn from(value: &v1::RuleRef) -> Self {
        Self {
            policy: value.policy.as_ref().map(Into::into),
            direction: WordOf(value.direction()),
            rule: value.rule,
            peer: value.peer,
            port: value.port,
        }
    }
}

impl From<RuleRef> for v1::RuleRef {
    fn from(value: RuleRef) -> Self {
        Self {
            policy: value.policy.map(Into::into),
            direction: value.direction.0.into(),
            rule: value.rule,
            peer: value.peer,
            port: value.port,
        }
    }
}

/// A policy object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolicyRef {
    /// API kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Namespace; left out for cluster-scoped kinds.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// UID.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// `metadata.generation`.
    #[serde(skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// Seconds from its last change to the first packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<f64>,
}

impl From<&v1::PolicyRef> for PolicyRef {
    fn from(value: &v1::PolicyRef) -> Self {
        Self {
            kind: value.kind.clone(),
            namespace: value.namespace.clone(),
            name: value.name.clone(),
            uid: value.uid.clone(),
            generation: value.generation,
            age_seconds: value.age.as_ref().map(seconds),
        }
    }
}

impl From<PolicyRef> for v1::PolicyRef {
    fn from(value: PolicyRef) -> Self {
        Self {
            kind: value.kind,
            namespace: value.namespace,
            name: value.name,
            uid: value.uid,
            generation: value.generation,
            age: value.age_seconds.map(duration),
        }
    }
}

/// A policy that isolates the pod and does not allow the connection, or denies it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Denial {
    /// The policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// Why none of its rules allows it.
    #[serde(skip_serializing_if = "WordOf::is_unspecified")]
    pub reason: WordOf<v1::denial::Reason>,
    /// The rule that came nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<NearestMiss>,
    /// The rules that deny it explicitly.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleRef>,
}

impl From<&v1::Denial> for Denial {
    fn from(value: &v1::Denial) -> Self {
        Self {
            policy: value.policy.as_ref().map(Into::into),
            reason: WordOf(value.reason()),
            nearest: value.nearest.as_ref().map(Into::into),
            rules: value.rules.iter().map(Into::into).collect(),
        }
    }
}

impl From<Denial> for v1::Denial {
    fn from(value: Denial) -> Self {
        Self {
            policy: value.policy.map(Into::into),
            reason: value.reason.0.into(),
            nearest: value.nearest.map(Into::into),
            rules: value.rules.into_iter().map(Into::into).collect(),
        }
    }
}

/// The rule that came nearest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NearestMiss {
    /// The rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleRef>,
    /// What it wants that the connection does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wants: Vec<String>,
}

impl From<&v1::NearestMiss> for NearestMiss {
    fn from(value: &v1::NearestMiss) -> Self {
        Self {
            rule: value.rule.as_ref().map(Into::into),
            wants: value.wants.clone(),
        }
    }
}

impl From<NearestMiss> for v1::NearestMiss {
    fn from(value: NearestMiss) -> Self {
        Self {
            rule: value.rule.map(Into::into),
            wants: value.wants,
        }
    }
}
