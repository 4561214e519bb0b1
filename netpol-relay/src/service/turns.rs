//! Whom a reader's stream listens to next.

use std::future::poll_fn;
use std::task::Poll;

use tokio::sync::mpsc;

use super::member::Member;
use super::node_stream::Arrival;
use crate::merge::{Merge, NodeIndex};

/// The next that a node says for which there is room.
pub(super) async fn next_arrival(
    members: &mut [Member],
    merge: &Merge,
    turn: &mut usize,
) -> (NodeIndex, Arrival) {
    poll_fn(|context| {
        let next = in_turn(members, merge, turn, |inbox| {
            match inbox.poll_recv(context) {
                Poll::Ready(arrival) => arrival,
                Poll::Pending => None,
            }
        });
        next.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

/// Looks for something said, at each node for which there is room. Nodes take turns.
pub(super) fn in_turn(
    members: &mut [Member],
    merge: &Merge,
    turn: &mut usize,
    mut read: impl FnMut(&mut mpsc::Receiver<Arrival>) -> Option<Arrival>,
) -> Option<(NodeIndex, Arrival)> {
    let count = members.len();
    (0..count).find_map(|step| {
        let index = (*turn + step) % count;
        if !merge.has_room(index) {
            return None;
        }
        let arrival = read(&mut members[index].inbox)?;
        *turn = index + 1;
        Some((index, arrival))
    })
}
