//! From history to records.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use netpol_policy::history::rule::Part;
use netpol_policy::history::{
    Edge, EdgeKey, EdgeTotals, Interval, MissingNode, NodeHistory, Party, PodGroup, PolicyRevision,
    Present, RuleKey, RuleUse, UseTotals,
};
use netpol_policy::k8s::write;
use netpol_policy::model::{Labels, NamedPort, Node, Service};

use crate::record::{
    DropRecord, EdgeKeyRecord, EdgeRecord, EdgeTotalsRecord, EntryRecord, GroupRecord,
    IntervalRecord, LossRecord, MissingRecord, NamedPortRecord, NodeRecord, ObjectRecord,
    PartyRecord, PolicyRecord, PortRecord, PresentRecord, ProtocolRecord, Text, UseKeyRecord,
    UseRecord, UseTotalsRecord,
};

/// Makes records, and numbers groups of pods. A group has to be written before the first record that names it: those that
/// are new wait in [`Self::new_groups`].
#[derive(Debug, Default)]
pub struct Encoder {
    numbers: HashMap<Arc<PodGroup>, u64, RandomState>,
    /// The same by address, of the allocations that `numbers` holds: most groups come in these.
    allocations: HashMap<usize, u64, RandomState>,
    next: u64,
    fresh: Vec<(u64, Arc<PodGroup>)>,
}

impl Encoder {
    /// Goes on with the numbers that a store has given already.
    #[must_use]
    pub fn resume(groups: impl IntoIterator<Item = (u64, Arc<PodGroup>)>) -> Self {
        let mut encoder = Self::default();
        for (number, group) in groups {
            // Numbers wrap rather than end: 2^64 groups are never written.
            encoder.next = encoder.next.max(number.wrapping_add(1));
            encoder.insert(&group, number);
        }
        encoder
    }

    /// The number of a group.
    pub fn group(&mut self, group: &Arc<PodGroup>) -> u64 {
        let address = Arc::as_ptr(group).addr();
        let known = self.allocations.get(&address);
        if let Some(number) = known.or_else(|| self.numbers.get(group)) {
            return *number;
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        self.insert(group, number);
        self.fresh.push((number, group.clone()));
        number
    }

    fn insert(&mut self, group: &Arc<PodGroup>, number: u64) {
        if self.numbers.insert(group.clone(), number).is_none() {
            self.allocations.insert(Arc::as_ptr(group).addr(), number);
        }
    }

    /// Groups that were numbered since this was asked last.
    pub fn new_groups(&mut self) -> Vec<(u64, Arc<PodGroup>)> {
        std::mem::take(&mut self.fresh)
    }

    /// Connections of one kind.
    pub fn edge<'a>(&mut self, edge: &'a Edge) -> EdgeRecord<'a> {
        EdgeRecord {
            key: self.edge_key(&edge.key),
            totals: edge_totals(&edge.totals),
        }
    }

    /// What they have in common.
    pub fn edge_key<'a>(&mut self, key: &'a EdgeKey) -> EdgeKeyRecord<'a> {
        EdgeKeyRecord {
            seen_at: key.seen_at,
            source: self.party(&key.source),
            destination: self.party(&key.destination),
            service: key
                .service
                .as_ref()
                .map(|(namespace, name)| format!("{namespace}/{name}").into()),
            protocol: ProtocolRecord(key.protocol),
            port: PortRecord(key.port),
            observed: key.observed,
            drop: key.drop.as_ref().map(|drop| DropRecord {
                reason: (&*drop.reason).into(),
                class: (&*drop.class).into(),
            }),
            computed: key.computed,
            agreement: key.agreement,
            policies: key.policies.iter().map(Into::into).collect(),
        }
    }

    fn party<'a>(&mut self, party: &'a Party) -> PartyRecord<'a> {
        match party {
            Party::Pods(group) => PartyRecord::Pods(self.group(group)),
            Party::Node { name } => PartyRecord::Node((&**name).into()),
            Party::Service { namespace, name } => {
                PartyRecord::Service(format!("{namespace}/{name}").into())
            }
            Party::Outside(block) => PartyRecord::Outside(block.to_string().into()),
            Party::Unknown(block) => PartyRecord::Unknown(block.to_string().into()),
            Party::Many => PartyRecord::Many,
        }
    }

    /// Pods of one group, over time.
    pub fn present<'a>(&mut self, present: &'a Present) -> PresentRecord<'a> {
        let pods = present.pods.iter();
        PresentRecord {
            group: self.group(&present.group),
            pods: pods
                .map(|(node, count)| (Text::from(&**node), *count))
                .collect(),
            first_seen: present.first_seen.into(),
            last_seen: present.last_seen.into(),
        }
    }
}

/// How many connections, how much, when.
#[must_use]
pub fn edge_totals(totals: &EdgeTotals) -> EdgeTotalsRecord {
    // Five hundred years are long enough.
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    EdgeTotalsRecord {
        connections: totals.connections,
        resumed: totals.resumed,
        packets: totals.packets,
        bytes: totals.bytes,
        first_seen: totals.first_seen.into(),
        last_seen: totals.last_seen.into(),
        after_change: totals.after_change,
        longest_after_change_ns: totals.longest_after_change.map(nanoseconds),
    }
}

/// What a part of a policy did.
#[must_use]
pub fn rule_use(from: &RuleUse) -> UseRecord<'_> {
    UseRecord {
        key: use_key(&from.key),
        totals: use_totals(&from.totals),
    }
}

/// A part of a policy.
#[must_use]
pub fn use_key(key: &RuleKey) -> UseKeyRecord<'_> {
    UseKeyRecord {
        policy: (&key.policy).into(),
        fingerprint: format!("{:016x}", key.fingerprint).into(),
        direction: key.direction,
        entry: match key.part {
            Part::Entry { rule, peer, port } => Some(EntryRecord { rule, peer, port }),
            Part::Isolation => None,
        },
    }
}

/// How often and when.
#[must_use]
pub fn use_totals(totals: &UseTotals) -> UseTotalsRecord {
    UseTotalsRecord {
        hits: totals.hits,
        sole: totals.sole,
        resumed: totals.resumed,
        forwarded: totals.forwarded,
        bytes: totals.bytes,
        first_seen: totals.first_seen.into(),
        last_seen: totals.last_seen.into(),
    }
}

/// A group, under its number.
#[must_use]
pub fn group(id: u64, group: &PodGroup) -> GroupRecord<'_> {
    let labels = |labels| Labels::iter(labels).map(|(key, value)| (key.into(), value.into()));
    GroupRecord {
        id,
        namespace: (&*group.namespace).into(),
        namespace_labels: labels(&group.namespace_labels).collect(),
        kind: (&*group.workload.kind).into(),
        name: (&*group.workload.name).into(),
        labels: labels(&group.labels).collect(),
        ports: group.ports.iter().map(named_port).collect(),
        host_network: group.host_network,
    }
}

fn named_port(port: &NamedPort) -> NamedPortRecord<'_> {
    NamedPortRecord {
        name: (&*port.name).into(),
        protocol: ProtocolRecord(port.protocol),
        port: port.port,
    }
}

/// The memory of a node, without its intervals.
#[must_use]
pub fn node(node: &NodeHistory) -> NodeRecord<'_> {
    NodeRecord {
        name: (&*node.name).into(),
        store: (&*node.store).into(),
        read_at: node.read_at.into(),
        dialect: (&*node.dialect).into(),
    }
}

/// A time during which a node watched.
#[must_use]
pub fn interval(interval: &Interval) -> IntervalRecord<'_> {
    IntervalRecord {
        from: interval.from.into(),
        until: interval.until.into(),
        losses: interval
            .losses
            .iter()
            .map(|loss| LossRecord {
                stage: (&*loss.stage).into(),
                reason: (&*loss.reason).into(),
                count: loss.count,
            })
            .collect(),
    }
}

/// A policy, in one of the forms that it had.
#[must_use]
pub fn policy(revision: &PolicyRevision) -> PolicyRecord {
    PolicyRecord {
        manifest: write::policy(&revision.policy),
        since: revision.since.into(),
        until: revision.until.map(Into::into),
    }
}

/// A Node of the cluster.
#[must_use]
pub fn cluster_node(node: &Node) -> ObjectRecord {
    let manifest = write::node(node);
    ObjectRecord { manifest }
}

/// A Service of the cluster.
#[must_use]
pub fn service(service: &Service) -> ObjectRecord {
    let manifest = write::service(service);
    ObjectRecord { manifest }
}

/// A node whose history could not be had.
#[must_use]
pub fn missing(node: &MissingNode) -> MissingRecord<'_> {
    MissingRecord {
        name: node.name.as_str().into(),
        reason: node.reason.as_str().into(),
    }
}
