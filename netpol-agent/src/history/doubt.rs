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

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use netpol_policy::manifest;
    use netpol_policy::verdict::Verdict;

    use super::*;
    use crate::flow::{Computed, DropClass, ObservedVerdict};
    use crate::inventory::{Change, Report};
    use crate::testing::{allowed, drop_of, flow, pod_of};

    const GRACE: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// A policy of `prod` that came at a time.
    fn changed_at(seconds: u64) -> Snapshot {
        let read = manifest::parse(
            "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: closed, namespace: prod}, \
             spec: {podSelector: {}, policyTypes: [Ingress]}}",
        );
        assert_eq!(read.errors, []);
        let before = Snapshot::default().next(Vec::new(), Report::default(), at(1));
        let changes = read.objects.into_iter().map(Change::Apply).collect();
        before.next(changes, Report::default(), at(seconds))
    }

    /// From `ci` to `prod`, with the first packet at second 1000 and the latest at 2000.
    fn disagreeing(agreement: flow::Agreement) -> Flow {
        let mut flow = flow(1);
        flow.source.identity = pod_of("ci", "build", ("Deployment", "build"));
        flow.destination.identity = pod_of("prod", "web", ("Deployment", "web"));
        (flow.first_seen, flow.last_seen) = (at(1000), at(2000));
        flow.protocol = 6;
        flow.agreement = agreement;
        flow
    }

    fn with_verdict(mut flow: Flow, change: impl FnOnce(&mut Verdict)) -> Flow {
        let mut verdict = allowed();
        change(&mut verdict);
        flow.computed = Arc::new(Computed {
            verdict: Arc::new(verdict),
            ..(*flow.computed).clone()
        });
        flow
    }

    #[test]
    fn a_verdict_with_a_caveat_proves_nothing() {
        let of = |caveat| {
            let flow = disagreeing(flow::Agreement::AllowedButDropped);
            let flow = with_verdict(flow, |verdict| verdict.caveats.push(caveat));
            agreement(&flow, &Snapshot::default())
        };
        assert_eq!(of(Caveat::IpBlockMatchesPod), Agreement::Undetermined);
        assert_eq!(of(Caveat::HostNetwork), Agreement::AllowedButDropped);
    }

    #[test]
    fn a_refusal_from_another_node_may_be_its_firewalls() {
        let refused = |denied_here: bool| {
            let mut flow = disagreeing(flow::Agreement::DeniedButForwarded);
            flow.observed.refused_by_peer = true;
            flow.vantages.clear();
            with_verdict(flow, |verdict| {
                verdict.ingress.decision = Decision::Denied;
                if denied_here {
                    verdict.egress.decision = Decision::Denied;
                }
            })
        };
        let of = |flow: &Flow| agreement(flow, &Snapshot::default());
        assert_eq!(of(&refused(false)), Agreement::Undetermined);
        assert_eq!(of(&refused(true)), Agreement::DeniedButForwarded);
        let mut answered = refused(false);
        answered.observed.refused_by_peer = false;
        assert_eq!(of(&answered), Agreement::DeniedButForwarded);
    }

    #[test]
    fn what_a_change_cut_off_was_allowed_when_it_opened() {
        let mut flow = disagreeing(flow::Agreement::AllowedButDropped);
        flow.observed.verdict = ObservedVerdict::Dropped;
        flow.observed.drop = Some(drop_of(DropClass::Firewall));
        flow.observed.reply_seen = true;
        assert_eq!(agreement(&flow, &changed_at(1500)), Agreement::Undetermined);
        for other in [900, 2500] {
            let agreement = agreement(&flow, &changed_at(other));
            assert_eq!(agreement, Agreement::AllowedButDropped, "{other}");
        }
        // It never got through.
        (flow.observed.reply_seen, flow.observed.delivered) = (false, false);
        let agreement = agreement(&flow, &changed_at(1500));
        assert_eq!(agreement, Agreement::AllowedButDropped);
    }

    #[test]
    fn a_change_that_is_heard_of_late_explains() {
        let flow = disagreeing(flow::Agreement::DeniedButForwarded);
        let disagrees = Agreement::DeniedButForwarded;
        for (heard, is_explained) in [(1004, true), (1020, false)] {
            let mut doubts = Doubts::new(GRACE, UNIX_EPOCH);
            let before = Snapshot::default().next(Vec::new(), Report::default(), at(1));
            assert_eq!(doubts.share(&flow, disagrees, &before).after_change, 0);
            let explained = doubts.settle(&changed_at(heard));
            assert_eq!(explained == [flow.id], is_explained, "{heard}");
            // Told again after that change.
            let mut doubts = Doubts::new(GRACE, UNIX_EPOCH);
            let share = doubts.share(&flow, disagrees, &changed_at(heard));
            assert_eq!(share.after_change == 1, is_explained, "{heard}");
        }
    }

    #[test]
    fn datagrams_soon_after_the_start_may_go_on_from_before() {
        let mut flow = disagreeing(flow::Agreement::DeniedButForwarded);
        let resumed = |flow: &Flow, started| {
            let mut doubts = Doubts::new(GRACE, at(started));
            let disagrees = Agreement::DeniedButForwarded;
            doubts.share(flow, disagrees, &Snapshot::default()).resumed
        };
        assert_eq!(resumed(&flow, 990), 0);
        flow.protocol = 17;
        assert_eq!((resumed(&flow, 990), resumed(&flow, 500)), (1, 0));
    }
}
