//! When there is something to tell of a connection, and what.

use super::connection::{Connection, Published};
use crate::flow::{Observed, ObservedVerdict, State};

/// How long a drop, or an answer made by the node, waits for the record that completes it.
const COMPLETION: u64 = 50_000_000;
/// How long the end of a published connection waits for its last counters.
const SETTLING: u64 = 1_500_000_000;

/// When the next revision of a connection is due, if there is anything to tell; `swept` where that was seen in a sweep.
pub(super) fn at(connection: &mut Connection, to_node: bool, now: u64, swept: bool) -> Option<u64> {
    connection.note_progress();
    let evidence = connection.evidence(now, to_node);
    match &connection.published {
        None if evidence.is_settled() => Some(now),
        None if evidence.is_partial() => Some(now + COMPLETION),
        None => Some(connection.answer_by.max(now)),
        Some(published) => {
            let verdict = evidence.outcome();
            let counted = published.counters != connection.counters()
                || published.observed.drop != connection.shown_drop();
            let newly_ended = published.state != State::Ended && connection.state() == State::Ended;
            let changed = published.observed.verdict != verdict
                || published.observed.refused_by_peer != evidence.is_refused()
                || published.state == State::New && connection.state() == State::Established
                || published.dialled != connection.dialled.tuple
                || published.destination != connection.destination();
            let first_drop = published.observed.drop.is_none() && !connection.drops.is_empty();
            if changed && verdict.is_blocked() && evidence.node_reply.is_none() || first_drop {
                Some(now + COMPLETION)
            } else if changed {
                Some(now)
            } else if newly_ended {
                Some(if swept { now } else { now + SETTLING })
            } else if swept && counted && verdict.is_blocked() {
                Some(now)
            } else {
                None
            }
        }
    }
}

/// What there is to tell now.
pub(super) fn revision(connection: &Connection, now: u64, to_node: bool) -> Published {
    let evidence = connection.evidence(now, to_node);
    let verdict = evidence.outcome();
    Published {
        observed: Observed {
            verdict,
            delivered: evidence.delivered,
            reply_seen: evidence.replied,
            refused_by_peer: evidence.is_refused(),
            node_reply: evidence
                .node_reply
                .filter(|_| verdict != ObservedVerdict::Forwarded),
            drop: connection.shown_drop(),
        },
        state: connection.state(),
        dialled: connection.dialled.tuple,
        destination: connection.destination(),
        counters: connection.counters(),
    }
}
