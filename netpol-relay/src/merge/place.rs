//! Which place an item has in the order, and whether it is its turn.

use netpol_api::v1::node_state::State;
use prost_types::Timestamp;

use super::instant::{Nanos, of_duration, of_stamp};
use super::node::{Node, Phase};
use super::{Merge, Mode, RECOVERY, late_message};
use crate::join::NodeIndex;

impl Merge {
    /// A node's stamp on the relay's clock.
    pub(super) fn time(&self, node: NodeIndex, stamp: Option<&Timestamp>) -> Option<Nanos> {
        of_stamp(stamp).map(|time| time.saturating_sub(self.nodes[node].ahead))
    }

    /// The place of an item in the order.
    pub(super) fn order(&mut self, node: NodeIndex, time: Option<Nanos>, now: Nanos) -> Nanos {
        let slack = of_duration(self.config.clock_slack);
        let time = time
            .filter(|time| *time <= now.saturating_add(slack))
            .map(|time| time.min(now));
        let from = &mut self.nodes[node];
        if self.mode == Mode::KeptAndLive && time.is_some_and(|time| time >= self.start) {
            from.enter_live(self.start);
        }
        if let Some(time) = time {
            self.freshest = self.freshest.max(time);
        }
        let order = if from.phase == Phase::Live {
            let earliest = self
                .freshest
                .saturating_sub(of_duration(self.config.window));
            time.map_or(now, |time| time.max(earliest))
        } else {
            // In the order in which the node tells.
            if from.phase == Phase::Expected {
                from.phase = Phase::Kept;
            }
            time.map_or(from.reached, |time| time.max(from.reached))
        };
        from.reached = from.reached.max(order);
        order
    }

    /// Whether nothing is expected any more that belongs before this place.
    pub(super) fn is_due(&mut self, order: Nanos, now: Nanos) -> bool {
        let is_kept = !self.catching_up && !self.kept_over_told && order < self.start;
        if self.closing || order < self.frontier || order == Nanos::MIN || is_kept {
            return true;
        }
        let (ahead, window) = if self.catching_up {
            (self.config.kept_ahead, None)
        } else {
            (self.config.ahead, Some(of_duration(self.config.window)))
        };
        let waited = self.queue.oldest_arrival();
        let expired = window
            .zip(waited)
            .is_some_and(|(window, arrived)| arrived.saturating_add(window) <= now);
        if expired {
            return true;
        }
        let beyond = order.saturating_add(of_duration(ahead));
        let told_all_kept = |node: &Node| node.phase == Phase::Live && order < self.start;
        let mut behind = self.nodes.iter().enumerate().filter(|(_, node)| {
            let is_awaited = node.phase != Phase::Away && node.late.is_none();
            is_awaited && node.reached < beyond && !told_all_kept(node)
        });
        // One whose buffer is full can say nothing that would help.
        !behind.any(|(index, _)| self.has_room(index))
    }

    /// Notices that a node is behind the others.
    pub(super) fn note_lateness(&mut self, node: NodeIndex, time: Nanos, now: Nanos) {
        let behind = self.freshest.saturating_sub(time);
        let from = &mut self.nodes[node];
        if from.phase != Phase::Live || behind <= of_duration(self.config.late_after) {
            return;
        }
        from.late = Some(now);
        self.tell(node, State::Late, late_message(behind), now);
    }

    /// When kept flows are no longer waited for, where live ones follow.
    pub(super) fn caught_up_by(&self) -> Nanos {
        self.start.saturating_add(of_duration(self.config.catch_up))
    }

    /// When a node that says nothing more is no longer waited for.
    pub(super) fn gives_up_at(&self, node: &Node) -> Option<Nanos> {
        match (self.mode, node.phase) {
            (_, Phase::Away | Phase::Live) | (Mode::Live, _) => None,
            (Mode::Kept, _) => Some(node.heard.saturating_add(of_duration(self.config.patience))),
            (Mode::KeptAndLive, Phase::Expected | Phase::Kept) => Some(self.caught_up_by()),
        }
    }

    /// What time does to nodes: kept flows are over, a late node has kept up for a while.
    pub(super) fn watch_nodes(&mut self, now: Nanos) {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            if node
                .late
                .is_some_and(|last| now >= last.saturating_add(RECOVERY))
            {
                self.nodes[index].late = None;
                self.tell(index, State::Followed, String::new(), now);
            }
            let is_silent = self.catching_up
                && self.is_listened_to(index, now)
                && self
                    .gives_up_at(&self.nodes[index])
                    .is_some_and(|time| now >= time);
            if is_silent {
                self.give_up(index, now);
            }
        }
        let is_pending = |node: &Node| matches!(node.phase, Phase::Expected | Phase::Kept);
        if self.catching_up && (self.closing || !self.nodes.iter().any(is_pending)) {
            self.catching_up = self.mode == Mode::Kept && !self.queue.is_empty() && !self.closing;
        }
    }

    /// Whether a node could say more: one that could not is not silent by itself. Where live flows follow, nobody is
    /// listened to for longer than that.
    fn is_listened_to(&self, index: NodeIndex, now: Nanos) -> bool {
        self.has_room(index) || self.mode == Mode::KeptAndLive && now >= self.caught_up_by()
    }

    /// Goes on without what a node may still have kept.
    fn give_up(&mut self, index: NodeIndex, now: Nanos) {
        if self.mode == Mode::Kept {
            self.nodes[index].phase = Phase::Away;
            let seconds = self.config.patience.as_secs();
            let message = format!("says nothing for {seconds} s: some of its flows may be missing");
            self.tell(index, State::Late, message, now);
        } else if self.nodes[index].phase == Phase::Kept {
            self.nodes[index].enter_live(self.start);
        } else {
            self.catching_up = false;
        }
    }
}
