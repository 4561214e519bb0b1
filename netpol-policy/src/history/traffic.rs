//! Edges added up over nodes and ends: what went on between two parties, each connection once.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::edge::{Agreement, DropKind, Edge, EdgeTotals, Observed, PolicyName, Port, SeenAt};
use super::interned::{Groups, PartyId};
use super::{History, Party};
use crate::model::Protocol;
use crate::verdict::Decision;

/// Connections of one kind, whoever saw them. The fields are those of [`super::EdgeKey`].
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    /// Who opened them.
    pub source: Party,
    /// Who was reached.
    pub destination: Party,
    /// Namespace and name of the Service that was dialled, where there was one.
    pub service: Option<(Arc<str>, Arc<str>)>,
    /// Protocol.
    pub protocol: Protocol,
    /// Port at the destination.
    pub port: Port,
    /// What the kernel was seen to do.
    pub observed: Observed,
    /// Why it was dropped, where it was.
    pub drop: Option<DropKind>,
    /// What policies said at that time.
    pub computed: Decision,
    /// The two compared.
    pub agreement: Agreement,
    /// The policies behind what they said.
    pub policies: Vec<PolicyName>,
    /// How many, how much, when; each connection counted once.
    pub totals: EdgeTotals,
    /// Who saw them, in order of name.
    pub nodes: Vec<Arc<str>>,
}

/// All traffic of a history, in the order in which edges name it first.
///
/// Of edges that differ in node and end alone, the counts are those at both ends plus those of the end that saw more
/// connections; the times are of all.
#[must_use]
pub fn traffic(history: &History) -> Vec<Traffic> {
    let mut groups = Groups::default();
    let mut places: HashMap<Alike<'_>, usize, RandomState> = HashMap::default();
    let mut sums: Vec<Sum<'_>> = Vec::new();
    for edge in &history.edges {
        let place = *places
            .entry(Alike::of(edge, &mut groups))
            .or_insert(sums.len());
        match sums.get_mut(place) {
            Some(sum) => sum.add(edge),
            None => sums.push(Sum::of(edge)),
        }
    }
    sums.into_iter().map(Sum::finish).collect()
}

/// What edges of the same traffic have in common.
#[derive(PartialEq, Eq, Hash)]
struct Alike<'a> {
    source: PartyId<'a>,
    destination: PartyId<'a>,
    service: Option<&'a (Arc<str>, Arc<str>)>,
    protocol: Protocol,
    port: Port,
    observed: Observed,
    drop: Option<&'a DropKind>,
    computed: Decision,
    agreement: Agreement,
    policies: &'a [PolicyName],
}

impl<'a> Alike<'a> {
    fn of(edge: &'a Edge, groups: &mut Groups<'a>) -> Self {
        let key = &edge.key;
        Self {
            source: groups.party(&key.source),
            destination: groups.party(&key.destination),
            service: key.service.as_ref(),
            protocol: key.protocol,
            port: key.port,
            observed: key.observed,
            drop: key.drop.as_ref(),
            computed: key.computed,
            agreement: key.agreement,
            policies: &key.policies,
        }
    }
}

/// Totals by end.
struct Sum<'a> {
    first: &'a Edge,
    nodes: Vec<&'a Arc<str>>,
    source: Option<EdgeTotals>,
    destination: Option<EdgeTotals>,
    both: Option<EdgeTotals>,
}

impl<'a> Sum<'a> {
    fn of(edge: &'a Edge) -> Self {
        let mut sum = Self {
            first: edge,
            nodes: Vec::new(),
            source: None,
            destination: None,
            both: None,
        };
        sum.add(edge);
        sum
    }

    fn add(&mut self, edge: &'a Edge) {
        if !self.nodes.contains(&&edge.key.node) {
            self.nodes.push(&edge.key.node);
        }
        let end = match edge.key.seen_at {
            SeenAt::Source => &mut self.source,
            SeenAt::Destination => &mut self.destination,
            SeenAt::Both => &mut self.both,
        };
        match end {
            Some(totals) => totals.add(&edge.totals),
            None => *end = Some(edge.totals.clone()),
        }
    }

    fn finish(self) -> Traffic {
        let (more, less) = match (self.source, self.destination) {
            (Some(source), Some(destination)) => {
                let size = |totals: &EdgeTotals| {
                    let connections = totals.connections.saturating_add(totals.resumed);
                    (connections, totals.connections, totals.bytes)
                };
                if size(&source) < size(&destination) {
                    (Some(destination), Some(source))
                } else {
                    (Some(source), Some(destination))
                }
            }
            (source, destination) => (source.or(destination), None),
        };
        // `add` was called once at least, so one of the three is there; the edge's own totals are that same one.
        let mut totals = match (self.both, more) {
            (Some(mut both), Some(more)) => {
                both.add(&more);
                both
            }
            (both, more) => both.or(more).unwrap_or_else(|| self.first.totals.clone()),
        };
        if let Some(less) = less {
            totals.first_seen = totals.first_seen.min(less.first_seen);
            totals.last_seen = totals.last_seen.max(less.last_seen);
        }
        let mut nodes: Vec<Arc<str>> = self.nodes.into_iter().cloned().collect();
        nodes.sort_unstable();
        let key = self.first.key.clone();
        Traffic {
            source: key.source,
            destination: key.destination,
            service: key.service,
            protocol: key.protocol,
            port: key.port,
            observed: key.observed,
            drop: key.drop,
            computed: key.computed,
            agreement: key.agreement,
            policies: key.policies,
            totals,
            nodes,
        }
    }
}
