//! Disagreements with policies that prove nothing, and those that a change explains which this node heard of later than
//! whoever enforces policies.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use netpol_policy::history::EdgeTotals;
use netpol_policy::history::edge::Agreement;
use netpol_policy::model::Pod;
use netpol_policy::verdict::{Caveat, Decision, Direction};

use super::reading::{share, was_seen};
use crate::flow::{self, Flow, FlowId};
use crate::inventory::Snapshot;

/// Disagreements at once that a change may still explain; those beyond are taken as they are.
const MOST: usize = 16_384;
/// How late a connection may be told of, and an inventory be looked at.
const SLACK: Duration = Duration::from_secs(30);

/// What relates a connection to policies, but for disagreements that are none.
pub(super) fn agreement(flow: &Flow, snapshot: &Snapshot) -> Agreement {
    match flow.agreement {
        flow::Agreement::Undetermined => Agreement::Undetermined,
        flow::Agreement::Agree => Agreement::Agree,
        _ if may_be_decided_otherwise(flow) => Agreement::Undetermined,
        flow::Agreement::DeniedButForwarded if is_perhaps_refused_elsewhere(flow) => {
            Agreement::Undetermined
        }
        flow::Agreement::DeniedButForwarded => Agreement::DeniedButForwarded,
        flow::Agreement::AllowedButDropped if is_cut_off_by_a_change(flow, snapshot) => {
            Agreement::Undetermined
        }
        flow::Agreement::AllowedButDropped => Agreement::AllowedButDropped,
    }
}

/// Whether an implementation may rightly decide otherwise. What the host network means for a verdict is told by the ends.
fn may_be_decided_otherwise(flow: &Flow) -> bool {
    let mut caveats = flow.computed.verdict.caveats.iter();
    caveats.any(|caveat| *caveat != Caveat::HostNetwork)
}

/// Whether another node's firewall may have refused it in the destination's name: seen from the source's node, that and a
/// refusal of the destination are the same. Egress is denied on this node, so there it did leave.
pub(super) fn is_perhaps_refused_elsewhere(flow: &Flow) -> bool {
    flow.observed.refused_by_peer
        && !was_seen(flow, Direction::Ingress)
        && flow.computed.verdict.egress.decision != Decision::Denied
}

/// Whether it got through, and was stopped after policies had changed: the verdict is that of its opening (rule 22).
fn is_cut_off_by_a_change(flow: &Flow, snapshot: &Snapshot) -> bool {
    let got_through = flow.observed.reply_seen || flow.observed.delivered;
    got_through && snapshot.changed_between(pods(flow), flow.first_seen, flow.last_seen)
}

fn pods(flow: &Flow) -> impl Iterator<Item = &Arc<Pod>> {
    [&flow.source, &flow.destination]
        .into_iter()
        .filter_map(|end| end.pod())
}

/// Disagreements that a change may still explain.
pub(super) struct Doubts {
    grace: Duration,
    started: SystemTime,
    open: VecDeque<Doubt>,
    /// Inventory against which they were last held.
    generation: u64,
}

struct Doubt {
    id: FlowId,
    began: SystemTime,
    pods: Vec<Arc<Pod>>,
    raised: Instant,
}

impl Doubts {
    /// `grace` is how long around a change a disagreement may be due to it; `started`, when flows began to be seen.
    pub(super) fn new(grace: Duration, started: SystemTime) -> Self {
        Self {
            grace,
            started,
            open: VecDeque::new(),
            generation: 0,
        }
    }

    /// What a connection alone comes to, which relates to policies so.
    pub(super) fn share(
        &mut self,
        flow: &Flow,
        agreement: Agreement,
        snapshot: &Snapshot,
    ) -> EdgeTotals {
        let mut share = share(flow);
        if matches!(agreement, Agreement::Undetermined | Agreement::Agree) {
            return share;
        }
        if flow.may_have_been_open(self.started) {
            (share.connections, share.resumed) = (0, 1);
            (share.after_change, share.longest_after_change) = (0, None);
        } else if share.after_change == 0 {
            let pods: Vec<Arc<Pod>> = pods(flow).cloned().collect();
            let until = flow.first_seen + self.grace;
            if snapshot.changed_between(&pods, flow.first_seen, until) {
                share.after_change = 1;
            } else {
                self.raise(flow, pods);
            }
        }
        share
    }

    fn raise(&mut self, flow: &Flow, pods: Vec<Arc<Pod>>) {
        self.open.retain(|doubt| doubt.id != flow.id);
        if !self.grace.is_zero() && self.open.len() < MOST {
            self.open.push_back(Doubt {
                id: flow.id,
                began: flow.first_seen,
                pods,
                raised: Instant::now(),
            });
        }
    }

    /// Those that a change explains which was heard of since.
    pub(super) fn settle(&mut self, snapshot: &Snapshot) -> Vec<FlowId> {
        if self.generation == snapshot.generation() {
            return Vec::new();
        }
        self.generation = snapshot.generation();
        let grace = self.grace;
        let mut explained = Vec::new();
        self.open.retain(|doubt| {
            let is_explained =
                snapshot.changed_between(&doubt.pods, doubt.began, doubt.began + grace);
            if is_explained {
                explained.push(doubt.id);
            }
            !is_explained && doubt.raised.elapsed() <= grace + SLACK
        });
        explained
    }
}
