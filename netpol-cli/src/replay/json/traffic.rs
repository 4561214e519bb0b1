//! Traffic for which something changes.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use netpol_policy::explain::rule_field;
use netpol_policy::history::Port;
use netpol_policy::replay::{Decisive, Reason, Row, Said, Who};
use netpol_policy::verdict::{DecidedBy, DenyReason};
use serde::Serialize;

use super::{Policy, SumJson, policy, sum};
use crate::proposed::Place;
use crate::replay::found::Found;
use crate::replay::words;
use crate::traffic::time;

#[derive(Serialize)]
pub(super) struct Traffic<'a> {
    change: &'static str,
    source: End<'a>,
    destination: End<'a>,
    protocol: String,
    port: Option<u16>,
    /// Several ports are counted as one.
    many_ports: bool,
    services: Vec<String>,
    #[serde(flatten)]
    sum: SumJson,
    first_seen: String,
    last_seen: String,
    /// What the kernel was seen to do, in connections; nothing of it comes from policies.
    observed: BTreeMap<&'static str, u64>,
    before: SaidJson<'a>,
    after: SaidJson<'a>,
    place: Option<PlaceJson>,
}

#[derive(Serialize)]
struct End<'a> {
    #[serde(flatten)]
    is: Is<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    addresses: Vec<String>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Is<'a> {
    Workload {
        namespace: &'a str,
        kind: &'a str,
        name: &'a str,
    },
    Service {
        namespace: &'a str,
        name: &'a str,
    },
    Node {
        name: &'a str,
    },
    Outside,
    Unknown,
    Many,
}

#[derive(Serialize)]
struct SaidJson<'a> {
    decision: &'static str,
    reasons: Vec<ReasonJson<'a>>,
    unknown: Vec<WhyJson>,
}

#[derive(Serialize)]
struct ReasonJson<'a> {
    direction: &'static str,
    by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<Policy<'a>>,
    /// The rule that decides, or the one that misses by the fewest conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// What that rule wants and the connection does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wants: Vec<&'a str>,
}

#[derive(Serialize)]
struct WhyJson {
    why: &'static str,
    sentence: String,
}

#[derive(Serialize)]
struct PlaceJson {
    file: String,
    line: usize,
    /// It stood there before the change.
    is_gone: bool,
}

/// One row.
pub(super) fn traffic<'a>(found: &Found<'_>, row: &'a Row) -> Traffic<'a> {
    let addresses = |blocks: &BTreeSet<IpNet>| blocks.iter().map(words::block).collect();
    let services = row.services.iter();
    let services = services.map(|(namespace, name)| format!("{namespace}/{name}"));
    let observed = row.seen.observed.iter();
    Traffic {
        change: row.change.as_str(),
        source: End {
            is: is(&row.source),
            addresses: addresses(&row.source_addresses),
        },
        destination: End {
            is: is(&row.destination),
            addresses: addresses(&row.destination_addresses),
        },
        protocol: row.protocol.to_string(),
        port: match row.port {
            Port::One(port) => Some(port),
            Port::None | Port::Many => None,
        },
        many_ports: row.port == Port::Many,
        services: services.collect(),
        sum: sum(&row.seen.sum),
        first_seen: time(row.seen.first),
        last_seen: time(row.seen.last),
        observed: observed
            .map(|(what, count)| (what.as_str(), *count))
            .collect(),
        before: said(&row.before),
        after: said(&row.after),
        place: found.place_of(row).map(place),
    }
}

fn is(who: &Who) -> Is<'_> {
    match who {
        Who::Workload {
            namespace,
            workload,
        } => Is::Workload {
            namespace,
            kind: &workload.kind,
            name: &workload.name,
        },
        Who::Service { namespace, name } => Is::Service { namespace, name },
        Who::Node { name } => Is::Node { name },
        Who::Outside => Is::Outside,
        Who::Unknown => Is::Unknown,
        Who::Many => Is::Many,
    }
}

fn said(said: &Said) -> SaidJson<'_> {
    let unknown = said.unknown.iter();
    SaidJson {
        decision: words::decision(said.decision),
        reasons: said.reasons.iter().map(reason).collect(),
        unknown: unknown
            .map(|why| WhyJson {
                why: why.as_str(),
                sentence: why.to_string(),
            })
            .collect(),
    }
}

fn reason(reason: &Reason) -> ReasonJson<'_> {
    let mut json = ReasonJson {
        direction: words::direction(reason.direction),
        by: "",
        policy: None,
        rule: None,
        reason: None,
        wants: Vec::new(),
    };
    match &reason.what {
        Decisive::Default => json.by = "default",
        Decisive::Exempt(DecidedBy::Node) => json.by = "node",
        Decisive::Exempt(DecidedBy::SelfTraffic) => json.by = "self",
        Decisive::Exempt(_) => json.by = "not-a-subject",
        Decisive::Rule(rule) | Decisive::DenyRule(rule) => {
            json.by = "rule";
            json.policy = Some(Policy {
                kind: rule.policy.kind.as_str(),
                namespace: &rule.policy.namespace,
                name: &rule.policy.name,
            });
            json.rule = Some(rule_field(rule.direction, rule.rule));
        }
        Decisive::Isolated {
            policy: name,
            reason,
            nearest,
        } => {
            json.by = "isolation";
            json.policy = Some(policy(name));
            json.reason = Some(match reason {
                DenyReason::NoRules => "no-rules",
                DenyReason::PeerNotSelected => "peer-not-selected",
                DenyReason::PortMismatch => "port-mismatch",
                DenyReason::NamedPortUnresolved => "named-port-unresolved",
                DenyReason::ExplicitDeny => "explicit-deny",
            });
            if let Some(nearest) = nearest {
                json.rule = Some(rule_field(nearest.rule.direction, nearest.rule.rule));
                json.wants = nearest.wants.iter().map(String::as_str).collect();
            }
        }
    }
    json
}

fn place(place: Place) -> PlaceJson {
    PlaceJson {
        file: place.file,
        line: place.line,
        is_gone: place.is_gone,
    }
}
