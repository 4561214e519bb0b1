//! Parts of findings in words.

use std::collections::BTreeSet;

use ipnet::IpNet;
use netpol_policy::difference;
use netpol_policy::explain::rule_field;
use netpol_policy::history::{PolicyName, Port};
use netpol_policy::matrix::{Party, PortSet};
use netpol_policy::replay::{Decisive, Reason, Row, Said, Seen, Who};
use netpol_policy::verdict::{
    DecidedBy, Decision, DenyReason, Direction, NearestMiss, PolicyKind, RuleRef,
};

use super::fail::Kind;
use super::found::Found;
use crate::proposed::How;
use crate::traffic::some;

/// Names and addresses that are told by themselves, and then counted.
pub(super) const TOLD: usize = 3;

/// `prod/web[Deployment]`, `outside (203.0.113.7, 203.0.113.8 and 3 more)`.
pub(super) fn source(row: &Row) -> String {
    who(&row.source, &row.source_addresses)
}

/// As [`source`].
pub(super) fn destination(row: &Row) -> String {
    who(&row.destination, &row.destination_addresses)
}

fn who(who: &Who, addresses: &BTreeSet<IpNet>) -> String {
    let name = match who {
        Who::Unknown => "somebody of the cluster".to_owned(),
        Who::Many => "many".to_owned(),
        who => who.to_string(),
    };
    let blocks = addresses.iter().map(block);
    if addresses.is_empty() {
        return name;
    }
    format!("{name} ({})", some(blocks, TOLD))
}

/// One address, or a block of several.
pub(super) fn block(block: &IpNet) -> String {
    if block.prefix_len() == block.max_prefix_len() {
        block.addr().to_string()
    } else {
        block.to_string()
    }
}

/// `TCP 5432`, `UDP, many ports`, `ICMP`.
pub(super) fn port(row: &Row) -> String {
    match row.port {
        Port::One(port) => format!("{} {port}", row.protocol),
        Port::Many => format!("{}, many ports", row.protocol),
        Port::None => row.protocol.to_string(),
    }
}

/// What the kernel was seen to do: `20 forwarded, 2 dropped`.
pub(super) fn observed(seen: &Seen) -> String {
    let counts = seen.observed.iter().filter(|(_, count)| **count > 0);
    let counts: Vec<String> = counts
        .map(|(what, count)| format!("{count} {}", what.as_str()))
        .collect();
    counts.join(", ")
}

/// Namespaces and names of the Services that were dialled.
pub(super) fn services(row: &Row) -> String {
    let services = row.services.iter();
    let services = services.map(|(namespace, name)| format!("{namespace}/{name}"));
    some(services, TOLD)
}

/// `12.3 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    let units = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        // Digits that are shown are exact enough as a float.
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

/// `allowed`, `denied` or `unknown`.
pub(super) fn decision(decision: Decision) -> &'static str {
    match decision {
        Decision::Allowed => "allowed",
        Decision::Denied => "denied",
        Decision::Unknown => "unknown",
    }
}

/// What a set of policies says, and why: `denied: ingress: prod/db has no rule for it; nearest spec.ingress[0] wants pod app=web`.
pub(super) fn said(said: &Said) -> String {
    let word = decision(said.decision);
    let why = because(said);
    if why.is_empty() {
        word.to_owned()
    } else {
        format!("{word}: {why}")
    }
}

/// What is behind it. Directions in which no policy has a part are left out where another has.
pub(super) fn because(said: &Said) -> String {
    if said.decision == Decision::Unknown || !said.unknown.is_empty() {
        let why: Vec<String> = said.unknown.iter().map(ToString::to_string).collect();
        return why.join("; ");
    }
    let is_of_policy = |reason: &&Reason| reason.what.policy().is_some();
    let of_policies: Vec<&Reason> = said.reasons.iter().filter(is_of_policy).collect();
    if of_policies.is_empty() {
        let is_default = |one: &Reason| one.what == Decisive::Default;
        return if said.reasons.iter().any(is_default) {
            "no policy selects it".to_owned()
        } else {
            "exempt from policy".to_owned()
        };
    }
    let mut words: Vec<String> = of_policies.into_iter().map(reason).collect();
    let more = words.len().saturating_sub(TOLD);
    if more > 0 {
        words.truncate(TOLD);
        words.push(format!("and {more} more"));
    }
    words.join("; ")
}

/// One thing that decides.
pub(super) fn reason(reason: &Reason) -> String {
    let direction = direction(reason.direction);
    match &reason.what {
        Decisive::Default => format!("{direction}: no policy selects it"),
        Decisive::Exempt(DecidedBy::Node) => format!("{direction}: its own node"),
        Decisive::Exempt(_) => format!("{direction}: exempt from policy"),
        Decisive::Rule(rule) | Decisive::DenyRule(rule) => {
            format!("{direction}: {}", self::rule(rule))
        }
        Decisive::Isolated {
            policy,
            reason,
            nearest,
        } => {
            let policy = self::policy(policy);
            let falls_short = match reason {
                DenyReason::NoRules => "has no rules",
                DenyReason::PeerNotSelected => "admits others",
                DenyReason::PortMismatch => "admits other ports",
                DenyReason::NamedPortUnresolved => "names a port that is not there",
                DenyReason::ExplicitDeny => "denies it",
            };
            let nearest = nearest.as_ref().map(miss).unwrap_or_default();
            format!("{direction}: {policy} {falls_short}{nearest}")
        }
    }
}

fn miss(nearest: &NearestMiss) -> String {
    let field = rule_field(nearest.rule.direction, nearest.rule.rule);
    format!(", {field} wants {}", nearest.wants.join(" and "))
}

fn rule(rule: &RuleRef) -> String {
    let policy = policy(&PolicyName::of(&rule.policy));
    format!("{policy} {}", rule_field(rule.direction, rule.rule))
}

pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

/// `prod/db`, and the kind before it where it is not a NetworkPolicy.
pub(super) fn policy(policy: &PolicyName) -> String {
    match policy.kind {
        PolicyKind::NetworkPolicy => policy.to_string(),
        kind => format!("{} {policy}", kind.as_str()),
    }
}

/// `prod/web[Deployment], prod/api[Deployment]`.
pub(super) fn parties(parties: &[Party]) -> String {
    // Names of workloads are long, and there are two columns of them.
    some(parties, 2)
}

/// The ports and the example of what is opened, or closed.
pub(super) fn side(
    change: &difference::Change,
    kind: Kind,
) -> (&PortSet, Option<&difference::Example>) {
    match kind {
        Kind::Closed => (&change.closed, change.closing.as_deref()),
        _ => (&change.opened, change.opening.as_deref()),
    }
}

/// `TCP 80,443`, or `all ports`.
pub(super) fn ports(ports: &PortSet) -> String {
    if ports.is_all() {
        "all ports".to_owned()
    } else {
        ports.to_string()
    }
}

/// `prod/web to 10.0.0.1 at TCP 443`; nothing where there is no example.
pub(super) fn example(example: Option<&difference::Example>) -> String {
    example.map_or_else(String::new, |example| {
        let connection = &example.connection;
        let port = connection.destination_port;
        let port = port.map_or_else(String::new, |port| format!(" {port}"));
        format!(
            "{} to {} at {}{port}",
            connection.source, connection.destination, connection.protocol
        )
    })
}

/// Which policies change: `+ prod/db, ~ prod/api, - prod/old`.
pub(super) fn changes(found: &Found<'_>) -> Vec<String> {
    let words = found.changes.iter().map(|change| {
        let sign = match change.how {
            How::Added => '+',
            How::Changed => '~',
            How::Removed => '-',
        };
        format!("{sign} {}", policy(&change.policy))
    });
    words.collect()
}

/// Why it cannot be told before, after, or both.
pub(super) fn unknown(row: &Row) -> String {
    let sides = [("before", &row.before), ("after", &row.after)];
    let mut why: Vec<String> = Vec::new();
    for (_, side) in sides {
        for reason in &side.unknown {
            let words = reason.to_string();
            if !why.contains(&words) {
                why.push(words);
            }
        }
    }
    let known = sides
        .into_iter()
        .filter(|(_, side)| side.decision != Decision::Unknown);
    let known = known.map(|(when, side)| format!("{} {when}", decision(side.decision)));
    let known: Vec<String> = known.collect();
    let mut words = why.join("; ");
    if !known.is_empty() {
        words.push_str(&format!(" ({})", known.join(", ")));
    }
    words
}
