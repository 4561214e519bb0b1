//! What one revision of a connection says of the edge and of the parts of policies that it counts for.

use std::sync::Arc;

use netpol_policy::history::edge::{DropKind, Observed, PolicyName, Port, SeenAt};
use netpol_policy::history::{EdgeKey, EdgeTotals, Party};
use netpol_policy::model::{Cidr, Protocol};
use netpol_policy::verdict::{Decision, Direction, Verdict};

use super::doubt::{agreement, is_perhaps_refused_elsewhere};
use super::groups::Groups;
use crate::flow::{self, DropClass, Endpoint, Flow, Identity, ObservedVerdict};
use crate::inventory::Snapshot;

/// What a revision is read with.
pub(super) struct Reader<'a> {
    pub(super) node: &'a Arc<str>,
    pub(super) groups: &'a mut Groups,
    pub(super) snapshot: &'a Snapshot,
}

impl Reader<'_> {
    /// What a connection has in common with others.
    pub(super) fn key(&mut self, flow: &Flow) -> EdgeKey {
        let protocol = Protocol::from_ip_number(flow.protocol);
        let verdict = &flow.computed.verdict;
        let service = flow.service.as_ref();
        let service = service.and_then(|address| address.service.as_ref());
        EdgeKey {
            node: self.node.clone(),
            seen_at: self.seen_at(flow),
            source: self.party(&flow.source),
            destination: self.party(&flow.destination),
            service: service.map(|service| (service.namespace.clone(), service.name.clone())),
            protocol,
            port: if protocol.is_defined() {
                Port::One(flow.destination.port)
            } else {
                Port::None
            },
            observed: observed(flow),
            drop: drop_kind(&flow.observed),
            computed: verdict.decision(),
            agreement: agreement(flow, self.snapshot),
            policies: policies(verdict),
        }
    }

    /// Whether an end is a pod of this node: it was seen at its interface, or is known to run here.
    pub(super) fn is_local(&self, flow: &Flow, direction: Direction) -> bool {
        let end = match direction {
            Direction::Egress => &flow.source,
            Direction::Ingress => &flow.destination,
        };
        let runs_here = |end: &Endpoint| {
            let pod = end.pod().filter(|pod| !pod.host_network);
            pod.is_some_and(|pod| pod.node.as_ref() == Some(self.node))
        };
        was_seen(flow, direction) || runs_here(end)
    }

    fn seen_at(&self, flow: &Flow) -> SeenAt {
        let seen = |direction| was_seen(flow, direction);
        match (seen(Direction::Egress), seen(Direction::Ingress)) {
            (true, true) => SeenAt::Both,
            (true, false) => SeenAt::Source,
            (false, true) => SeenAt::Destination,
            // Nothing but its drop was seen.
            (false, false) if self.is_local(flow, Direction::Egress) => SeenAt::Source,
            (false, false) => SeenAt::Destination,
        }
    }

    fn party(&mut self, end: &Endpoint) -> Party {
        let block = Cidr::from(ipnet::IpNet::from(end.address));
        match &end.identity {
            Identity::Pod { pod, workload, .. } => {
                let labels = self.snapshot.inventory().namespace_labels(&pod.namespace);
                Party::Pods(self.groups.of(pod, workload.as_ref(), &labels))
            }
            Identity::Node { node } => Party::Node {
                name: node.name.clone(),
            },
            Identity::Service { service } => Party::Service {
                namespace: service.namespace.clone(),
                name: service.name.clone(),
            },
            Identity::World => Party::Outside(block),
            Identity::Unknown => Party::Unknown(block),
        }
    }
}

/// What a connection alone comes to.
pub(super) fn share(flow: &Flow) -> EdgeTotals {
    let opened = u64::from(!flow.mid_stream);
    // That of a connection which was open already came long after its opening.
    let after_change = flow.computed.changed_before.filter(|_| opened == 1);
    EdgeTotals {
        connections: opened,
        resumed: 1 - opened,
        packets: flow.forward.packets + flow.reply.packets,
        bytes: flow.forward.bytes + flow.reply.bytes,
        first_seen: flow.first_seen,
        last_seen: flow.last_seen.max(flow.first_seen),
        after_change: u64::from(after_change.is_some()),
        longest_after_change: after_change,
    }
}

pub(super) fn was_seen(flow: &Flow, direction: Direction) -> bool {
    let mut vantages = flow.vantages.iter();
    vantages.any(|vantage| vantage.direction == direction)
}

fn observed(flow: &Flow) -> Observed {
    let is_denied = flow.computed.verdict.decision() == Decision::Denied;
    match flow.observed.verdict {
        ObservedVerdict::Forwarded if is_denied && is_perhaps_refused_elsewhere(flow) => {
            Observed::Unknown
        }
        ObservedVerdict::Forwarded => Observed::Forwarded,
        ObservedVerdict::Dropped => Observed::Dropped,
        ObservedVerdict::Rejected => Observed::Rejected,
        ObservedVerdict::Unanswered => Observed::Unanswered,
        ObservedVerdict::Unknown => Observed::Unknown,
    }
}

fn drop_kind(observed: &flow::Observed) -> Option<DropKind> {
    if !observed.verdict.is_blocked() {
        return None;
    }
    let Some(drop) = &observed.drop else {
        return Some(DropKind {
            reason: "".into(),
            class: "".into(),
        });
    };
    Some(DropKind {
        reason: drop.reason.clone(),
        class: class(drop.class).into(),
    })
}

fn class(class: DropClass) -> &'static str {
    match class {
        DropClass::Firewall => "firewall",
        DropClass::ConntrackInvalid => "conntrack-invalid",
        DropClass::NoEndpoints => "no-endpoints",
        DropClass::Routing => "routing",
        DropClass::Neighbour => "neighbour",
        DropClass::NoSocket => "no-socket",
        DropClass::Malformed => "malformed",
        DropClass::Resources => "resources",
        DropClass::Other => "other",
    }
}

/// The policies that deny, where it is denied, else those that allow; each once, in order.
fn policies(verdict: &Verdict) -> Vec<PolicyName> {
    let directions = [&verdict.egress, &verdict.ingress];
    let mut names: Vec<PolicyName> = match verdict.decision() {
        Decision::Denied => directions
            .iter()
            .flat_map(|direction| &direction.denied_by)
            .map(|denial| PolicyName::of(&denial.policy))
            .collect(),
        Decision::Allowed | Decision::Unknown => directions
            .iter()
            .flat_map(|direction| &direction.allowed_by)
            .map(|rule| PolicyName::of(&rule.policy))
            .collect(),
    };
    names.sort();
    names.dedup();
    names
}
