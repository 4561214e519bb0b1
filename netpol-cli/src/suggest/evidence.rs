//! How much can be concluded, in words and in JSON.

use netpol_policy::suggest::Evidence;
use netpol_policy::unused::{Confidence, span};
use serde::Serialize;

use crate::traffic::{some, time};

/// Names that are told by themselves.
const TOLD: usize = 4;

/// A line for what was watched, and one for each thing that takes from it but for missing nodes.
pub(crate) fn lines(evidence: &Evidence) -> Vec<String> {
    let watch = &evidence.watch;
    let mut lines = Vec::new();
    if let Some(window) = watch.window {
        let nodes = watch.nodes.iter().map(|node| &node.name);
        lines.push(format!(
            "Watched from {} to {} ({}), {} % of it, on {}; {} events lost.",
            time(window.from),
            time(window.until),
            span(window.length()),
            watch.percent(),
            some(nodes, TOLD),
            watch.lost()
        ));
    }
    lines.extend(limits(evidence));
    lines
}

/// What takes from the evidence.
pub(crate) fn limits(evidence: &Evidence) -> Vec<String> {
    let limits = evidence.limits.iter().map(|limit| match limit.leaves() {
        Confidence::Insufficient => format!("Insufficient evidence: {limit}."),
        _ => format!("Less sure: {limit}."),
    });
    limits.collect()
}

/// Missing nodes that are told by themselves.
const MISSING_TOLD: usize = 10;

/// Nodes whose history could not be had.
pub(crate) fn missing(evidence: &Evidence) -> Vec<String> {
    let told = evidence.missing.iter().take(MISSING_TOLD);
    let mut lines: Vec<String> = told
        .map(|node| match &*node.name {
            "" => format!("Missing: {}.", node.reason),
            name => format!("Missing: no history of {name}: {}.", node.reason),
        })
        .collect();
    if let Some(more @ 1..) = evidence.missing.len().checked_sub(MISSING_TOLD) {
        lines.push(format!("Missing: {more} more."));
    }
    lines
}

#[derive(Serialize)]
pub(crate) struct EvidenceJson {
    confidence: &'static str,
    limits: Vec<String>,
    /// `null` where nobody watched.
    window: Option<WindowJson>,
    watched_percent: u8,
    nodes: Vec<NodeJson>,
    losses: Vec<LossJson>,
    missing_nodes: Vec<MissingJson>,
}

#[derive(Serialize)]
struct WindowJson {
    from: String,
    until: String,
    seconds: u64,
}

#[derive(Serialize)]
struct NodeJson {
    name: String,
    pods: u32,
    watched_seconds: u64,
}

#[derive(Serialize)]
struct LossJson {
    stage: String,
    reason: String,
    count: u64,
}

#[derive(Serialize)]
struct MissingJson {
    name: String,
    reason: String,
}

pub(crate) fn json(evidence: &Evidence) -> EvidenceJson {
    let watch = &evidence.watch;
    let nodes = watch.nodes.iter().map(|node| NodeJson {
        name: node.name.to_string(),
        pods: node.pods,
        watched_seconds: node.watched.as_secs(),
    });
    let losses = watch.losses.iter().map(|loss| LossJson {
        stage: loss.stage.to_string(),
        reason: loss.reason.to_string(),
        count: loss.count,
    });
    let missing = evidence.missing.iter().map(|node| MissingJson {
        name: node.name.clone(),
        reason: node.reason.clone(),
    });
    EvidenceJson {
        confidence: evidence.confidence().as_str(),
        limits: evidence.limits.iter().map(ToString::to_string).collect(),
        window: watch.window.map(|window| WindowJson {
            from: time(window.from),
            until: time(window.until),
            seconds: window.length().as_secs(),
        }),
        watched_percent: watch.percent(),
        nodes: nodes.collect(),
        losses: losses.collect(),
        missing_nodes: missing.collect(),
    }
}
