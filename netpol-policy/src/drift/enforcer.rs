//! Which node has to enforce what is denied: egress that of the source, ingress that of the destination.

use std::collections::HashMap;

use crate::history::policy::RememberedPolicy;
use crate::history::{Edge, History, Party, PodGroup, PolicyName, PolicyRevision, SeenAt};
use crate::verdict::Direction;

/// Tells of edges that are denied whether the node that saw them had to stop them.
pub(super) struct Enforcers<'a> {
    revisions: HashMap<PolicyName, Vec<&'a PolicyRevision>>,
}

impl<'a> Enforcers<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let mut revisions: HashMap<PolicyName, Vec<&PolicyRevision>> = HashMap::new();
        for revision in &history.policies {
            let name = revision.policy.name();
            revisions.entry(name).or_default().push(revision);
        }
        Self { revisions }
    }

    /// The pods on the node that it had to keep the connections from or to. `None` where that cannot be told: the policy may
    /// deny them at the other end, on another node.
    pub(super) fn protected<'e>(&self, edge: &'e Edge) -> Option<&'e PodGroup> {
        let pods = |party: &'e Party| match party {
            Party::Pods(group) => Some(&**group),
            _ => None,
        };
        let (source, destination) = (pods(&edge.key.source), pods(&edge.key.destination));
        let denies = |end: Option<&PodGroup>, direction| {
            end.is_some_and(|group| self.selects(edge, group, direction))
        };
        let egress = denies(source, Direction::Egress);
        let ingress = denies(destination, Direction::Ingress);
        match edge.key.seen_at {
            // Whichever end it is, it is here.
            SeenAt::Both if ingress => destination,
            SeenAt::Both if egress => source,
            SeenAt::Source if egress && !ingress => source,
            SeenAt::Destination if ingress && !egress => destination,
            SeenAt::Both | SeenAt::Source | SeenAt::Destination => None,
        }
    }

    /// Whether a policy that denies the edge selected these pods in that direction while it was seen.
    fn selects(&self, edge: &Edge, group: &PodGroup, direction: Direction) -> bool {
        let policies = edge.key.policies.iter();
        policies
            .filter_map(|policy| self.revisions.get(policy))
            .flat_map(|revisions| while_seen(revisions, edge))
            .any(|revision| selects(&revision.policy, group, direction))
    }
}

/// The forms of a policy that were in force while an edge was seen. A form is noted somewhat later than verdicts name it, so
/// where there are none, the next one.
fn while_seen<'a>(
    revisions: &[&'a PolicyRevision],
    edge: &Edge,
) -> impl Iterator<Item = &'a PolicyRevision> {
    let (first, last) = (edge.totals.first_seen, edge.totals.last_seen);
    let was_over = |revision: &PolicyRevision| revision.until.is_some_and(|until| until < first);
    let later: Vec<&PolicyRevision> = revisions
        .iter()
        .copied()
        .filter(|revision| !was_over(revision))
        .collect();
    let next = later.iter().map(|revision| revision.since).min();
    let until = next.map_or(last, |next| next.max(last));
    later
        .into_iter()
        .filter(move |revision| revision.since <= until)
}

fn selects(policy: &RememberedPolicy, group: &PodGroup, direction: Direction) -> bool {
    // Rules 21 and 31: what shares its node's addresses is no subject.
    if group.host_network {
        return false;
    }
    match policy {
        RememberedPolicy::Network(policy) => {
            policy.reference.namespace == group.namespace
                && policy.rules(direction).is_some()
                && policy.subjects.matches(&group.labels)
        }
        RememberedPolicy::Tiered(policy) => {
            !policy.rules(direction).is_empty()
                && policy.subjects.namespaces.matches(&group.namespace_labels)
                && policy.subjects.pods.matches(&group.labels)
        }
    }
}
