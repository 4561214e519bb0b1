//! What there is to tell of a connection that policy stopped, and on whose pod.

use std::sync::Arc;
use std::time::SystemTime;

use netpol_policy::model::Pod;
use netpol_policy::verdict::{
    Decision, Denial, Direction, DirectionVerdict, PolicyKind, PolicyRef,
};

use crate::flow::{Agreement, Endpoint, Flow, ObservedVerdict};
use crate::party::Party;
use crate::pipeline::port_words;

/// The API refuses notes longer than 1 kB; what people read in a table is shorter.
const LONGEST_NOTE: usize = 500;

/// A connection that was stopped by policy.
#[derive(Clone, Debug)]
pub(super) struct Blocked {
    pub(super) key: Key,
    /// Whom the policy isolates.
    pub(super) pod: Arc<Pod>,
    /// The other end.
    pub(super) peer: Endpoint,
    /// In words.
    pub(super) note: String,
    pub(super) seen: SystemTime,
}

/// What is told once, however many connections it is true of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) pod: PodKey,
    direction: Direction,
    peer: Party,
    protocol: u8,
    port: u16,
    policy: PolicyRef,
}

/// One pod, told apart from a later one of its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PodKey {
    namespace: Arc<str>,
    name: Arc<str>,
    uid: Arc<str>,
}

#[cfg(test)]
impl PodKey {
    pub(super) fn named(name: &str) -> Self {
        Self {
            namespace: "data".into(),
            name: name.into(),
            uid: name.into(),
        }
    }
}

impl Blocked {
    /// What there is to tell on this node; `None` where it is not for certain that policy stopped the connection, or
    /// where that has been told.
    ///
    /// A packet is freed once, on one node, and that node alone tells it. The pod is the one whose isolation stopped
    /// the connection: the source where its egress is denied, else the destination. Where both are denied, the packet
    /// got as far as the node that freed it: the source's own enforces egress first.
    pub(super) fn of(flow: &Flow, node: &str) -> Option<Self> {
        let by_policy = flow.is_blocked() && flow.agreement == Agreement::Agree;
        if !by_policy || (flow.was_blocked() && !flow.is_news()) {
            return None;
        }
        let verdict = &flow.computed.verdict;
        let egress = denied(&verdict.egress, &flow.source);
        let ingress = denied(&verdict.ingress, &flow.destination);
        let is_here = |pod: &Pod| pod.node.as_deref() == Some(node);
        let egress_first = egress.is_some_and(|(pod, _)| ingress.is_none() || is_here(pod));
        let (direction, (pod, denials), peer) = if egress_first {
            (Direction::Egress, egress?, &flow.destination)
        } else {
            (Direction::Ingress, ingress?, &flow.source)
        };
        let denial = denials.first()?;
        let is_both = egress.is_some() && ingress.is_some();
        let why = if is_both || flow.summary.is_empty() {
            denied_by(denials)
        } else {
            flow.summary.clone()
        };
        let key = Key {
            pod: PodKey {
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
                uid: pod.uid.clone(),
            },
            direction,
            peer: Party::of(peer),
            protocol: flow.protocol,
            port: flow.destination.port,
            policy: denial.policy.clone(),
        };
        Some(Self {
            key,
            pod: pod.clone(),
            peer: peer.clone(),
            note: note(flow, direction, peer, &why),
            seen: flow.first_seen,
        })
    }
}

/// The pod and the denials of a direction that is denied.
fn denied<'a>(
    verdict: &'a DirectionVerdict,
    end: &'a Endpoint,
) -> Option<(&'a Arc<Pod>, &'a [Denial])> {
    let is_denied = verdict.decision == Decision::Denied;
    is_denied.then_some((end.pod()?, verdict.denied_by.as_slice()))
}

fn denied_by(denials: &[Denial]) -> String {
    let mut names = denials.iter().map(|denial| match denial.policy.kind {
        PolicyKind::NetworkPolicy => denial.policy.to_string(),
        kind => format!("{} {}", kind.as_str(), denial.policy),
    });
    let first = names.next().unwrap_or_default();
    match names.count() {
        0 => format!("denied by {first}"),
        more => format!("denied by {first} (and {more} more)"),
    }
}

/// One line, for a table of Events.
fn note(flow: &Flow, direction: Direction, peer: &Endpoint, why: &str) -> String {
    let way = match direction {
        Direction::Egress => "Egress to",
        Direction::Ingress => "Ingress from",
    };
    let name = match peer.pod() {
        Some(_) => format!("{} ({})", peer.name(), peer.address),
        None => peer.name(),
    };
    let port = port_words(flow.protocol, flow.destination.port);
    let what = match flow.observed.verdict {
        ObservedVerdict::Rejected => "rejected",
        _ => "dropped",
    };
    let mut note = format!("{way} {name}, {port}, was {what}: {why}");
    // Names come from the API server, which refuses what could harm; a note goes to terminals all the same.
    note = note.replace(char::is_control, " ");
    if note.len() > LONGEST_NOTE {
        let mut end = LONGEST_NOTE;
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        note.truncate(end);
        note.push('…');
    }
    note
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::testing::{NODE, blocked_flow, denied, on};
    use crate::flow::Previous;

    #[test]
    fn the_pod_is_the_one_whose_isolation_stopped_it() {
        let (here, there) = (NODE, "elsewhere");
        for (source, destination, directions, expected) in [
            // Which node frees the packet is not told by where the pods are.
            (here, there, [true, false], Some("build")),
            (there, here, [true, false], Some("build")),
            (there, here, [false, true], Some("db")),
            (here, there, [false, true], Some("db")),
            (here, here, [true, true], Some("build")),
            (there, here, [true, true], Some("db")),
            (here, there, [true, true], Some("build")),
            (here, here, [false, false], None),
        ] {
            let mut flow = blocked_flow(1);
            on(&mut flow.source, source);
            on(&mut flow.destination, destination);
            denied(&mut flow, directions);
            let told = Blocked::of(&flow, NODE).map(|told| told.pod.name.to_string());
            let case = format!("{source} {destination} {directions:?}");
            assert_eq!(told.as_deref(), expected, "{case}");
        }
    }

    #[test]
    fn what_policy_is_not_certain_to_have_stopped_is_not_told() {
        let mut flow = blocked_flow(1);
        for agreement in [
            Agreement::Undetermined,
            Agreement::AllowedButDropped,
            Agreement::DeniedButForwarded,
        ] {
            flow.agreement = agreement;
            assert!(Blocked::of(&flow, NODE).is_none(), "{agreement:?}");
        }
        flow.agreement = Agreement::Agree;
        assert!(Blocked::of(&flow, NODE).is_some());
        flow.observed.verdict = ObservedVerdict::Forwarded;
        assert!(Blocked::of(&flow, NODE).is_none());
    }

    #[test]
    fn more_packets_of_a_connection_are_no_news() {
        let mut flow = blocked_flow(1);
        flow.previous = Some(Previous {
            verdict: ObservedVerdict::Dropped,
            forward: flow.forward,
            reply: flow.reply,
            was_of_other_ends: false,
        });
        assert!(Blocked::of(&flow, NODE).is_none());
    }

    #[test]
    fn the_note_names_peer_port_and_policy_in_one_short_line() {
        let mut flow = blocked_flow(1);
        let told = Blocked::of(&flow, NODE).unwrap();
        assert_eq!(
            told.note,
            "Ingress from ci/build (10.1.0.1), TCP 5432, was dropped: data/db: no ingress rule admits ci/build"
        );
        flow.summary = format!("\x1b[31m\n{}", "é".repeat(1000));
        let told = Blocked::of(&flow, NODE).unwrap();
        assert!(told.note.len() <= 1024 && told.note.ends_with('…'));
        assert!(!told.note.contains(char::is_control), "{}", told.note);
    }
}
