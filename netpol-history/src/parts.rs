//! Memories of nodes, out of the lines of a file: an interval, an edge or a use belongs to the `node` line before it.
//!
//! ```text
//! node ─► interval ... ─► edge, use ...      of this node
//! node ─► ...                                of the next one
//! policy, present, object, missing           of the cluster, wherever they stand
//! ```
//!
//! A line that cannot be used may have been a `node` line. What follows is never given to the node before: rather less is
//! known of one node than something false of another.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, Hash};
use std::sync::Arc;

use foldhash::fast::RandomState;
use netpol_policy::history::{History, Loss, MissingNode, with_the_latest};

use crate::decode::{self, DecodeError, Decoder};
use crate::manifest::{self, ClusterObject};
use crate::record::{NodeRecord, Record};

/// More than a node sees of one kind in its life, and few enough that sums over all lines of a file never overflow.
const MOST_CONNECTIONS: u64 = 1 << 40;
const NO_NODE: &str = "stands before any node";

/// What lines have told so far.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    decoder: Decoder,
    /// Of one node each.
    parts: Vec<History>,
    /// Of the cluster.
    shared: History,
    place: Place,
    /// Of the file, from 1.
    line: u64,
    /// Hashes of what was counted on this node: a line that stands twice is counted once. Of the 50,000 lines of a node, two
    /// that differ have the same one in one file of ten billion.
    counted: HashSet<u64, RandomState>,
    hasher: RandomState,
    /// Lines about the cluster that could not be used.
    of_cluster: u64,
}

/// Whose the next interval, edge or use is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Nobody's: there was no `node` line yet.
    #[default]
    BeforeAnyNode,
    /// That of the latest node, whose intervals stand here.
    Intervals,
    /// That of the latest node, whose intervals have all been told.
    Counts,
    /// That of a node whose own line could not be read.
    UnknownNode,
}

impl Parts {
    /// Takes in what a line tells.
    ///
    /// # Errors
    /// Why it cannot be used. The caller tells [`Self::damaged`].
    pub(crate) fn record(&mut self, line: u64, record: &Record<'_>) -> Result<(), String> {
        self.line = line;
        let text = |error: DecodeError| error.to_string();
        match record {
            Record::Header(_) => return Err("a second header".to_owned()),
            Record::Node(node) => self.node(node)?,
            Record::Interval(interval) => {
                self.enter(Place::Intervals)?;
                let interval = self.decoder.interval(interval);
                if interval.until < interval.from {
                    return Err("until: before it began".to_owned());
                }
                let nodes = self.parts.last_mut().into_iter();
                nodes
                    .flat_map(|part| &mut part.nodes)
                    .for_each(|node| node.intervals.push(interval.clone()));
            }
            Record::Group(group) => {
                self.decoder.group(group).map_err(text)?;
            }
            Record::Edge(edge) => {
                self.enter(Place::Counts)?;
                let totals = &edge.totals;
                credible([totals.connections, totals.resumed, totals.after_change])?;
                self.once(&edge.key)?;
                let (part, node) = latest(&mut self.parts)?;
                let edge = self.decoder.edge(&node, edge).map_err(text)?;
                part.edges.push(edge);
            }
            Record::Use(one) => {
                self.enter(Place::Counts)?;
                let totals = &one.totals;
                credible([totals.hits, totals.sole, totals.resumed, totals.forwarded])?;
                self.once(&one.key)?;
                let (part, node) = latest(&mut self.parts)?;
                let one = self.decoder.rule_use(&node, one).map_err(text)?;
                part.uses.push(one);
            }
            Record::Policy(policy) => {
                let revision = manifest::policy(policy).map_err(text)?;
                self.shared.policies.push(revision);
            }
            Record::Present(present) => {
                let present = self.decoder.present(present).map_err(text)?;
                self.shared.population.push(present);
            }
            Record::Object(object) => match manifest::object(object).map_err(text)? {
                ClusterObject::Node(node) => self.shared.cluster.push(node),
                ClusterObject::Service(service) => self.shared.services.push(service),
            },
            Record::Missing(node) => self.shared.missing.push(decode::missing(node)),
            // The reader's.
            Record::End(_) => {}
        }
        Ok(())
    }

    fn node(&mut self, node: &NodeRecord<'_>) -> Result<(), String> {
        if node.name.is_empty() {
            return Err("name: empty".to_owned());
        }
        let node = self.decoder.node(node);
        self.parts.push(History {
            nodes: vec![node],
            ..History::default()
        });
        self.place = Place::Intervals;
        self.counted.clear();
        Ok(())
    }

    /// A line that belongs to the latest node, at this place of it.
    fn enter(&mut self, place: Place) -> Result<(), &'static str> {
        match (self.place, place) {
            (Place::BeforeAnyNode, _) => Err(NO_NODE),
            (Place::UnknownNode, _) => Err("belongs to a node that cannot be told"),
            (Place::Counts, Place::Intervals) => {
                self.lose_node();
                Err("does not stand right after its node")
            }
            _ => {
                self.place = place;
                Ok(())
            }
        }
    }

    /// From here on lines are of a node whose own line is not known.
    fn lose_node(&mut self) {
        self.place = Place::UnknownNode;
        let line = self.line;
        self.missing(format!("the node of line {line} cannot be read"));
    }

    fn once(&mut self, key: &impl Hash) -> Result<(), &'static str> {
        match self.counted.insert(self.hasher.hash_one(key)) {
            true => Ok(()),
            false => Err("told before, and counted once"),
        }
    }

    /// A line that cannot be used: less is known of the node than it watched. `record` is what it is, where that can be told.
    pub(crate) fn damaged(&mut self, line: u64, record: Option<&str>) {
        self.line = line;
        match record {
            Some("policy" | "present" | "object") => self.of_cluster += 1,
            Some("node") => self.lose_node(),
            // It may have been the line of another node, whose intervals come next.
            None if self.place == Place::Intervals => self.place = Place::Counts,
            _ => {}
        }
        if let Some(part) = self.parts.last_mut() {
            lose_a_line(part);
        }
    }

    /// Something is wrong, and it may be of any node.
    pub(crate) fn damaged_somewhere(&mut self) {
        self.parts.iter_mut().for_each(lose_a_line);
    }

    /// A node is missing whose name is not known.
    pub(crate) fn missing(&mut self, reason: String) {
        let name = String::new();
        self.shared.missing.push(MissingNode { name, reason });
    }

    /// The memories, each a history of its own. What is of the cluster is with the latest.
    pub(crate) fn finish(mut self) -> Vec<History> {
        if self.of_cluster > 0 {
            let lines = self.of_cluster;
            self.missing(format!(
                "{lines} lines about policies, pods, nodes or Services cannot be read"
            ));
        }
        with_the_latest(self.parts, self.shared)
    }
}

fn credible<const N: usize>(counts: [u64; N]) -> Result<(), &'static str> {
    match counts.into_iter().all(|count| count <= MOST_CONNECTIONS) {
        true => Ok(()),
        false => Err("more than 2^40 connections"),
    }
}

/// What the latest node line began.
fn latest(parts: &mut [History]) -> Result<(&mut History, Arc<str>), &'static str> {
    let part = parts.last_mut().ok_or(NO_NODE)?;
    let node = part.nodes.first().ok_or(NO_NODE)?.name.clone();
    Ok((part, node))
}

fn lose_a_line(part: &mut History) {
    let nodes = part.nodes.iter_mut();
    for interval in nodes.filter_map(|node| node.intervals.last_mut()) {
        // The last one, if any: it was put there.
        let last = interval.losses.last_mut();
        match last.filter(|loss| loss.is_unreadable_line()) {
            Some(loss) => loss.count = loss.count.saturating_add(1),
            None => {
                let (stage, reason) = Loss::UNREADABLE_LINE;
                interval.losses.push(Loss {
                    stage: stage.into(),
                    reason: reason.into(),
                    count: 1,
                });
            }
        }
    }
}
