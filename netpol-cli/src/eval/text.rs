//! The answer to one question, for a person.

use std::fmt::Write as _;

use netpol_policy::verdict::{DecidedBy, Decision, DirectionVerdict, PolicyRef};

use super::Answer;
use crate::manifests::Loaded;
use crate::text::clean;

/// The question, the decision, and for each direction who decided it.
pub(super) fn answer(loaded: &Loaded, answer: &Answer) -> String {
    let request = &answer.request;
    let mut text = format!("{} -> {}, {}", request.from, request.to, request.protocol);
    if let Some(port) = &request.port {
        let _ = write!(text, " port {port}");
    }
    let _ = writeln!(text, ": {}", word(answer.verdict.decision()));
    side(&mut text, loaded, "egress", &answer.verdict.egress);
    side(&mut text, loaded, "ingress", &answer.verdict.ingress);
    for caveat in &answer.verdict.caveats {
        let _ = writeln!(text, "  caveat: {}", caveat.as_str());
    }
    if answer.connections.len() > 1 {
        for (connection, verdict) in &answer.connections {
            let (from, to) = (&connection.source, &connection.destination);
            let _ = writeln!(text, "  {from} -> {to}: {}", word(verdict.decision()));
        }
    }
    text.lines()
        .map(|line| format!("{}\n", clean(line)))
        .collect()
}

fn word(decision: Decision) -> &'static str {
    match decision {
        Decision::Allowed => "allowed",
        Decision::Denied => "denied",
        Decision::Unknown => "cannot be decided",
    }
}

fn side(text: &mut String, loaded: &Loaded, name: &str, verdict: &DirectionVerdict) {
    let by = match verdict.decided_by {
        DecidedBy::Default => "no policy isolates the pod",
        DecidedBy::Node => "traffic between a pod and its own node",
        DecidedBy::SelfTraffic => "a pod and its own address",
        DecidedBy::Policy => "by policy",
        DecidedBy::NotASubject => "policies do not apply to this end",
        DecidedBy::Unknown => "the end is not known",
    };
    let _ = writeln!(text, "  {name}: {}, {by}", word(verdict.decision));
    for rule in &verdict.allowed_by {
        let _ = writeln!(
            text,
            "    {}: rule {}",
            policy(loaded, &rule.policy),
            rule.rule
        );
    }
    for denial in &verdict.denied_by {
        text.push_str("    ");
        text.push_str(&policy(loaded, &denial.policy));
        if let Some(miss) = &denial.nearest {
            let wants = miss.wants.join(" and ");
            let _ = write!(text, ": rule {} wants {wants}", miss.rule.rule);
        }
        for rule in &denial.rules {
            let _ = write!(text, ": rule {} denies it", rule.rule);
        }
        text.push('\n');
    }
}

fn policy(loaded: &Loaded, policy: &PolicyRef) -> String {
    let mut words = format!("{} {policy}", policy.kind.as_str());
    if let Some((source, place)) = loaded.origin_of(policy) {
        let _ = write!(words, " ({}:{})", source.name, place.line);
    }
    words
}
