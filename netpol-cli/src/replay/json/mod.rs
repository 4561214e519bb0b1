//! What was found, as one JSON object; docs/replay.md shows it.

mod permitted;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use netpol_policy::history::PolicyName;
use netpol_policy::replay::{Change, Sum};
use serde::Serialize;

use self::permitted::{Permitted, permitted};
use self::traffic::{Traffic, traffic};
use super::fail::Kind;
use super::found::Found;
use super::sentences;
use crate::proposed::NotEvaluated;
use crate::traffic::time;

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
struct Evidence<'a> {
    /// Why nothing can be concluded; empty where something can.
    insufficient: Vec<String>,
    /// `null` where no node watched.
    window: Option<Window>,
    /// How much of the window was watched, over all nodes with a history, in percent.
    percent: u64,
    /// How long each node watched, in seconds.
    watched_seconds: BTreeMap<&'a str, u64>,
    losses: Vec<Loss<'a>>,
    missing: Vec<Missing<'a>>,
    without_history: Vec<&'a str>,
    not_evaluated: Vec<&'a str>,
    /// Those of them that are a finding of the kind `unknown`.
    not_evaluated_changes: Vec<&'a str>,
    /// Policies that change and select nobody known.
    select_nobody: Vec<Policy<'a>>,
    /// What the manifests label otherwise, where labels of then were asked about.
    relabelled: &'a BTreeSet<String>,
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

fn names(policies: &[NotEvaluated]) -> Vec<&str> {
    policies.iter().map(|one| &*one.policy).collect()
}

fn policy(policy: &PolicyName) -> Policy<'_> {
    Policy {
        kind: policy.kind.as_str(),
        namespace: &policy.namespace,
        name: &policy.name,
    }
}

fn sum(sum: &Sum) -> SumJson {
    SumJson {
        connections: sum.connections,
        resumed: sum.resumed,
        bytes: sum.bytes,
    }
}

fn evidence<'a>(found: &'a Found<'_>) -> Evidence<'a> {
    let basis = &found.basis;
    let evidence = &basis.evidence;
    let watched = evidence.watched.iter();
    Evidence {
        insufficient: found.insufficient(),
        window: evidence.window.map(|(from, until)| Window {
            from: time(from),
            until: time(until),
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
        without_history: basis.without_history.iter().map(|name| &**name).collect(),
        not_evaluated: names(found.proposed.not_evaluated()),
        not_evaluated_changes: names(&found.not_evaluated),
        select_nobody: basis.select_nobody.iter().map(policy).collect(),
        relabelled: &basis.relabelled,
        labels: if found.arguments.labels_now {
            "now"
        } else {
            "flow-time"
        },
        sentences: sentences::evidence(found),
    }
}
