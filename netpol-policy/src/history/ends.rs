//! The two ends of connections, where the one knows what the other does not.
//!
//! | | source's node | destination's node |
//! |---|---|---|
//! | the Service that was dialled | known | translated before it comes there |
//! | stopped at the destination | no answer came | known |
//! | nobody answers | no answer came | it arrived |
//!
//! So a connection may be counted under one key at the one end and under another at the other. Of the two keys, what either
//! end counts beyond the other is matched, and stays with the key that says more.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::edge::{Edge, EdgeKey, EdgeTotals, Observed, PolicyName, Port, SeenAt};
use super::interned::PartyId;
use crate::model::Protocol;
use crate::verdict::Decision;

/// So many pairs of keys are compared, of one source and destination. There are a handful, unless somebody makes them up.
const MOST_PAIRS: usize = 4096;

/// What was counted under one key, by end.
pub(super) struct Sum<'a> {
    first: &'a Edge,
    ends: (PartyId<'a>, PartyId<'a>),
    nodes: Vec<&'a Arc<str>>,
    source: Option<EdgeTotals>,
    destination: Option<EdgeTotals>,
    both: Option<EdgeTotals>,
}

impl<'a> Sum<'a> {
    pub(super) fn of(edge: &'a Edge, ends: (PartyId<'a>, PartyId<'a>)) -> Self {
        let mut sum = Self {
            first: edge,
            ends,
            nodes: Vec::new(),
            source: None,
            destination: None,
            both: None,
        };
        sum.add(edge);
        sum
    }

    pub(super) fn add(&mut self, edge: &'a Edge) {
        self.seen_by(&edge.key.node);
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

    pub(super) fn key(&self) -> &'a EdgeKey {
        &self.first.key
    }

    fn seen_by(&mut self, node: &'a Arc<str>) {
        if let Err(place) = self.nodes.binary_search(&node) {
            self.nodes.insert(place, node);
        }
    }

    /// What the one end counted beyond the other, and which.
    fn surplus(&self) -> Option<(SeenAt, EdgeTotals)> {
        let (end, more, less) = match (&self.source, &self.destination) {
            (None, None) => return None,
            (Some(source), None) => (SeenAt::Source, source, None),
            (None, Some(destination)) => (SeenAt::Destination, destination, None),
            (Some(source), Some(destination)) if size(source) < size(destination) => {
                (SeenAt::Destination, destination, Some(source))
            }
            (Some(source), Some(destination)) => (SeenAt::Source, source, Some(destination)),
        };
        let mut surplus = more.clone();
        if let Some(less) = less {
            take_away(&mut surplus, less);
        }
        (!is_nothing(&surplus)).then_some((end, surplus))
    }

    /// Takes away what `other` tells too.
    fn leave_to(&mut self, end: SeenAt, told: &EdgeTotals, other: &mut Self) {
        for node in &self.nodes {
            other.seen_by(node);
        }
        let (own, others) = match end {
            SeenAt::Source => (&mut self.source, &mut other.destination),
            _ => (&mut self.destination, &mut other.source),
        };
        let Some(totals) = own else { return };
        take_away(totals, told);
        if is_nothing(totals)
            && let Some(others) = others
        {
            others.first_seen = others.first_seen.min(totals.first_seen);
            others.last_seen = others.last_seen.max(totals.last_seen);
            *own = None;
        }
    }

    /// Each connection once, and who saw them, in order of name; `None` where nothing is left.
    pub(super) fn finish(self) -> Option<(EdgeTotals, Vec<Arc<str>>)> {
        let (more, less) = match (self.source, self.destination) {
            (Some(source), Some(destination)) if size(&source) < size(&destination) => {
                (Some(destination), Some(source))
            }
            (Some(source), destination) => (Some(source), destination),
            (None, destination) => (destination, None),
        };
        let mut totals = match (self.both, more) {
            (Some(mut both), Some(more)) => {
                both.add(&more);
                both
            }
            (both, more) => both.or(more)?,
        };
        if let Some(less) = less {
            totals.first_seen = totals.first_seen.min(less.first_seen);
            totals.last_seen = totals.last_seen.max(less.last_seen);
        }
        Some((totals, self.nodes.into_iter().cloned().collect()))
    }
}

/// Counts once what the two ends count under different keys.
pub(super) fn join(sums: &mut [Sum<'_>]) {
    let mut alike: HashMap<Alike<'_>, Vec<usize>, RandomState> = HashMap::default();
    for (index, sum) in sums.iter().enumerate() {
        if sum.source.is_some() || sum.destination.is_some() {
            alike.entry(Alike::of(sum)).or_default().push(index);
        }
    }
    for keys in alike.into_values().filter(|keys| keys.len() > 1) {
        let of_end = |sums: &[Sum<'_>], end: SeenAt| -> Vec<usize> {
            let surplus = |index: usize| Some(sums.get(index)?.surplus()?.0);
            let keys = keys.iter().copied();
            keys.filter(|index| surplus(*index) == Some(end)).collect()
        };
        let sources = of_end(sums, SeenAt::Source);
        let destinations = of_end(sums, SeenAt::Destination);
        if sources.len().saturating_mul(destinations.len()) > MOST_PAIRS {
            continue;
        }
        for knows in [Knows::Service, Knows::Outcome] {
            for source in &sources {
                for destination in &destinations {
                    if let Ok([source, destination]) =
                        sums.get_disjoint_mut([*source, *destination])
                    {
                        pair(source, destination, knows);
                    }
                }
            }
        }
    }
}

/// What the one end may know and the other not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knows {
    Service,
    Outcome,
}

fn pair<'a>(source: &mut Sum<'a>, destination: &mut Sum<'a>, knows: Knows) {
    let (one, other) = (source.key(), destination.key());
    let is_same =
        (one.observed, &one.drop, one.agreement) == (other.observed, &other.drop, other.agreement);
    // Which of them says less.
    let end = match knows {
        Knows::Service if is_same && one.service.is_some() && other.service.is_none() => {
            SeenAt::Destination
        }
        Knows::Outcome if other.service.is_some() && one.service != other.service => return,
        Knows::Outcome if knowledge(one) < knowledge(other) => SeenAt::Source,
        Knows::Outcome if knowledge(other) < knowledge(one) => SeenAt::Destination,
        _ => return,
    };
    let (Some((SeenAt::Source, sent)), Some((SeenAt::Destination, arrived))) =
        (source.surplus(), destination.surplus())
    else {
        return;
    };
    let told = if size(&sent) < size(&arrived) {
        sent
    } else {
        arrived
    };
    match end {
        SeenAt::Source => source.leave_to(end, &told, destination),
        _ => destination.leave_to(end, &told, source),
    }
}

/// How much is known of what became of connections: what is stopped at the other end looks unanswered, or refused by nobody.
fn knowledge(key: &EdgeKey) -> u8 {
    let has_reason = key
        .drop
        .as_ref()
        .is_some_and(|drop| !drop.reason.is_empty());
    match key.observed {
        Observed::Unknown => 0,
        Observed::Unanswered => 1,
        Observed::Dropped | Observed::Rejected if !has_reason => 2,
        Observed::Forwarded | Observed::Dropped | Observed::Rejected => 3,
    }
}

/// What both ends know alike.
#[derive(PartialEq, Eq, Hash)]
struct Alike<'a> {
    ends: (PartyId<'a>, PartyId<'a>),
    protocol: Protocol,
    port: Port,
    computed: Decision,
    policies: &'a [PolicyName],
}

impl<'a> Alike<'a> {
    fn of(sum: &Sum<'a>) -> Self {
        let key = sum.key();
        Self {
            ends: sum.ends,
            protocol: key.protocol,
            port: key.port,
            computed: key.computed,
            policies: &key.policies,
        }
    }
}

fn size(totals: &EdgeTotals) -> (u64, u64, u64) {
    let connections = totals.connections.saturating_add(totals.resumed);
    (connections, totals.connections, totals.bytes)
}

fn is_nothing(totals: &EdgeTotals) -> bool {
    totals.connections == 0 && totals.resumed == 0
}

fn take_away(totals: &mut EdgeTotals, less: &EdgeTotals) {
    // What one end saw from the opening on, the other may have seen from its middle on.
    let mut left = less.connections.saturating_add(less.resumed);
    let mut take = |count: &mut u64, most: u64| {
        let taken = (*count).min(most).min(left);
        *count -= taken;
        left -= taken;
    };
    take(&mut totals.connections, less.connections);
    take(&mut totals.resumed, u64::MAX);
    take(&mut totals.connections, u64::MAX);
    totals.packets = totals.packets.saturating_sub(less.packets);
    totals.bytes = totals.bytes.saturating_sub(less.bytes);
    totals.after_change = totals.after_change.saturating_sub(less.after_change);
    if totals.after_change == 0 {
        totals.longest_after_change = None;
    }
}

#[cfg(test)]
mod tests;
