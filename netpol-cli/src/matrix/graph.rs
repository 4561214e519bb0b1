//! A matrix as nodes and edges, for the formats that draw.

use std::collections::{BTreeMap, HashMap};

use netpol_policy::matrix::{Access, Cell, Party};

use super::args::Show;
use super::{Shown, words};
use crate::text::clean;

/// What is drawn.
pub(super) struct Graph {
    /// Nodes by namespace; the empty one holds the outside world.
    pub(super) clusters: BTreeMap<String, Vec<Node>>,
    /// In order of their source.
    pub(super) edges: Vec<Edge>,
}

/// A party.
pub(super) struct Node {
    /// `n0`, `n1`…: safe in every format.
    pub(super) id: String,
    /// Without control characters, not escaped.
    pub(super) label: String,
}

/// A pair.
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) label: String,
    pub(super) line: Line,
}

/// How an edge is drawn; the label says the same in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Allowed,
    Undecided,
    Denied,
}

impl Graph {
    pub(super) fn of(shown: &Shown<'_>) -> Self {
        let mut ids: HashMap<String, String> = HashMap::new();
        let mut clusters: BTreeMap<String, Vec<Node>> = BTreeMap::new();
        for (index, party) in shown.parties().into_iter().enumerate() {
            let id = format!("n{index}");
            ids.insert(party.to_string(), id.clone());
            let cluster = clean(party.namespace()).into_owned();
            let label = clean(&label(party)).into_owned();
            clusters
                .entry(cluster)
                .or_default()
                .push(Node { id, label });
        }
        let id = |party: &Party| ids.get(&party.to_string()).cloned().unwrap_or_default();
        let edges = shown.pairs().map(|(from, to, cell)| {
            let (label, line) = drawn(cell, shown.show);
            Edge {
                from: id(from),
                to: id(to),
                label,
                line,
            }
        });
        let edges = edges.collect();
        Self { clusters, edges }
    }
}

/// The name with its kind; the namespace stands around it.
fn label(party: &Party) -> String {
    match party {
        Party::Pods(pods) => match &pods.kind {
            Some(kind) => format!("{} ({kind})", party.short_name()),
            None => party.short_name(),
        },
        Party::Outside(outside) => outside.to_string(),
    }
}

fn drawn(cell: &Cell, show: Show) -> (String, Line) {
    if show == Show::Denied || cell.access() == Access::None {
        return (format!("denied: {}", words::denied(cell)), Line::Denied);
    }
    let line = match cell.access() {
        Access::Undecided => Line::Undecided,
        Access::All | Access::Part | Access::None => Line::Allowed,
    };
    (words::allowed(cell), line)
}
