//! A line of the allowed-traffic log. Words, times and rules are written as flows have them.

use std::time::SystemTime;

use netpol_api::json::{PolicyRef, RuleRef, Time, WordOf, Workload};
use netpol_api::v1;
use netpol_policy::verdict as policy;
use serde::Serialize;

use super::groups::{Group, Sum};
use crate::convert;
use crate::party::Party;

/// What a line says.
pub(super) enum Line<'a> {
    /// One group.
    Group(&'a Group, &'a Sum),
    /// All groups together that found no room.
    Rest(&'a Sum),
    /// Items that were lost on the way here: their traffic is missing.
    Lost(u64),
}

impl Line<'_> {
    /// The line with its line feed, for an interval.
    pub(super) fn text(&self, node: &str, [from, until]: [SystemTime; 2]) -> Option<String> {
        let said = match self {
            Self::Group(group, sum) => Said::Allowed(Box::new(allowed(group)), sums(sum)),
            Self::Rest(sum) => Said::AllowedRest(sums(sum)),
            Self::Lost(count) => Said::Lost { count: *count },
        };
        let interval = Interval {
            node,
            from: time(from),
            until: time(until),
        };
        // Strings, numbers and lists: there is nothing that could not be written.
        let text = serde_json::to_string(&Json::of(interval, said)).ok()?;
        Some(text + "\n")
    }
}

enum Said {
    Allowed(Box<Allowed>, Sums),
    AllowedRest(Sums),
    Lost { count: u64 },
}

/// The fields in their order.
#[derive(Serialize)]
struct Json<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    interval: Interval<'a>,
    #[serde(flatten)]
    allowed: Option<Box<Allowed>>,
    #[serde(flatten)]
    sums: Option<Sums>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
}

impl<'a> Json<'a> {
    fn of(interval: Interval<'a>, said: Said) -> Self {
        let (r#type, allowed, sums, count) = match said {
            Said::Allowed(allowed, sums) => ("allowed", Some(allowed), Some(sums), None),
            Said::AllowedRest(sums) => ("allowed-rest", None, Some(sums), None),
            Said::Lost { count } => ("lost", None, None, Some(count)),
        };
        Self {
            r#type,
            interval,
            allowed,
            sums,
            count,
        }
    }
}

#[derive(Serialize)]
struct Interval<'a> {
    node: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
}

#[derive(Serialize)]
struct Allowed {
    source: End,
    destination: End,
    protocol: WordOf<v1::Protocol>,
    /// Of protocols that have no word.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_protocol: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    computed: WordOf<v1::computed::Verdict>,
    agreement: WordOf<v1::Agreement>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allowed_by: Vec<RuleRef>,
}

#[derive(Default, Serialize)]
struct End {
    kind: WordOf<v1::endpoint::Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workload: Option<Workload>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
}

#[derive(Serialize)]
struct Sums {
    connections: u64,
    forward: Traffic,
    reply: Traffic,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<Time>,
}

#[derive(Serialize)]
struct Traffic {
    packets: u64,
    bytes: u64,
}

fn time(time: SystemTime) -> Option<Time> {
    Time::of(&convert::timestamp(time))
}

fn sums(sum: &Sum) -> Sums {
    let traffic = |traffic: super::groups::Traffic| Traffic {
        packets: traffic.packets,
        bytes: traffic.bytes,
    };
    Sums {
        connections: sum.connections,
        forward: traffic(sum.forward),
        reply: traffic(sum.reply),
        first_seen: time(sum.first_seen),
        last_seen: time(sum.last_seen),
    }
}

fn allowed(group: &Group) -> Allowed {
    let protocol = convert::protocol(group.protocol);
    Allowed {
        source: end(&group.source),
        destination: end(&group.destination),
        protocol: WordOf(protocol),
        ip_protocol: (protocol == v1::Protocol::Other).then_some(group.protocol),
        port: (group.port > 0).then_some(group.port),
        computed: WordOf(convert::decision(group.decision)),
        agreement: WordOf(convert::agreement(group.agreement)),
        allowed_by: group.allowed_by.iter().map(rule).collect(),
    }
}

fn end(party: &Party) -> End {
    use v1::endpoint::Kind;
    let mut end = End::default();
    end.kind = WordOf(match party {
        Party::Workload {
            namespace,
            kind,
            name,
        } => {
            end.namespace = Some(namespace.to_string());
            end.workload = Some(Workload {
                kind: kind.to_string(),
                name: name.to_string(),
            });
            Kind::Pod
        }
        Party::Node(name) => {
            end.node = Some(name.to_string());
            Kind::Node
        }
        Party::Service { namespace, name } => {
            end.namespace = Some(namespace.to_string());
            end.service = Some(name.to_string());
            Kind::Service
        }
        Party::World => Kind::World,
        Party::Unknown => Kind::Unknown,
    });
    end
}

fn rule(rule: &policy::RuleRef) -> RuleRef {
    let index = convert::index;
    let named = &rule.policy;
    RuleRef {
        policy: Some(PolicyRef {
            kind: named.kind.as_str().to_owned(),
            namespace: named.namespace.to_string(),
            name: named.name.to_string(),
            uid: named.uid.to_string(),
            generation: named.generation,
            age_seconds: None,
        }),
        direction: WordOf(convert::direction(rule.direction)),
        rule: index(rule.rule),
        peer: rule.peer.map(index),
        port: rule.port.map(index),
    }
}
