//! What became of a connection, by the views of both its nodes.
//!
//! The rules are those of an agent that has both ends on its node. Each agent has applied them to what it saw; here it is
//! decided whose word stands where the two differ. The first row that applies decides:
//!
//! | # | source's node | destination's node | outcome |
//! |---|---|---|---|
//! | 1 | blocked | blocked | the one where a firewall did it; the source's where both or neither |
//! | 2 | an answer of the peer | blocked by a drop alone, no interface's view, and not cut off | forwarded |
//! | 3 | refused, in the destination's name | dropped by a firewall, nothing delivered | rejected: the destination's node answered |
//! | 4 | any | blocked | the destination's: it saw what arrived |
//! | 5 | blocked before anything came back, and not cut off | forwarded | forwarded: another try got through |
//! | 6 | blocked | any | the source's |
//! | 7 | any | any | forwarded before unanswered before unknown |
//!
//! "Cut off": a firewall of the node dropped three or more packets, in row 5 later than anything the destination's node saw.

use netpol_api::agreement::{NODE_REPLY_RESET, NODE_REPLY_UNREACHABLE, is_by_firewall};
use netpol_api::v1::{self, observed::Verdict};

use super::view::View;

/// As in the agents: fewer packets may be lost ones.
const CUT_OFF_PACKETS: u64 = 3;
/// RFC 9293, 3.1.
const RESET: u32 = 0x04;

/// Whose word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

/// One view's facts.
struct Seen<'a> {
    view: &'a View,
    verdict: Verdict,
    evidence: v1::Evidence,
    blocked: bool,
    by_firewall: bool,
}

impl<'a> Seen<'a> {
    fn new(view: &'a View) -> Self {
        let observed = view.flow.observed.as_ref();
        let verdict = observed.map_or(Verdict::Unknown, v1::Observed::verdict);
        let mut evidence = observed
            .and_then(|observed| observed.evidence.clone())
            .unwrap_or_default();
        if let Some(drop) = evidence.drop.as_mut().filter(|drop| drop.node.is_empty()) {
            drop.node.clone_from(&view.flow.node);
        }
        Self {
            view,
            verdict,
            evidence,
            blocked: view.flow.is_blocked(),
            by_firewall: observed.is_some_and(is_by_firewall),
        }
    }

    /// The peer spoke, and did more than refuse.
    fn has_answer(&self) -> bool {
        self.evidence.reply_seen && !self.evidence.refused_by_peer
    }

    fn has_interface(&self) -> bool {
        !self.view.flow.vantages.is_empty()
    }

    fn is_cut_off(&self) -> bool {
        let packets = self.evidence.drop.as_ref().map_or(0, |drop| drop.packets);
        self.by_firewall && packets >= CUT_OFF_PACKETS
    }

    fn is_later_than(&self, other: &Self) -> bool {
        let last = |seen: &Self| seen.view.span.map(|span| span.last);
        last(self) > last(other)
    }
}

/// The outcome by the table above, its evidence, and the side it follows from.
pub(super) fn observed(source: &View, destination: &View) -> (v1::Observed, Side) {
    let (source, destination) = (Seen::new(source), Seen::new(destination));
    let mut answered_by_node = "";
    let (verdict, side) = if source.blocked && destination.blocked {
        if destination.by_firewall && !source.by_firewall {
            (destination.verdict, Side::Destination)
        } else {
            (source.verdict, Side::Source)
        }
    } else if destination.blocked {
        let knows_no_answers = !destination.has_interface() && !destination.is_cut_off();
        if source.has_answer() && knows_no_answers {
            (Verdict::Forwarded, Side::Source)
        } else {
            answered_by_node = reply_of_destinations_node(&source, &destination);
            let verdict = match answered_by_node {
                "" => destination.verdict,
                _ => Verdict::Rejected,
            };
            (verdict, Side::Destination)
        }
    } else if source.blocked {
        let got_through = destination.verdict == Verdict::Forwarded && !source.has_answer();
        let cut_off = source.is_cut_off() && source.is_later_than(&destination);
        if got_through && !cut_off {
            (Verdict::Forwarded, Side::Destination)
        } else {
            (source.verdict, Side::Source)
        }
    } else if weight(source.verdict) > weight(destination.verdict) {
        (source.verdict, Side::Source)
    } else {
        (destination.verdict, Side::Destination)
    };
    let evidence = evidence(source, destination, verdict, side, answered_by_node);
    let observed = v1::Observed {
        verdict: verdict.into(),
        evidence: Some(evidence),
    };
    (observed, side)
}

/// How the destination's node made the source believe that the peer refused; empty where it did not. Nothing reached the
/// destination, so it was not the destination.
fn reply_of_destinations_node(source: &Seen<'_>, destination: &Seen<'_>) -> &'static str {
    let silent = &destination.evidence;
    let never_arrived = !silent.delivered && !silent.reply_seen;
    let told_alone = destination.verdict == Verdict::Dropped && silent.node_reply.is_empty();
    if !(source.evidence.refused_by_peer && destination.by_firewall && never_arrived && told_alone)
    {
        return "";
    }
    let flags = source.view.flow.reply.map_or(0, |reply| reply.tcp_flags);
    if flags & RESET == 0 {
        NODE_REPLY_UNREACHABLE
    } else {
        NODE_REPLY_RESET
    }
}

fn evidence(
    source: Seen<'_>,
    destination: Seen<'_>,
    verdict: Verdict,
    side: Side,
    answered_by_node: &str,
) -> v1::Evidence {
    let delivered = source.evidence.delivered || destination.evidence.delivered;
    let (decisive, other) = match side {
        Side::Source => (source.evidence, destination.evidence),
        Side::Destination => (destination.evidence, source.evidence),
    };
    let blocked = matches!(verdict, Verdict::Dropped | Verdict::Rejected);
    // Where it is blocked, what the other side took for the peer's word may be the node's.
    let either = |own: bool, others: bool| own || others && !blocked;
    v1::Evidence {
        delivered,
        reply_seen: either(decisive.reply_seen, other.reply_seen),
        refused_by_peer: either(decisive.refused_by_peer, other.refused_by_peer),
        node_reply: match (blocked, answered_by_node) {
            (false, _) => String::new(),
            (true, "") => decisive.node_reply,
            (true, reply) => reply.to_owned(),
        },
        drop: decisive.drop.or(other.drop),
    }
}

fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Forwarded => 2,
        Verdict::Unanswered => 1,
        Verdict::Unspecified | Verdict::Unknown | Verdict::Dropped | Verdict::Rejected => 0,
    }
}
