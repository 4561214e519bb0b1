//! What was found, as one JSON object; docs/replay.md shows it.

use std::collections::BTreeMap;
use std::io;

use netpol_policy::difference;
use netpol_policy::explain::rule_field;
use netpol_policy::history::{PolicyName, Port};
use netpol_policy::matrix::{Party, PortSet};
use netpol_policy::replay::{Change, Decisive, Reason, Row, Said, Sum, Who};
use netpol_policy::verdict::{DecidedBy, DenyReason};
use serde::Serialize;

use super::fail::Kind;
use super::found::Found;
use super::words;
use crate::proposed::Place;

#[derive(Serialize)]
struct Answer<'a> {
    /// What was found of that which `--fail-on` names.
    failures: Vec<&'static str>,
    policies: Vec<PolicyChange<'a>>,
    totals: Totals,
    traffic: Vec<Traffic<'a>>,
    permitted: Permitted<'a>,
    evidence: Evidence<'a>,
}

#[derive(Serialize)]
struct PolicyChange<'a> {
    #[serde(flatten)]
    policy: Policy<'a>,
    change: &'static str,
}

#[derive(Serialize)]
struct Policy<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
}

/// Sums of `traffic`, by its `change`.
#[derive(Serialize)]
struct Totals {
    #[serde(flatten)]
    changes: BTreeMap<&'static str, Total>,
    /// Not listed.
    unchanged: SumJson,
    /// Connections that were seen to get through, and that the policies allow before and deny after.
    forwarded_that_becomes_denied: u64,
    /// Connections that were seen to be blocked, and that the policies deny before and allow after.
    blocked_that_becomes_allowed: u64,
}

#[derive(Serialize)]
struct Total {
    rows: usize,
    #[serde(flatten)]
    sum: SumJson,
}

#[derive(Serialize)]
struct SumJson {
    connections: u64,
    resumed: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Traffic<'a> {
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

#[derive(Serialize)]
struct Permitted<'a> {
    changes: Vec<PermittedChange<'a>>,
    /// Pairs of parties that were compared, each standing for all that are alike.
    compared: usize,
    /// Why not all were; `null` where they were.
    cut: Option<String>,
}

#[derive(Serialize)]
struct PermittedChange<'a> {
    from: Vec<String>,
    to: Vec<String>,
    opened: Ports,
    closed: Ports,
    unclear: Ports,
    caveats: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opening: Option<Example<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closing: Option<Example<'a>>,
}

#[derive(Serialize)]
struct Example<'a> {
    from: String,
    to: String,
    protocol: String,
    port: Option<u16>,
    before: &'a str,
    after: &'a str,
}

/// Ranges by protocol, first and last port each.
type Ports = BTreeMap<String, Vec<[u16; 2]>>;

#[derive(Serialize)]
struct Evidence<'a> {
    /// `null` where no node watched.
    window: Option<Window>,
    /// How much of the window was watched, over all nodes with a history, in percent.
    percent: u64,
    /// How long each node watched, in seconds.
    watched_seconds: BTreeMap<&'a str, u64>,
    losses: Vec<Loss<'a>>,
    missing: Vec<Missing<'a>>,
    without_history: Vec<&'a str>,
    not_evaluated: &'a [String],
    labels: &'static str,
    sentences: Vec<String>,
}

#[derive(Serialize)]
struct Window {
    from: String,
    until: String,
}

#[derive(Serialize)]
struct Loss<'a> {
    stage: &'a str,
    reason: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct Missing<'a> {
    node: &'a str,
    reason: &'a str,
}

/// The object, on several lines.
pub(super) fn text(found: &Found<'_>) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(&answer(found))?;
    text.push('\n');
    Ok(text)
}

fn answer<'a>(found: &'a Found<'_>) -> Answer<'a> {
    let changes = found.changes.iter().map(|change| PolicyChange {
        policy: policy(&change.policy),
        change: change.how.as_str(),
    });
    let rows = found.replay.rows.iter();
    Answer {
        failures: found.failures().into_iter().map(Kind::as_str).collect(),
        policies: changes.collect(),
        totals: totals(found),
        traffic: rows.map(|row| traffic(found, row)).collect(),
        permitted: permitted(&found.difference),
        evidence: evidence(found),
    }
}

fn totals(found: &Found<'_>) -> Totals {
    let changes = Change::ALL.into_iter().map(|change| {
        let total = found.total(change);
        let json = Total {
            rows: total.rows,
            sum: sum(&total.sum),
        };
        (change.as_str(), json)
    });
    Totals {
        changes: changes.collect(),
        unchanged: sum(&found.replay.unchanged),
        forwarded_that_becomes_denied: found.total(Change::NewlyDenied).forwarded,
        blocked_that_becomes_allowed: found.total(Change::NewlyAllowed).blocked,
    }
}

fn traffic<'a>(found: &Found<'_>, row: &'a Row) -> Traffic<'a> {
    let addresses = |blocks: &std::collections::BTreeSet<ipnet::IpNet>| {
        blocks.iter().map(words::block).collect()
    };
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
        first_seen: words::time(row.seen.first),
        last_seen: words::time(row.seen.last),
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

fn policy(policy: &PolicyName) -> Policy<'_> {
    Policy {
        kind: policy.kind.as_str(),
        namespace: &policy.namespace,
        name: &policy.name,
    }
}

fn place(place: Place) -> PlaceJson {
    PlaceJson {
        file: place.file,
        line: place.line,
        is_gone: place.is_gone,
    }
}

fn sum(sum: &Sum) -> SumJson {
    SumJson {
        connections: sum.connections,
        resumed: sum.resumed,
        bytes: sum.bytes,
    }
}

fn permitted(difference: &difference::Difference) -> Permitted<'_> {
    let changes = difference.changes.iter().map(|change| PermittedChange {
        from: change.from.iter().map(Party::to_string).collect(),
        to: change.to.iter().map(Party::to_string).collect(),
        opened: ports(&change.opened),
        closed: ports(&change.closed),
        unclear: ports(&change.unclear),
        caveats: change.caveats.iter().map(|one| one.as_str()).collect(),
        opening: change.opening.as_deref().map(example),
        closing: change.closing.as_deref().map(example),
    });
    Permitted {
        changes: changes.collect(),
        compared: difference.compared,
        cut: difference.cut.as_ref().map(ToString::to_string),
    }
}

fn example(example: &difference::Example) -> Example<'_> {
    let connection = &example.connection;
    Example {
        from: connection.source.to_string(),
        to: connection.destination.to_string(),
        protocol: connection.protocol.to_string(),
        port: connection.destination_port,
        before: words::decision(example.before.decision()),
        after: words::decision(example.after.decision()),
    }
}

fn ports(set: &PortSet) -> Ports {
    let ranges = set.iter().map(|(protocol, ranges)| {
        let ranges = ranges.iter().map(|range| [range.first, range.last]);
        (protocol.to_string(), ranges.collect())
    });
    ranges.collect()
}

fn evidence<'a>(found: &'a Found<'_>) -> Evidence<'a> {
    let evidence = &found.evidence;
    let watched = evidence.watched.iter();
    Evidence {
        window: evidence.window.map(|(from, until)| Window {
            from: words::time(from),
            until: words::time(until),
        }),
        percent: evidence.percent(),
        watched_seconds: watched
            .map(|(name, time)| (&**name, time.as_secs()))
            .collect(),
        losses: evidence
            .losses
            .iter()
            .map(|loss| Loss {
                stage: &loss.stage,
                reason: &loss.reason,
                count: loss.count,
            })
            .collect(),
        missing: evidence
            .missing
            .iter()
            .map(|node| Missing {
                node: &node.name,
                reason: &node.reason,
            })
            .collect(),
        without_history: found.without_history.iter().map(|name| &**name).collect(),
        not_evaluated: found.not_evaluated(),
        labels: if found.arguments.labels_now {
            "now"
        } else {
            "flow-time"
        },
        sentences: words::evidence(found),
    }
}
