//! A report as one object, in JSON or in YAML; docs/unused.md describes it.

use std::collections::BTreeMap;
use std::io;

use netpol_policy::explain;
use netpol_policy::history::{Part, UseTotals};
use netpol_policy::model::Action;
use netpol_policy::unused::{Entry, PolicyReport, Watch, Window};
use netpol_policy::verdict::PolicyRef;
use serde::Serialize;

use super::Shown;
use crate::traffic;

/// Changes when a field is taken away or means something else.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct ReportJson {
    version: u32,
    min_window_seconds: u64,
    policies: Vec<PolicyJson>,
    /// Of all entries that were asked about, shown or not.
    counts: BTreeMap<&'static str, usize>,
    missing_nodes: Vec<MissingJson>,
}

#[derive(Serialize)]
struct MissingJson {
    name: String,
    reason: String,
}

#[derive(Serialize)]
struct PolicyJson {
    kind: &'static str,
    namespace: String,
    name: String,
    generation: i64,
    /// `null` where it was never seen in force as it stands.
    since: Option<String>,
    subjects: SubjectsJson,
    watch: WatchJson,
    entries: Vec<EntryJson>,
}

#[derive(Serialize)]
struct SubjectsJson {
    pods_now: u32,
    workloads_now: Vec<String>,
    workloads_before: Vec<String>,
}

#[derive(Serialize)]
struct WatchJson {
    window: Option<WindowJson>,
    watched_percent: u8,
    nodes: Vec<NodeJson>,
    nodes_without_history: Vec<PodsJson>,
    other_nodes_without_history: Vec<String>,
    losses: Vec<LossJson>,
    connections: u64,
}

#[derive(Serialize)]
struct NodeJson {
    name: String,
    pods: u32,
    watched_seconds: u64,
    /// The most at a time.
    interfaces_not_watched: u64,
}

#[derive(Serialize)]
struct PodsJson {
    name: String,
    pods: u32,
}

#[derive(Serialize)]
struct LossJson {
    stage: String,
    reason: String,
    count: u64,
}

#[derive(Serialize)]
struct WindowJson {
    from: String,
    until: String,
    seconds: u64,
}

#[derive(Serialize)]
struct EntryJson {
    direction: &'static str,
    /// All three `null` for a direction without rules.
    rule: Option<u32>,
    peer: Option<u32>,
    port: Option<u32>,
    /// `accept`, `deny` or `pass`; `isolate` for a direction without rules.
    action: &'static str,
    peer_words: String,
    port_words: String,
    status: &'static str,
    /// What `insufficient_evidence` would be, if the evidence were enough.
    if_evidence_held: Option<&'static str>,
    because: String,
    confidence: &'static str,
    confidence_because: Vec<String>,
    hits: u64,
    sole: u64,
    resumed: u64,
    forwarded: u64,
    bytes: u64,
    first_seen: Option<String>,
    last_seen: Option<String>,
    window: Option<WindowJson>,
    shadowed_by: Vec<NameJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

#[derive(Serialize)]
struct NameJson {
    kind: &'static str,
    namespace: String,
    name: String,
    direction: &'static str,
    rule: Option<u32>,
    peer: Option<u32>,
    port: Option<u32>,
}

/// One object, in lines.
pub(super) fn text(shown: &Shown<'_>) -> io::Result<String> {
    let mut text = serde_json::to_string_pretty(&report(shown))?;
    text.push('\n');
    Ok(text)
}

/// The same in YAML.
pub(super) fn yaml(shown: &Shown<'_>) -> io::Result<String> {
    serde_saphyr::to_string(&report(shown)).map_err(io::Error::other)
}

fn report(shown: &Shown<'_>) -> ReportJson {
    let mut counts = BTreeMap::new();
    for (_, entry) in shown.entries() {
        *counts.entry(entry.status.as_str()).or_default() += 1;
    }
    let with_entries = shown.policies().map(|one| policy(shown, one));
    let missing = shown.report.missing.iter().map(|node| MissingJson {
        name: node.name.clone(),
        reason: node.reason.clone(),
    });
    ReportJson {
        version: VERSION,
        min_window_seconds: shown.arguments.options.min_window.as_secs(),
        policies: with_entries.filter(|one| !one.entries.is_empty()).collect(),
        counts,
        missing_nodes: missing.collect(),
    }
}

fn policy(shown: &Shown<'_>, policy: &PolicyReport) -> PolicyJson {
    let reference = &policy.policy;
    let entries = policy.entries.iter().filter(|entry| shown.has(entry));
    PolicyJson {
        kind: reference.kind.as_str(),
        namespace: reference.namespace.to_string(),
        name: reference.name.to_string(),
        generation: reference.generation,
        since: policy.since.map(traffic::time),
        subjects: SubjectsJson {
            pods_now: policy.subjects.pods,
            workloads_now: policy.subjects.workloads.clone(),
            workloads_before: policy.subjects.gone.clone(),
        },
        watch: watch(&policy.watch),
        entries: entries.map(|one| entry(shown, policy, one)).collect(),
    }
}

fn watch(watch: &Watch) -> WatchJson {
    let nodes = watch.nodes.iter().map(|node| NodeJson {
        name: node.name.to_string(),
        pods: node.pods,
        watched_seconds: node.watched.as_secs(),
        interfaces_not_watched: node.blind,
    });
    let without = watch.without_history.iter().map(|(name, pods)| PodsJson {
        name: name.to_string(),
        pods: *pods,
    });
    let others = watch.others_without_history.iter();
    let losses = watch.losses.iter().map(|loss| LossJson {
        stage: loss.stage.to_string(),
        reason: loss.reason.to_string(),
        count: loss.count,
    });
    WatchJson {
        window: watch.window.map(window),
        watched_percent: watch.percent(),
        nodes: nodes.collect(),
        nodes_without_history: without.collect(),
        other_nodes_without_history: others.map(ToString::to_string).collect(),
        losses: losses.collect(),
        connections: watch.connections,
    }
}

fn window(window: Window) -> WindowJson {
    WindowJson {
        from: traffic::time(window.from),
        until: traffic::time(window.until),
        seconds: window.length().as_secs(),
    }
}

fn entry(shown: &Shown<'_>, policy: &PolicyReport, entry: &Entry) -> EntryJson {
    let place = shown.place(policy, entry);
    let (rule, peer, port) = numbers(entry.part);
    let totals = entry.totals.as_ref();
    let count = |of: fn(&UseTotals) -> u64| totals.map(of).unwrap_or_default();
    let names = entry.shadowed_by.iter();
    EntryJson {
        direction: explain::rules_list(entry.direction),
        rule,
        peer,
        port,
        action: match entry.action {
            None => "isolate",
            Some(Action::Accept) => "accept",
            Some(Action::Deny) => "deny",
            Some(Action::Pass) => "pass",
        },
        peer_words: entry.peer.clone(),
        port_words: entry.port.clone(),
        status: entry.status.as_str(),
        if_evidence_held: entry.if_evidence_held.map(|status| status.as_str()),
        because: entry.because.clone(),
        confidence: entry.confidence.as_str(),
        confidence_because: entry.limits.iter().map(ToString::to_string).collect(),
        hits: count(|totals| totals.hits),
        sole: count(|totals| totals.sole),
        resumed: count(|totals| totals.resumed),
        forwarded: count(|totals| totals.forwarded),
        bytes: count(|totals| totals.bytes),
        first_seen: totals.map(|totals| traffic::time(totals.first_seen)),
        last_seen: totals.map(|totals| traffic::time(totals.last_seen)),
        window: entry.window.map(window),
        shadowed_by: names
            .map(|name| named(&name.policy, explain::rules_list(name.direction), name.part))
            .collect(),
        line: place.as_ref().map(|place| place.line),
        file: place.map(|place| place.file),
    }
}

fn named(policy: &PolicyRef, direction: &'static str, part: Part) -> NameJson {
    let (rule, peer, port) = numbers(part);
    NameJson {
        kind: policy.kind.as_str(),
        namespace: policy.namespace.to_string(),
        name: policy.name.to_string(),
        direction,
        rule,
        peer,
        port,
    }
}

fn numbers(part: Part) -> (Option<u32>, Option<u32>, Option<u32>) {
    match part {
        Part::Entry { rule, peer, port } => (Some(rule), peer, port),
        Part::Isolation => (None, None, None),
    }
}
