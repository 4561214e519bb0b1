//! All traffic of a history, before a change of policies and after it.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::now::{LabelsOf, Present, Proposed};
use super::row::{Change, Replay, Row};
use super::touched::Touched;
use super::{Answer, Engine, Who, Why, reason};
use crate::history::{History, Port, RememberedPolicy, Traffic, traffic};
use crate::model::{Cidr, Protocol};
use crate::verdict::{Caveat, Decision};

/// How to replay.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whose labels; what is proposed for them counts after the change alone.
    pub labels: LabelsOf,
    /// Where the addresses of pods come from; empty: the `podCIDRs` of the history's nodes.
    pub pod_ranges: Vec<Cidr>,
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How much traffic has been asked about.
    pub done: usize,
    /// How much there is.
    pub total: usize,
}

/// What the policies `after` change for the traffic of a history, in place of those `before`. `report` hears of all traffic.
#[must_use]
pub fn replay(
    history: &History,
    before: &[RememberedPolicy],
    after: &[RememberedPolicy],
    options: &Options,
    mut report: impl FnMut(Progress),
) -> Replay {
    let all = traffic(history);
    let total = all.len();
    let mut sides = Sides::new(history, before, after, options);
    let mut replay = Replay::default();
    let mut places: HashMap<Place, usize, RandomState> = HashMap::default();
    for (done, traffic) in all.iter().enumerate() {
        report(Progress { done, total });
        let Some((change, before, after)) = sides.compare(traffic) else {
            replay.unchanged.add(traffic.into());
            continue;
        };
        let next = replay.rows.len();
        let place = Place {
            change,
            decisions: [before.decision(), after.decision()],
            source: Who::of(&traffic.source),
            destination: Who::of(&traffic.destination),
            protocol: traffic.protocol,
            port: traffic.port,
        };
        let place = *places.entry(place).or_insert(next);
        match replay.rows.get_mut(place) {
            Some(row) => row.add(traffic, &before, &after),
            None => replay.rows.push(Row::new(change, traffic, &before, &after)),
        }
    }
    report(Progress { done: total, total });
    let order = |row: &Row| (row.change, Reverse(row.seen.sum.all()));
    replay.rows.sort_by(|one, other| {
        let names = |row: &Row| (row.source.clone(), row.destination.clone());
        let ports = |row: &Row| (row.protocol, row.port);
        (order(one).cmp(&order(other)))
            .then_with(|| names(one).cmp(&names(other)))
            .then_with(|| ports(one).cmp(&ports(other)))
    });
    replay
}

/// Whether it is another answer where policies see the address of the Service that was dialled.
fn translated(answer: &Answer) -> bool {
    answer.verdict.caveats.contains(&Caveat::AddressTranslated)
}

/// What traffic of one row has in common.
#[derive(PartialEq, Eq, Hash)]
struct Place {
    change: Change,
    /// Before and after.
    decisions: [Decision; 2],
    source: Who,
    destination: Who,
    protocol: Protocol,
    port: Port,
}

/// Both sets of policies.
struct Sides {
    before: Engine,
    after: Engine,
    /// `None` where labels change too, so that all traffic may be concerned.
    touched: Option<Touched>,
}

impl Sides {
    fn new(
        history: &History,
        before: &[RememberedPolicy],
        after: &[RememberedPolicy],
        options: &Options,
    ) -> Self {
        let engine = |policies, labels| match options.pod_ranges.as_slice() {
            [] => Engine::new(history, policies, labels),
            ranges => Engine::with_pod_ranges(history, policies, labels, ranges),
        };
        let (old, present) = match &options.labels {
            LabelsOf::FlowTime => (LabelsOf::FlowTime, Some(None)),
            LabelsOf::Now(proposed) => {
                let nothing = Proposed::default();
                let present = proposed
                    .is_empty()
                    .then(|| Some(Present::new(history, &nothing)));
                (LabelsOf::Now(nothing), present)
            }
        };
        Self {
            touched: present.map(|present| Touched::of(before, after, present)),
            before: engine(before, old),
            after: engine(after, options.labels.clone()),
        }
    }

    /// What changes, and both answers; `None` where nothing does.
    fn compare(&mut self, traffic: &Traffic) -> Option<(Change, Answer, Answer)> {
        if let Some(touched) = &mut self.touched
            && !touched.has(traffic)
        {
            return None;
        }
        let mut before = self.before.answer(traffic);
        let mut after = self.after.answer(traffic);
        let change = match (before.decision(), after.decision()) {
            (Decision::Unknown, _) | (_, Decision::Unknown) => Change::Unknown,
            (Decision::Allowed, Decision::Denied) => Change::NewlyDenied,
            (Decision::Denied, Decision::Allowed) => Change::NewlyAllowed,
            // Alike for those who see the backend's address, and not for those who see the Service's (rule 18).
            _ if translated(&before) != translated(&after) => Change::Unknown,
            (Decision::Allowed, Decision::Allowed) | (Decision::Denied, Decision::Denied) => {
                let reasons = [&before, &after].map(|answer| reason::reasons(&answer.verdict));
                if !reason::differ(&reasons[0], &reasons[1]) {
                    return None;
                }
                Change::OtherReason
            }
        };
        if change == Change::Unknown {
            for answer in [&mut before, &mut after] {
                let why = Why::Undecided(Caveat::AddressTranslated);
                answer.unknown.extend(translated(answer).then_some(why));
            }
        }
        Some((change, before, after))
    }
}
