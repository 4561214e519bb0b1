//! Traffic that got through, summed by who talks to whom and which rules allow it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::SystemTime;

use foldhash::fast::RandomState;
use netpol_policy::verdict::{Decision, RuleRef};

use crate::flow::{Agreement, Counters, Flow, ObservedVerdict};
use crate::party::Party;

/// Connections that are summed together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    pub(super) source: Party,
    pub(super) destination: Party,
    /// IANA protocol number.
    pub(super) protocol: u8,
    /// Of the destination; 0 where the protocol has none.
    pub(super) port: u16,
    /// What policies say.
    pub(super) decision: Decision,
    pub(super) agreement: Agreement,
    /// Every rule that allows it, those of the source first.
    pub(super) allowed_by: Vec<RuleRef>,
}

impl Group {
    fn of(flow: &Flow) -> Self {
        let verdict = &flow.computed.verdict;
        let directions = [&verdict.egress, &verdict.ingress];
        let rules = directions.into_iter().flat_map(|way| &way.allowed_by);
        Self {
            source: Party::of(&flow.source),
            destination: Party::of(&flow.destination),
            protocol: flow.protocol,
            port: flow.destination.port,
            decision: verdict.decision(),
            agreement: flow.agreement,
            allowed_by: rules.cloned().collect(),
        }
    }
}

/// What was seen of a group in an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// Connections that were first seen to get through.
    pub(super) connections: u64,
    pub(super) forward: Traffic,
    pub(super) reply: Traffic,
    pub(super) first_seen: SystemTime,
    pub(super) last_seen: SystemTime,
}

/// Packets and network-layer bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Traffic {
    fn since(now: Counters, before: Option<Counters>) -> Self {
        let before = before.unwrap_or_default();
        Self {
            // Fewer than before where they come from another interface by now.
            packets: now.packets.saturating_sub(before.packets),
            bytes: now.bytes.saturating_sub(before.bytes),
        }
    }

    fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }
}

impl Sum {
    /// What a revision adds to what the one before it said.
    fn of(flow: &Flow) -> Self {
        let counted = flow.previous.as_ref();
        let counted = counted.filter(|previous| previous.verdict == ObservedVerdict::Forwarded);
        Self {
            connections: u64::from(counted.is_none()),
            forward: Traffic::since(flow.forward, counted.map(|counted| counted.forward)),
            reply: Traffic::since(flow.reply, counted.map(|counted| counted.reply)),
            first_seen: flow.first_seen,
            last_seen: flow.last_seen,
        }
    }

    fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.forward.add(other.forward);
        self.reply.add(other.reply);
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
    }
}

/// The groups of an interval; beyond a bound those that are new are summed together.
#[derive(Debug)]
pub(super) struct Groups {
    most: usize,
    groups: HashMap<Group, Sum, RandomState>,
    rest: Option<Sum>,
}

impl Groups {
    /// None yet, and `most` at once.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            groups: HashMap::default(),
            rest: None,
        }
    }

    /// Takes in a revision of a connection that got through.
    pub(super) fn take(&mut self, flow: &Flow) {
        let sum = Sum::of(flow);
        let is_full = self.groups.len() >= self.most;
        match self.groups.entry(Group::of(flow)) {
            Entry::Occupied(mut known) => known.get_mut().add(sum),
            Entry::Vacant(new) if !is_full => drop(new.insert(sum)),
            Entry::Vacant(_) => match &mut self.rest {
                Some(rest) => rest.add(sum),
                rest => *rest = Some(sum),
            },
        }
    }

    /// Begins anew, and gives what there was: the groups, and what all others come to.
    pub(super) fn drain(&mut self) -> (Vec<(Group, Sum)>, Option<Sum>) {
        // With its memory: another interval may need far less.
        let groups = std::mem::take(&mut self.groups);
        (groups.into_iter().collect(), self.rest.take())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::flow::Previous;
    use crate::testing::{flow, pod_of};

    fn counters(packets: u64) -> Counters {
        Counters {
            packets,
            bytes: packets * 100,
            tcp_flags: 0,
        }
    }

    fn revised(before: (ObservedVerdict, u64), packets: u64) -> Flow {
        let mut flow = flow(1);
        flow.revision = 2;
        flow.forward = counters(packets);
        flow.previous = Some(Previous {
            verdict: before.0,
            forward: counters(before.1),
            reply: Counters::default(),
            was_of_other_ends: false,
        });
        flow
    }

    fn only(groups: &mut Groups) -> Sum {
        let (mut all, rest) = groups.drain();
        assert_eq!((all.len(), rest), (1, None));
        all.remove(0).1
    }

    #[test]
    fn revisions_of_a_connection_count_it_once_and_add_what_is_new() {
        let mut groups = Groups::new(8);
        let mut first = flow(1);
        first.forward = counters(3);
        groups.take(&first);
        groups.take(&revised((ObservedVerdict::Forwarded, 3), 10));
        let sum = only(&mut groups);
        assert_eq!((sum.connections, sum.forward.packets), (1, 10));
        // In the next interval.
        groups.take(&revised((ObservedVerdict::Forwarded, 10), 12));
        let sum = only(&mut groups);
        assert_eq!((sum.connections, sum.forward.bytes), (0, 200));
    }

    #[test]
    fn a_connection_that_gets_through_after_all_counts_in_full() {
        let mut groups = Groups::new(8);
        groups.take(&revised((ObservedVerdict::Unknown, 2), 5));
        let sum = only(&mut groups);
        assert_eq!((sum.connections, sum.forward.packets), (1, 5));
    }

    #[test]
    fn replicas_are_one_party() {
        let replica = |name: &str| {
            let mut flow = flow(1);
            flow.source.identity = pod_of("shop", name, ("Deployment", "web"));
            flow.last_seen = UNIX_EPOCH + Duration::from_secs(name.len() as u64);
            flow
        };
        let mut groups = Groups::new(8);
        groups.take(&replica("web-1"));
        groups.take(&replica("web-12"));
        let sum = only(&mut groups);
        assert_eq!(sum.connections, 2);
        assert_eq!(sum.first_seen, UNIX_EPOCH);
        assert_eq!(sum.last_seen, UNIX_EPOCH + Duration::from_secs(6));
    }

    #[test]
    fn beyond_the_bound_new_groups_are_summed_together() {
        let mut groups = Groups::new(2);
        for port in 1..=5 {
            let mut flow = flow(port.into());
            flow.destination.port = port;
            groups.take(&flow);
            groups.take(&flow);
        }
        let (all, rest) = groups.drain();
        assert_eq!(all.len(), 2);
        assert_eq!(rest.map(|rest| rest.connections), Some(6));
        assert_eq!(groups.drain(), (Vec::new(), None));
    }
}
