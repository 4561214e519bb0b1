//! What was found as one JSON object; docs/drift.md shows it.

use std::io;
use std::time::SystemTime;

use netpol_policy::drift::{Drift, Evidence, Finding, NodeRecord, Options, PolicyRecord};
use netpol_policy::history::{PolicyName, Port};
use serde::Serialize;

use crate::traffic;

#[derive(Serialize)]
struct Document<'a> {
    findings: Vec<FindingJson<'a>>,
    policies: Vec<PolicyJson>,
    nodes: Vec<NodeJson<'a>>,
    coverage: CoverageJson,
    evidence: EvidenceJson<'a>,
    /// Whether anything disagrees that a change just before does not explain: what `--fail` goes by.
    beyond_lag: bool,
}

#[derive(Serialize)]
struct FindingJson<'a> {
    kind: &'static str,
    beyond_lag: bool,
    from: String,
    to: String,
    service: Option<String>,
    protocol: String,
    /// A number, `many`, or `null` where the protocol has none.
    port: Option<PortJson>,
    observed: &'static str,
    drop: Option<DropJson<'a>>,
    policies: Vec<PolicyNameJson<'a>>,
    connections: u64,
    already_open: u64,
    after_change: u64,
    longest_after_change_seconds: Option<f64>,
    first_seen: String,
    last_seen: String,
    nodes: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum PortJson {
    One(u16),
    Many(&'static str),
}

#[derive(Serialize)]
struct DropJson<'a> {
    reason: &'a str,
    class: &'a str,
}

#[derive(Serialize)]
struct PolicyNameJson<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
}

#[derive(Serialize)]
struct PolicyJson {
    kind: &'static str,
    namespace: String,
    name: String,
    stopped: u64,
    let_through: u64,
    host_network: u64,
    after_change: u64,
    already_open: u64,
    longest_after_change_seconds: Option<f64>,
    last_let_through: Option<String>,
    never_enforced: bool,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    node: &'a str,
    enforcement: &'static str,
    stopped: u64,
    let_through: u64,
    after_change: u64,
    unclear: u64,
    dropped: u64,
    /// `namespace/name[Kind]` of the workloads whose connections were let through.
    exposed: Vec<String>,
    not_enforced: Vec<PolicyNameJson<'a>>,
}

#[derive(Serialize)]
struct CoverageJson {
    compared: u64,
    outcome_unknown: u64,
    verdict_unknown: u64,
    doubtful: u64,
    began_before: bool,
    since: Option<String>,
}

#[derive(Serialize)]
struct EvidenceJson<'a> {
    from: Option<String>,
    until: Option<String>,
    watched_percent: u64,
    nodes: Vec<WatchedJson<'a>>,
    losses: Vec<LossJson<'a>>,
    missing: Vec<MissingJson<'a>>,
    unreadable_lines: u64,
}

#[derive(Serialize)]
struct WatchedJson<'a> {
    node: &'a str,
    seconds: u64,
}

#[derive(Serialize)]
struct LossJson<'a> {
    stage: &'a str,
    reason: &'a str,
    count: u64,
}

#[derive(Serialize)]
struct MissingJson<'a> {
    node: &'a str,
    reason: &'a str,
}

/// The object, with a line break at its end. `damaged` lines of the history could not be read.
pub(super) fn text((drift, damaged): (&Drift, u64), options: &Options) -> io::Result<String> {
    let document = Document {
        findings: drift.findings.iter().map(finding).collect(),
        policies: drift.policies.iter().map(policy).collect(),
        nodes: drift
            .nodes
            .iter()
            .map(|(name, record)| node(name, record))
            .collect(),
        coverage: CoverageJson {
            compared: drift.coverage.compared,
            outcome_unknown: drift.coverage.outcome_unknown,
            verdict_unknown: drift.coverage.verdict_unknown,
            doubtful: drift.coverage.doubtful,
            began_before: drift.coverage.began_before,
            since: options.since.map(traffic::time),
        },
        evidence: evidence(&drift.evidence, damaged),
        beyond_lag: drift.is_beyond_lag(),
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn finding(finding: &Finding) -> FindingJson<'_> {
    let seen = &finding.traffic;
    let totals = &seen.totals;
    FindingJson {
        kind: finding.kind.as_str(),
        beyond_lag: finding.kind.is_beyond_lag(),
        from: traffic::party(&seen.source),
        to: traffic::party(&seen.destination),
        service: seen
            .service
            .as_ref()
            .map(|(namespace, name)| format!("{namespace}/{name}")),
        protocol: seen.protocol.to_string(),
        port: match seen.port {
            Port::One(port) => Some(PortJson::One(port)),
            Port::Many => Some(PortJson::Many("many")),
            Port::None => None,
        },
        observed: seen.observed.as_str(),
        drop: seen.drop.as_ref().map(|drop| DropJson {
            reason: &drop.reason,
            class: &drop.class,
        }),
        policies: seen.policies.iter().map(policy_name).collect(),
        connections: totals.connections,
        already_open: totals.resumed,
        after_change: totals.after_change,
        longest_after_change_seconds: totals
            .longest_after_change
            .map(|longest| longest.as_secs_f64()),
        first_seen: traffic::time(totals.first_seen),
        last_seen: traffic::time(totals.last_seen),
        nodes: seen.nodes.iter().map(AsRef::as_ref).collect(),
    }
}

fn policy_name(policy: &PolicyName) -> PolicyNameJson<'_> {
    PolicyNameJson {
        kind: policy.kind.as_str(),
        namespace: &policy.namespace,
        name: &policy.name,
    }
}

fn policy(record: &PolicyRecord) -> PolicyJson {
    PolicyJson {
        kind: record.policy.kind.as_str(),
        namespace: record.policy.namespace.to_string(),
        name: record.policy.name.to_string(),
        stopped: record.stopped,
        let_through: record.let_through,
        host_network: record.host_network,
        after_change: record.after_change,
        already_open: record.already_open,
        longest_after_change_seconds: record
            .longest_after_change
            .map(|longest| longest.as_secs_f64()),
        last_let_through: record.last_let_through.map(traffic::time),
        never_enforced: record.is_never_enforced(),
    }
}

fn node<'a>(name: &'a str, record: &'a NodeRecord) -> NodeJson<'a> {
    let exposed = record.exposed.iter();
    NodeJson {
        node: name,
        enforcement: record.enforcement().as_str(),
        stopped: record.stopped,
        let_through: record.let_through,
        after_change: record.after_change,
        unclear: record.unclear,
        dropped: record.dropped,
        exposed: exposed
            .map(|(namespace, workload)| {
                format!("{namespace}/{}[{}]", workload.name, workload.kind)
            })
            .collect(),
        not_enforced: record.not_enforced.iter().map(policy_name).collect(),
    }
}

fn evidence(evidence: &Evidence, damaged: u64) -> EvidenceJson<'_> {
    let moment = |time: Option<SystemTime>| time.map(traffic::time);
    EvidenceJson {
        from: moment(evidence.window.map(|(from, _)| from)),
        until: moment(evidence.window.map(|(_, until)| until)),
        watched_percent: evidence.percent(),
        nodes: evidence
            .watched
            .iter()
            .map(|(node, watched)| WatchedJson {
                node,
                seconds: watched.as_secs(),
            })
            .collect(),
        losses: evidence
            .losses
            .iter()
            .map(|loss| LossJson {
                stage: &loss.stage,
                reason: &loss.reason,
                count: loss.count,
            })
            .collect(),
        missing: evidence
            .missing
            .iter()
            .map(|node| MissingJson {
                node: &node.name,
                reason: &node.reason,
            })
            .collect(),
        unreadable_lines: damaged,
    }
}
