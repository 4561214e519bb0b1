//! Whether two views are of the same connection.
//!
//! Both have the same protocol, addresses and ports, or they would not be compared. The source's node sees every packet
//! first, and both see the same ones, so where both saw the opening packet, their first times are the same but for clocks
//! and the way between. Otherwise:
//!
//! - opening packets that got lost on the way are sent again: the destination's node may begin as late as the last of
//!   them, as long as nothing came back before;
//! - a node whose agent started in the middle of the connection has some later part of it.
//!
//! Whatever is over before the other begins is an earlier connection on the same ports.

use super::view::{Role, View};
use crate::merge::instant::Nanos;

/// From the first opening packet to the last one: with `tcp_syn_retries` 6, Linux gives up after 127 s.
const RETRIED_FOR: Nanos = 130_000_000_000;

/// The source's view and the destination's view, in this order; `None` where they are not of one connection.
///
/// `slack` is how much clocks may differ beyond what is known of them.
pub(super) fn paired<'a>(
    one: &'a View,
    other: &'a View,
    slack: Nanos,
) -> Option<(&'a View, &'a View)> {
    let (source, destination) = in_order(one, other)?;
    let elsewhere = source.node != destination.node && source.flow.node != destination.flow.node;
    (elsewhere && is_one_connection(source, destination, slack)).then_some((source, destination))
}

/// How far apart their first packets are: of several candidates the nearest is the one.
pub(super) fn distance(one: &View, other: &View) -> u64 {
    match (one.span, other.span) {
        (Some(one), Some(other)) => one.first.abs_diff(other.first),
        _ => u64::MAX,
    }
}

/// The source's view first. A view of neither end takes the place that the other leaves.
pub(super) fn in_order<'a>(one: &'a View, other: &'a View) -> Option<(&'a View, &'a View)> {
    match (one.role, other.role) {
        (Role::Source, Role::Destination | Role::Neither) | (Role::Neither, Role::Destination) => {
            Some((one, other))
        }
        (Role::Destination, Role::Source | Role::Neither) | (Role::Neither, Role::Source) => {
            Some((other, one))
        }
        _ => None,
    }
}

fn is_one_connection(source: &View, destination: &View, slack: Nanos) -> bool {
    let (Some(sent), Some(arrived)) = (source.span, destination.span) else {
        return false;
    };
    let over = |view: &View, last: Nanos| {
        if view.is_ended() {
            last.saturating_add(slack)
        } else {
            Nanos::MAX
        }
    };
    match (source.is_from_beginning(), destination.is_from_beginning()) {
        (true, true) => {
            let lag = arrived.first.saturating_sub(sent.first);
            let retried = lag > 0
                && (arrived.first <= sent.last || !source.is_answered() && lag <= RETRIED_FOR);
            lag.abs() <= slack || retried
        }
        // It was there before the other end was reached for the first time: an earlier one.
        (false, true) if sent.first < arrived.first.saturating_sub(slack) => false,
        (true, false) if arrived.first < sent.first.saturating_sub(slack) => false,
        _ => {
            sent.first.saturating_sub(slack) <= over(destination, arrived.last)
                && arrived.first.saturating_sub(slack) <= over(source, sent.last)
        }
    }
}
