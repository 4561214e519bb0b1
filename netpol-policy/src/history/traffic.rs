//! Edges added up over nodes and ends: what went on between two parties, each connection once.
//!
//! ```text
//! edges ─► alike in all but node and end ─► Sum ─► ends: what the source's nodes and the destination's know differently
//!                                                   └─► Traffic
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::edge::{Agreement, DropKind, Edge, EdgeTotals, Observed, PolicyName, Port};
use super::ends::{Sum, join};
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
/// connections; the times are of all. The destination's node does not see which Service was dialled, and the source's not
/// what became of a connection that is stopped at the other end: what the two ends tell differently is counted once, as the
/// one tells it that knows more.
#[must_use]
pub fn traffic(history: &History) -> Vec<Traffic> {
    let mut groups = Groups::default();
    let mut places: HashMap<Alike<'_>, usize, RandomState> = HashMap::default();
    let mut sums: Vec<Sum<'_>> = Vec::new();
    for edge in &history.edges {
        let alike = Alike::of(edge, &mut groups);
        let ends = (alike.source, alike.destination);
        let place = *places.entry(alike).or_insert(sums.len());
        match sums.get_mut(place) {
            Some(sum) => sum.add(edge),
            None => sums.push(Sum::of(edge, ends)),
        }
    }
    join(&mut sums);
    sums.into_iter().filter_map(Traffic::of).collect()
}

impl Traffic {
    /// `None` where the other end tells it all.
    fn of(sum: Sum<'_>) -> Option<Self> {
        let key = sum.key().clone();
        let (totals, nodes) = sum.finish()?;
        Some(Self {
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
        })
    }
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
