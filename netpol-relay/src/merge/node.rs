//! One node's stream, as far as the order of all depends on it.

use std::time::Duration;

use netpol_api::v1::{self, node_state::State};

use super::Config;
use super::instant::Nanos;

/// How far a node's stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not there yet.
    Expected,
    /// Sends what it has kept, oldest first.
    Kept,
    /// Sends what happens.
    Live,
    /// Nothing comes, for now or for good: nobody waits for it.
    Away,
}

#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) phase: Phase,
    /// How far its clock is ahead of the relay's.
    pub(super) ahead: Nanos,
    /// Up to here it has told everything, as far as it tells in order.
    pub(super) reached: Nanos,
    /// When it last said anything, or was last let say more.
    pub(super) heard: Nanos,
    /// Items and bytes of it that wait to go out.
    pub(super) items: usize,
    pub(super) bytes: usize,
    /// When it was last found to be behind the others, while it counts as late.
    pub(super) late: Option<Nanos>,
    /// Flows that did not fit since the last time that was told.
    pub(super) lost: Vec<(&'static str, u64)>,
    /// What readers were told last.
    pub(super) told: State,
}

impl Node {
    pub(super) fn new(name: String, now: Nanos) -> Self {
        Self {
            name,
            phase: Phase::Expected,
            ahead: 0,
            reached: Nanos::MIN,
            heard: now,
            items: 0,
            bytes: 0,
            late: None,
            lost: Vec::new(),
            told: State::Followed,
        }
    }

    pub(super) fn has_room(&self, config: &Config) -> bool {
        self.items < config.node_items && self.bytes < config.node_bytes
    }

    /// Enters the phase of what happens from now on: what it has kept from before `start` is all told.
    pub(super) fn enter_live(&mut self, start: Nanos) {
        self.phase = Phase::Live;
        self.reached = self.reached.max(start);
    }

    /// It says that it has told all that it has kept.
    pub(super) fn kept_over(&mut self, start: Nanos) {
        if matches!(self.phase, Phase::Expected | Phase::Kept) {
            self.enter_live(start);
        }
    }

    pub(super) fn lose(&mut self, reason: &'static str, count: u64) {
        match self.lost.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, lost)) => *lost = lost.saturating_add(count),
            None => self.lost.push((reason, count)),
        }
    }
}

/// Whether an agent sends this as soon as it is seen: nothing is waited for when a connection is answered or blocked.
/// Others are sent when time is over, long after their last packet, so their age says nothing.
pub(super) fn is_prompt(flow: &v1::Flow) -> bool {
    let replied = flow
        .observed
        .as_ref()
        .and_then(|observed| observed.evidence.as_ref())
        .is_some_and(|evidence| evidence.reply_seen);
    flow.revision == 1 && flow.state() != v1::flow::State::Ended && (replied || flow.is_blocked())
}

/// What is told of a node that is behind.
pub(super) fn late_message(behind: Nanos) -> String {
    let behind = Duration::from_nanos(behind.unsigned_abs()).as_secs_f64();
    format!("its flows come {behind:.1} s after the others', or its clock is behind")
}
