//! What a node sends gets its place in the order, if it fits.

use netpol_api::v1;
use netpol_api::v1::watch_flows_response::Item;

use super::instant::Nanos;
use super::node::is_prompt;
use super::queue::{Waiting, What};
use super::{Merge, NOTICE};
use crate::join::{NodeIndex, Taken, view::weight};

impl Merge {
    pub(super) fn push_flow(&mut self, node: NodeIndex, flow: v1::Flow, now: Nanos) {
        self.books.taken += 1;
        let bytes = weight(&flow);
        let reason = if bytes > self.config.largest {
            Some("flow_too_large")
        } else if !self.has_room(node) {
            Some("buffer_full")
        } else {
            None
        };
        if let Some(reason) = reason {
            self.books.lost += 1;
            self.nodes[node].lose(reason, 1);
            return;
        }
        let time = self.time(node, flow.last_seen.as_ref());
        let order = self.order(node, time, now);
        if let Some(time) = time.filter(|_| is_prompt(&flow)) {
            self.note_lateness(node, time, now);
        }
        match self.join.take(node, self.nodes[node].ahead, flow, now) {
            Taken::Known => self.books.merged += 1,
            Taken::Changed(connection) => {
                self.books.waiting += 1;
                self.enqueue(node, order, bytes, What::Connection(connection), now);
            }
        }
    }

    pub(super) fn push_lost(&mut self, node: NodeIndex, mut lost: v1::Lost, now: Nanos) {
        if !self.has_room(node) || lost.reason.len() > NOTICE {
            return self.nodes[node].lose("buffer_full", lost.count);
        }
        if lost.node.is_empty() {
            lost.node.clone_from(&self.nodes[node].name);
        }
        let time = self.time(node, lost.time.as_ref());
        let order = self.order(node, time, now);
        if let Some(time) = time {
            self.note_lateness(node, time, now);
        }
        self.enqueue(
            node,
            order,
            NOTICE,
            What::Notice(Box::new(Item::Lost(lost))),
            now,
        );
    }

    pub(super) fn enqueue(
        &mut self,
        node: NodeIndex,
        order: Nanos,
        bytes: usize,
        what: What,
        now: Nanos,
    ) {
        let from = &mut self.nodes[node];
        from.items += 1;
        from.bytes += bytes;
        self.queue.push(order, now, Waiting { node, bytes, what });
    }
}
