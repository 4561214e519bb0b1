//! What is in a history, by node.

use std::collections::BTreeMap;
use std::io;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use netpol_policy::history::{History, Loss, MissingNode};
use serde::Serialize;

use crate::page::Page;
use crate::status::page::age;
use crate::text::counted;

/// What is in a history.
#[derive(Debug, Serialize)]
pub(crate) struct Contents {
    nodes: Vec<Node>,
    missing: Vec<Missing>,
    policies: usize,
    workloads: usize,
}

/// What one store of a node holds.
#[derive(Debug, Serialize)]
struct Node {
    name: String,
    store: String,
    read_at: String,
    /// From the first moment that it watched to the last; unset where it never did.
    from: Option<String>,
    until: Option<String>,
    /// How long it watched in between.
    watched_seconds: i64,
    intervals: usize,
    losses: Vec<Lost>,
    edges: usize,
    /// Parts of policies that were seen to match.
    rules: usize,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Lost {
    stage: String,
    reason: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Missing {
    node: String,
    reason: String,
}

impl Contents {
    /// Of histories of one store each.
    pub(crate) fn of(parts: &[History]) -> Self {
        let nodes = parts.iter().flat_map(|part| {
            let nodes = part.nodes.iter();
            nodes.map(|node| {
                let intervals = &node.intervals;
                let watched = intervals
                    .iter()
                    .map(|one| between(one.from, one.until).as_secs());
                let losses = intervals.iter().flat_map(|one| &one.losses);
                Node {
                    name: node.name.to_string(),
                    store: node.store.to_string(),
                    read_at: second(node.read_at),
                    from: intervals.iter().map(|one| one.from).min().map(second),
                    until: intervals.iter().map(|one| one.until).max().map(second),
                    watched_seconds: watched.fold(0, i64::saturating_add),
                    intervals: intervals.len(),
                    losses: sum(losses),
                    edges: part.edges.len(),
                    rules: part.uses.len(),
                }
            })
        });
        let mut nodes: Vec<Node> = nodes.collect();
        nodes.sort_by(|one, other| (&one.name, &one.read_at).cmp(&(&other.name, &other.read_at)));
        let missing = parts.iter().flat_map(|part| &part.missing);
        let missing = missing.map(|MissingNode { name, reason }| Missing {
            node: name.clone(),
            reason: reason.clone(),
        });
        let policies = parts.iter().flat_map(|part| &part.policies);
        Self {
            nodes,
            missing: missing.collect(),
            policies: policies.filter(|one| one.until.is_none()).count(),
            workloads: parts.iter().map(|part| part.population.len()).sum(),
        }
    }

    pub(crate) fn json(&self) -> io::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// `width`: columns of the terminal; `None` where lines are never broken.
    pub(crate) fn text(&self, width: Option<usize>) -> String {
        let mut page = Page::new(width);
        let rows: Vec<Vec<String>> = self.nodes.iter().map(row).collect();
        if !rows.is_empty() {
            page.table(&HEADINGS, &rows, |_| false);
        }
        for node in &self.missing {
            page.line(&match node.node.as_str() {
                "" => format!("! {}", node.reason),
                name => format!("! no history of {name}: {}", node.reason),
            });
        }
        page.line(&self.line());
        page.text()
    }

    /// All in one line.
    pub(crate) fn line(&self) -> String {
        let edges: usize = self.nodes.iter().map(|node| node.edges).sum();
        let rules: usize = self.nodes.iter().map(|node| node.rules).sum();
        format!(
            "{}, {}, {} that matched, {} in force, {}",
            counted(self.nodes.len(), "node", "nodes"),
            counted(edges, "edge", "edges"),
            counted(rules, "part of policies", "parts of policies"),
            counted(self.policies, "policy", "policies"),
            counted(self.workloads, "set of pods", "sets of pods"),
        )
    }
}

const HEADINGS: [&str; 7] = ["NODE", "WATCHED", "EDGES", "RULES", "FROM", "UNTIL", "LOST"];

fn row(node: &Node) -> Vec<String> {
    let or_never = |time: &Option<String>| time.clone().unwrap_or_else(|| "never".to_owned());
    let losses: Vec<String> = node
        .losses
        .iter()
        .map(|one| {
            format!(
                "{} {} {}",
                one.count,
                one.stage,
                one.reason.replace('_', " ")
            )
        })
        .collect();
    vec![
        node.name.clone(),
        age(SignedDuration::from_secs(node.watched_seconds)),
        node.edges.to_string(),
        node.rules.to_string(),
        or_never(&node.from),
        or_never(&node.until),
        match losses.as_slice() {
            [] => "nothing".to_owned(),
            losses => losses.join(", "),
        },
    ]
}

/// In UTC, to the second.
fn second(time: SystemTime) -> String {
    format!("{:.0}", moment(time))
}

/// The nearest that can be written.
pub(crate) fn moment(time: SystemTime) -> Timestamp {
    let nearest = if time < SystemTime::UNIX_EPOCH {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::try_from(time).unwrap_or(nearest)
}

/// Nothing where the clock went backwards.
fn between(from: SystemTime, until: SystemTime) -> SignedDuration {
    let watched = until.duration_since(from).unwrap_or_default();
    SignedDuration::try_from(watched).unwrap_or(SignedDuration::MAX)
}

fn sum<'a>(losses: impl Iterator<Item = &'a Loss>) -> Vec<Lost> {
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for loss in losses {
        let count = counts.entry((&loss.stage, &loss.reason)).or_default();
        *count = count.saturating_add(loss.count);
    }
    counts
        .into_iter()
        .map(|((stage, reason), count)| Lost {
            stage: stage.to_owned(),
            reason: reason.to_owned(),
            count,
        })
        .collect()
}
