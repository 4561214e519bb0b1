//! What an answer rests on, in sentences.

use super::found::Found;
use super::words::{TOLD, policy};
use crate::traffic::{some, time};

/// What follows every answer.
const NOT_SEEN: &str = "Traffic that was not seen shows nothing: what is rare, or began after the window, may be denied all the same.";

/// All of it, what limits the answer most first.
pub(super) fn evidence(found: &Found<'_>) -> Vec<String> {
    let reasons = found.insufficient().into_iter();
    let mut sentences: Vec<String> = reasons
        .map(|reason| format!("Insufficient evidence: {reason}."))
        .collect();
    sentences.extend(watched(found));
    sentences.extend(asked(found));
    sentences.push(NOT_SEEN.to_owned());
    sentences
}

/// Who watched, and what was lost.
fn watched(found: &Found<'_>) -> Vec<String> {
    let basis = &found.basis;
    let evidence = &basis.evidence;
    let mut sentences = Vec::new();
    if let Some((from, until)) = evidence.window {
        let nodes = match evidence.watched.len() {
            1 => "1 node".to_owned(),
            count => format!("{count} nodes"),
        };
        sentences.push(format!(
            "{} to {}, {} % of it watched by {}: {}.",
            time(from),
            time(until),
            evidence.percent(),
            nodes,
            some(evidence.watched.keys(), TOLD),
        ));
    }
    let losses = evidence.losses.iter().filter(|loss| loss.count > 0);
    let losses = losses.map(|loss| {
        let reason = loss.reason.replace('_', " ");
        format!("{} ({}: {reason})", loss.count, loss.stage)
    });
    let losses: Vec<String> = losses.collect();
    if !losses.is_empty() {
        let losses = losses.join(", ");
        sentences.push(format!("Lost, and so perhaps not seen: {losses}."));
    } else if found.basis.insufficient.is_empty() {
        sentences.push("Nothing was lost.".to_owned());
    }
    for node in &evidence.missing {
        sentences.push(format!("Missing: {node}."));
    }
    if !basis.without_history.is_empty() {
        let nodes = some(&basis.without_history, TOLD);
        sentences.push(format!("Nodes of the cluster without a history: {nodes}."));
    }
    sentences
}

/// What was asked, and what was not.
fn asked(found: &Found<'_>) -> Vec<String> {
    let basis = &found.basis;
    let mut sentences = Vec::new();
    if basis.begins_bare {
        sentences.push("Before the change no policy is in force, as far as is known.".to_owned());
    }
    if !basis.select_nobody.is_empty() {
        let names = some(basis.select_nobody.iter().map(policy), TOLD);
        sentences.push(format!(
            "No pods are known that these select, so nothing can be said of what they do: {names}."
        ));
    }
    let not_evaluated = found.proposed.not_evaluated();
    if !not_evaluated.is_empty() {
        let names = some(not_evaluated.iter().map(|one| &one.policy), TOLD);
        sentences.push(format!(
            "Not evaluated, and may change every answer: {names}."
        ));
    }
    let omitted = &found.difference.omitted;
    if omitted.host_network_pods > 0 {
        sentences.push(
            "What policies permit is not compared for nodes, nor for pods that share their addresses."
                .to_owned(),
        );
    }
    if !omitted.inner_blocks.is_empty() {
        let blocks = some(&omitted.inner_blocks, TOLD);
        sentences.push(format!(
            "What policies permit is not compared for blocks of the cluster's own addresses: {blocks}."
        ));
    }
    if let Some(cut) = &found.difference.cut {
        sentences.push(format!("Of what policies permit: {cut}."));
    }
    if found.arguments.labels_now {
        sentences.push("Asked about the labels that workloads have now.".to_owned());
    }
    if !basis.relabelled.is_empty() {
        let names = some(&basis.relabelled, TOLD);
        sentences.push(format!(
            "The manifests change labels, and only --labels now asks about that: {names}."
        ));
    }
    sentences
}
