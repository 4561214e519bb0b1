//! From revisions of connections to what is remembered.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;
use netpol_policy::history::{EdgeKey, EdgeTotals, History, PolicyName, RuleKey, UseTotals};
use netpol_policy::verdict::Direction;

use super::connections::{Connections, Counted, Known};
use super::doubt::Doubts;
use super::edges::settled;
use super::matched::{Match, of_direction};
use super::memory::Memory;
use super::reading::{Reader, share};
use crate::flow::{Flow, Lost, ObservedVerdict, Progress, Stage};
use crate::inventory::Snapshot;
use crate::metrics::Metrics;
use crate::status::Status;

/// Counts connections, each once, by what its latest revision says.
pub(super) struct Recorder {
    pub(super) memory: Memory,
    connections: Connections,
    doubts: Doubts,
    hasher: RandomState,
    losses: Losses,
}

/// Counts what could not be remembered.
#[derive(Clone)]
pub(super) struct Losses {
    pub(super) metrics: Metrics,
    pub(super) status: Arc<Status>,
}

impl Losses {
    pub(super) fn add(&self, reason: &'static str, count: u64) {
        if count == 0 {
            return;
        }
        let lost = Lost {
            stage: Stage::History,
            reason,
            count,
            time: SystemTime::now(),
        };
        self.metrics.lost(lost.stage, reason, count);
        self.status.add_lost(&lost);
    }
}

impl Recorder {
    /// A recorder that remembers how so many connections were counted.
    pub(super) fn new(memory: Memory, connections: usize, doubts: Doubts, losses: Losses) -> Self {
        Self {
            memory,
            connections: Connections::new(connections),
            doubts,
            hasher: RandomState::default(),
            losses,
        }
    }

    /// Takes a revision in; `snapshot` is the latest inventory.
    pub(super) fn take(&mut self, flow: &Flow, snapshot: &Snapshot, now: SystemTime) {
        // Before the first inventory nothing is known of anybody. What is learnt later is told again.
        if flow.computed.generation == 0 {
            return;
        }
        if flow.computed.generation > self.memory.policies.generation() {
            self.memory.policies.follow(snapshot, now);
        }
        self.explain(snapshot);
        let node = self.memory.node().clone();
        let mut reader = Reader {
            node: &node,
            groups: &mut self.memory.groups,
            snapshot,
        };
        let key = reader.key(flow);
        let matches: Vec<Match<'_>> = [Direction::Egress, Direction::Ingress]
            .into_iter()
            .filter(|direction| reader.is_local(flow, *direction))
            .flat_map(|direction| of_direction(&flow.computed.verdict, direction))
            .collect();
        let said = self.hasher.hash_one((&key, &matches, flow.mid_stream));
        let counted = match self.connections.take(flow.id) {
            // A first revision was never counted, whatever was forgotten since the number was given.
            Known::Perhaps if flow.revision == 1 => self.count(flow, snapshot, key, &matches, said),
            Known::Counted(counted) if counted.said == said => {
                self.grow(counted, &Carried::of(flow))
            }
            Known::Counted(counted) => {
                self.take_back(&counted);
                self.count(flow, snapshot, key, &matches, said)
            }
            Known::New => self.count(flow, snapshot, key, &matches, said),
            // Counting it again would be worse than to leave out what it has come to since.
            Known::Perhaps => return self.memory.edges.touch(key, flow.last_seen),
        };
        self.connections.put(flow.id, counted);
    }

    /// Takes in who exists.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, now: SystemTime) {
        self.explain(snapshot);
        let memory = &mut self.memory;
        memory.cluster.follow(snapshot);
        let evicted = memory.population.follow(snapshot, &mut memory.groups, now);
        self.losses.add("groups_evicted", evicted);
        memory.groups.forget();
    }

    /// Takes in what the store holds.
    pub(super) fn load(&mut self, history: History) {
        let evicted = self.memory.load(history);
        self.losses.add("edges_evicted", evicted);
    }

    /// Shows how much is remembered.
    pub(super) fn show(&self) {
        let (edges, uses) = (self.memory.edges.len(), self.memory.uses.len());
        self.losses
            .metrics
            .history(edges, uses, self.memory.edges.folded());
    }

    /// Counts revisions that were not taken in.
    pub(super) fn missed(&self, revisions: u64) {
        self.losses.add("history_behind", revisions);
    }

    fn count(
        &mut self,
        flow: &Flow,
        snapshot: &Snapshot,
        key: EdgeKey,
        matches: &[Match<'_>],
        said: u64,
    ) -> Counted {
        let share = self.doubts.share(flow, key.agreement, snapshot);
        let mut uses = Vec::with_capacity(matches.len());
        let is_forwarded = flow.observed.verdict == ObservedVerdict::Forwarded;
        for one in matches {
            let policies = &self.memory.policies;
            let generation = flow.computed.generation;
            let Some(fingerprint) = policies.fingerprint(one.policy, generation) else {
                self.losses.add("policy_unseen", 1);
                continue;
            };
            let key = RuleKey {
                node: self.memory.node().clone(),
                policy: PolicyName::of(one.policy),
                fingerprint,
                direction: one.direction,
                part: one.part,
            };
            let totals = use_of(&share, one.is_sole, is_forwarded);
            let (key, evicted) = self.memory.uses.add(key, &totals);
            self.losses.add("uses_evicted", evicted);
            uses.push((key, one.is_sole));
        }
        let (place, evicted) = self.memory.edges.add(key, share.clone());
        self.losses.add("edges_evicted", evicted);
        Counted {
            said,
            place,
            packets: share.packets,
            bytes: share.bytes,
            is_opened: share.connections == 1,
            is_forwarded,
            is_after_change: share.after_change == 1,
            uses: uses.into(),
        }
    }

    /// Notes what turns out to be due to a change.
    fn explain(&mut self, snapshot: &Snapshot) {
        for id in self.doubts.settle(snapshot) {
            let Known::Counted(mut counted) = self.connections.take(id) else {
                continue;
            };
            if counted.is_opened && !counted.is_after_change {
                counted.is_after_change = true;
                self.memory
                    .edges
                    .change(&counted.place, |totals| totals.after_change += 1);
            }
            self.connections.put(id, counted);
        }
    }

    fn take_back(&mut self, counted: &Counted) {
        let share = share_of(counted);
        self.memory.edges.take_back(&counted.place, &share);
        for (key, is_sole) in &counted.uses {
            let totals = use_of(&share, *is_sole, counted.is_forwarded);
            self.memory.uses.take_back(key, &totals);
        }
    }

    /// Takes in that an open connection went on. One that is not known any more may have been counted elsewhere.
    pub(super) fn go_on(&mut self, progress: &Progress) {
        if let Known::Counted(counted) = self.connections.take(progress.id) {
            let now = Carried {
                packets: progress.forward.packets + progress.reply.packets,
                bytes: progress.forward.bytes + progress.reply.bytes,
                last_seen: progress.last_seen,
            };
            let counted = self.grow(counted, &now);
            self.connections.put(progress.id, counted);
        }
    }

    /// Adds what came since to where a connection counts already.
    fn grow(&mut self, mut counted: Counted, now: &Carried) -> Counted {
        // Fewer than before where they come from another interface by now.
        let change = |total: &mut u64, before: u64, now: u64| {
            *total = total.saturating_sub(before).saturating_add(now);
        };
        counted.place = settled(&counted.place).clone();
        self.memory.edges.change(&counted.place, |totals| {
            change(&mut totals.packets, counted.packets, now.packets);
            change(&mut totals.bytes, counted.bytes, now.bytes);
            totals.last_seen = totals.last_seen.max(now.last_seen);
        });
        for (key, _) in &counted.uses {
            self.memory.uses.change(key, |totals| {
                change(&mut totals.bytes, counted.bytes, now.bytes);
                totals.last_seen = totals.last_seen.max(now.last_seen);
            });
        }
        (counted.packets, counted.bytes) = (now.packets, now.bytes);
        counted
    }
}

/// What a connection carried so far.
struct Carried {
    packets: u64,
    bytes: u64,
    last_seen: SystemTime,
}

impl Carried {
    fn of(flow: &Flow) -> Self {
        let share = share(flow);
        Self {
            packets: share.packets,
            bytes: share.bytes,
            last_seen: share.last_seen,
        }
    }
}

/// What a connection came to where it was counted. Its times are not remembered.
fn share_of(counted: &Counted) -> EdgeTotals {
    EdgeTotals {
        connections: counted.is_opened.into(),
        resumed: (!counted.is_opened).into(),
        packets: counted.packets,
        bytes: counted.bytes,
        first_seen: SystemTime::UNIX_EPOCH,
        last_seen: SystemTime::UNIX_EPOCH,
        after_change: counted.is_after_change.into(),
        longest_after_change: None,
    }
}

/// What a connection comes to for a part of a policy.
fn use_of(share: &EdgeTotals, is_sole: bool, is_forwarded: bool) -> UseTotals {
    UseTotals {
        hits: share.connections,
        sole: if is_sole { share.connections } else { 0 },
        resumed: share.resumed,
        forwarded: is_forwarded.into(),
        bytes: share.bytes,
        first_seen: share.first_seen,
        last_seen: share.last_seen,
    }
}

#[cfg(test)]
mod tests;
