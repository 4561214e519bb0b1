//! What a flow proves about the node: only what the node itself had to stop, and what nothing else explains.

use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::history::PolicyName;
use netpol_policy::model::Pod;
use netpol_policy::verdict::{Decision, Direction, DirectionVerdict};

use crate::flow::{Agreement, Endpoint, Flow, Identity, ObservedVerdict};

/// A connection that policies deny.
pub(super) enum Sighting {
    /// A firewall of the node stopped it.
    Stopped {
        /// The policies that deny it.
        policies: Vec<PolicyName>,
    },
    /// This node had to stop it and it went through, and nothing explains that.
    LetThrough {
        /// The pod on this node that policies protect.
        pod: Arc<Pod>,
        /// The pod at the other end, where there is one.
        other: Option<Arc<Pod>>,
        /// The policies that deny it.
        policies: Vec<PolicyName>,
        /// Its first packet.
        time: SystemTime,
    },
    /// This node had to stop it and neither was seen: no answer came, or something else stopped it.
    Unclear,
}

impl Sighting {
    /// `None` for a connection that proves nothing, and for a revision with no news of it. `started` is when flows began to be
    /// seen.
    pub(super) fn of(flow: &Flow, started: SystemTime) -> Option<Self> {
        let verdict = &flow.computed.verdict;
        if verdict.decision() != Decision::Denied || !flow.is_news() {
            return None;
        }
        let here = |direction| flow.vantages.iter().any(|one| one.direction == direction);
        let own = [
            (&verdict.ingress, Direction::Ingress),
            (&verdict.egress, Direction::Egress),
        ]
        .into_iter()
        .find(|(side, direction)| side.decision == Decision::Denied && here(*direction));
        match (flow.agreement, flow.observed.verdict) {
            (Agreement::Agree, _) => {
                let drop = flow.observed.drop.as_ref();
                let policies = [&verdict.egress, &verdict.ingress].into_iter();
                (own.is_some() || drop.is_some_and(|drop| drop.in_node_netns)).then(|| {
                    Self::Stopped {
                        policies: policies.flat_map(deniers).collect(),
                    }
                })
            }
            (Agreement::DeniedButForwarded, _) if is_unexplained(flow, started) => {
                let (side, direction) = own?;
                let (end, other) = match direction {
                    Direction::Ingress => (&flow.destination, &flow.source),
                    Direction::Egress => (&flow.source, &flow.destination),
                };
                Some(Self::LetThrough {
                    pod: end.pod()?.clone(),
                    other: other.pod().cloned(),
                    policies: deniers(side).collect(),
                    time: flow.first_seen,
                })
            }
            (Agreement::Undetermined, verdict) if verdict != ObservedVerdict::Unknown => {
                own.map(|_| Self::Unclear)
            }
            _ => None,
        }
    }
}

fn deniers(side: &DirectionVerdict) -> impl Iterator<Item = PolicyName> {
    side.denied_by.iter().map(|denial| PolicyName {
        kind: denial.policy.kind,
        namespace: denial.policy.namespace.clone(),
        name: denial.policy.name.clone(),
    })
}

/// Whether nothing but a missing firewall explains that a denied connection went through. A change just before may not be
/// enforced yet; what was open already may stay so (rule 22); a caveat, a kind of policy that is not evaluated, and an end on a
/// node's own network leave open whether it is denied at all.
fn is_unexplained(flow: &Flow, started: SystemTime) -> bool {
    let computed = &flow.computed;
    // Told again since its ends became known: it may have been counted before.
    let is_told_again = flow
        .previous
        .as_ref()
        .is_some_and(|previous| previous.verdict == ObservedVerdict::Forwarded);
    computed.changed_before.is_none()
        && !flow.may_have_been_open(started)
        && computed.verdict.caveats.is_empty()
        && computed.not_evaluated == 0
        && !is_on_host_network(&flow.source)
        && !is_on_host_network(&flow.destination)
        && !is_told_again
}

fn is_on_host_network(end: &Endpoint) -> bool {
    match &end.identity {
        Identity::Node { .. } => true,
        Identity::Pod { pod, .. } => pod.host_network,
        Identity::Service { .. } | Identity::World | Identity::Unknown => false,
    }
}
