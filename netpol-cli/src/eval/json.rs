//! Answers as JSON.

use std::io::{self, Write};
use std::net::IpAddr;

use netpol_policy::connection::Connection;
use netpol_policy::model::Protocol;
use netpol_policy::request::PortRef;
use netpol_policy::verdict::{
    Caveat, DecidedBy, Decision, Denial, DenyReason, Direction, DirectionVerdict, PolicyRef,
    RuleRef, Tier, TierOutcome, TierStep, Verdict,
};
use serde::{Serialize, Serializer};

use crate::question::Answer;

/// What policies say of a connection.
#[derive(Serialize)]
pub(crate) struct Judged<'a> {
    allowed: Option<bool>,
    egress: Side<'a>,
    ingress: Side<'a>,
    caveats: Vec<&'static str>,
}

/// One direction.
#[derive(Serialize)]
struct Side<'a> {
    allowed: Option<bool>,
    decided_by: &'static str,
    /// What allows it; of what is denied, what denies it explicitly.
    rules: Vec<Rule<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    denied_by: Vec<Denied<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    path: Vec<Step<'a>>,
}

#[derive(Serialize)]
pub(crate) struct Policy<'a> {
    kind: &'static str,
    /// Empty for cluster-scoped kinds.
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct Rule<'a> {
    #[serde(flatten)]
    policy: Policy<'a>,
    direction: &'static str,
    rule: usize,
    /// `null` where the rule lists none.
    peer: Option<usize>,
    /// `null` where the rule lists none.
    port: Option<usize>,
}

#[derive(Serialize)]
struct Denied<'a> {
    #[serde(flatten)]
    policy: Policy<'a>,
    reason: &'static str,
    nearest: Option<Nearest<'a>>,
}

#[derive(Serialize)]
struct Nearest<'a> {
    rule: usize,
    peer: Option<usize>,
    port: Option<usize>,
    wants: &'a [String],
}

#[derive(Serialize)]
struct Step<'a> {
    tier: &'static str,
    outcome: &'static str,
    /// What leaves it to the next tier.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule<'a>>,
}

/// The answer to one question, with the question.
#[derive(Serialize)]
pub(crate) struct Answered<'a> {
    from: String,
    to: String,
    protocol: Word,
    port: Option<Port<'a>>,
    #[serde(flatten)]
    judged: Judged<'a>,
    /// Each of those that the question stands for; empty where that is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    connections: Vec<One>,
}

/// One of several connections that a question stands for.
#[derive(Serialize)]
struct One {
    from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_address: Option<IpAddr>,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    to_address: Option<IpAddr>,
    allowed: Option<bool>,
}

/// A number, or a name.
#[derive(Serialize)]
#[serde(untagged)]
enum Port<'a> {
    Number(u16),
    Name(&'a str),
}

/// A protocol by name; those without one by number.
struct Word(Protocol);

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Protocol::Other(number) if !matches!(number, 1 | 58) => {
                to.serialize_str(&number.to_string())
            }
            named => to.collect_str(&named),
        }
    }
}

/// Writes the answer to one question as a line.
pub(super) fn write(mut out: impl Write, answer: &Answer) -> io::Result<()> {
    serde_json::to_writer(&mut out, &Answered::from(answer))?;
    out.write_all(b"\n")?;
    out.flush()
}

impl<'a> From<&'a Answer> for Answered<'a> {
    fn from(answer: &'a Answer) -> Self {
        let request = &answer.request;
        let several = answer.connections.iter();
        let several = several.filter(|_| answer.connections.len() > 1);
        Self {
            from: request.from.to_string(),
            to: request.to.to_string(),
            protocol: Word(request.protocol),
            port: request.port.as_ref().map(|port| match port {
                PortRef::Number(number) => Port::Number(*number),
                PortRef::Name(name) => Port::Name(name),
            }),
            judged: Judged::from(&answer.verdict),
            connections: several
                .map(|(connection, verdict)| One::new(connection, verdict))
                .collect(),
        }
    }
}

impl One {
    fn new(connection: &Connection, verdict: &Verdict) -> Self {
        let (source, destination) = (&connection.source, &connection.destination);
        Self {
            from: source.to_string(),
            from_address: source.address(),
            to: destination.to_string(),
            to_address: destination.address(),
            allowed: allowed(verdict.decision()),
        }
    }
}

impl<'a> From<&'a Verdict> for Judged<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        Self {
            allowed: allowed(verdict.decision()),
            egress: Side::from(&verdict.egress),
            ingress: Side::from(&verdict.ingress),
            caveats: verdict
                .caveats
                .iter()
                .map(|one| Caveat::as_str(*one))
                .collect(),
        }
    }
}

fn allowed(decision: Decision) -> Option<bool> {
    match decision {
        Decision::Allowed => Some(true),
        Decision::Denied => Some(false),
        Decision::Unknown => None,
    }
}

impl<'a> From<&'a DirectionVerdict> for Side<'a> {
    fn from(verdict: &'a DirectionVerdict) -> Self {
        let denials = verdict.denied_by.iter();
        let denying = denials.clone().flat_map(|denial| &denial.rules);
        Self {
            allowed: allowed(verdict.decision),
            decided_by: match verdict.decided_by {
                DecidedBy::Default | DecidedBy::NotASubject => "default",
                DecidedBy::Node => "node",
                DecidedBy::SelfTraffic => "self",
                DecidedBy::Policy => "policy",
                DecidedBy::Unknown => "unknown",
            },
            rules: verdict
                .allowed_by
                .iter()
                .chain(denying)
                .map(Rule::from)
                .collect(),
            denied_by: denials.map(Denied::from).collect(),
            path: verdict.path.iter().map(Step::from).collect(),
        }
    }
}

impl<'a> From<&'a PolicyRef> for Policy<'a> {
    fn from(policy: &'a PolicyRef) -> Self {
        Self {
            kind: policy.kind.as_str(),
            namespace: &policy.namespace,
            name: &policy.name,
        }
    }
}

impl<'a> From<&'a RuleRef> for Rule<'a> {
    fn from(rule: &'a RuleRef) -> Self {
        Self {
            policy: Policy::from(&rule.policy),
            direction: match rule.direction {
                Direction::Ingress => "ingress",
                Direction::Egress => "egress",
            },
            rule: rule.rule,
            peer: rule.peer,
            port: rule.port,
        }
    }
}

impl<'a> From<&'a Denial> for Denied<'a> {
    fn from(denial: &'a Denial) -> Self {
        Self {
            policy: Policy::from(&denial.policy),
            reason: match denial.reason {
                DenyReason::NoRules => "no_rules",
                DenyReason::PeerNotSelected => "peer_not_selected",
                DenyReason::PortMismatch => "port_mismatch",
                DenyReason::NamedPortUnresolved => "named_port_unresolved",
                DenyReason::ExplicitDeny => "explicit_deny",
            },
            nearest: denial.nearest.as_ref().map(|miss| Nearest {
                rule: miss.rule.rule,
                peer: miss.rule.peer,
                port: miss.rule.port,
                wants: &miss.wants,
            }),
        }
    }
}

impl<'a> From<&'a TierStep> for Step<'a> {
    fn from(step: &'a TierStep) -> Self {
        let rules: &[RuleRef] = match &step.outcome {
            TierOutcome::Passed(rules) => rules,
            _ => &[],
        };
        Self {
            tier: tier(step.tier),
            outcome: outcome(&step.outcome),
            rules: rules.iter().map(Rule::from).collect(),
        }
    }
}

pub(crate) fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Admin => "admin",
        Tier::NetworkPolicy => "network_policy",
        Tier::Baseline => "baseline",
    }
}

pub(crate) fn outcome(outcome: &TierOutcome) -> &'static str {
    match outcome {
        TierOutcome::NotSelected => "not_selected",
        TierOutcome::NoMatch => "no_match",
        TierOutcome::Passed(_) => "passed",
        TierOutcome::Allowed => "allowed",
        TierOutcome::Denied => "denied",
        TierOutcome::Undecided => "undecided",
    }
}
