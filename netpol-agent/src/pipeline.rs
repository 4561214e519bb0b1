//! From observations to the flow log: one task, which waits for nothing but its input.
//!
//! ```text
//! Observation ─► tracker ─► enrich ─► judge ─► summary ─► flow log
//!                 one        who       agree?   in words
//!             connection   and policy
//!                            │ ▲
//!                            ▼ │ not known yet
//!                          awaited
//! ```

mod revision;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use netpol_common::record::{Address, EventKind};
use netpol_policy::cache::VerdictCache;

use crate::awaited::{Awaited, Times};
use crate::binding::Bindings;
use crate::clock::Clock;
use crate::enforcement::Enforcement;
use crate::enrich::{Context, Enricher};
use crate::flow::{Lost, Progress, Stage, ip_address};
use crate::inventory::Snapshot;
use crate::kernel::observation::Observation;
use crate::local_node::LocalNode;
use crate::log::FlowLog;
use crate::metrics::Metrics;
use crate::status::Status;
use crate::tracker::{Holders, Tracker};
use revision::{compose, previous_of};

pub(crate) use revision::port_words;

/// Answers of the policy engine that are kept, at some hundred bytes each. The pods of a node have some thousand different
/// peers and ports together.
const VERDICTS_KEPT: usize = 16_384;

/// Settings of the pipeline.
#[derive(Clone, Copy, Debug)]
pub struct PipelineConfig {
    /// As in [`crate::tracker::TrackerConfig`]; named in sentences.
    pub answer_timeout: Duration,
    /// How long before a connection a change of the inventory is worth mentioning.
    pub grace: Duration,
    /// How long after its first packet a connection is told at the latest, where an end is not known yet.
    pub address_wait: Duration,
}

/// Where what the pipeline finds goes.
#[derive(Clone)]
pub struct Outputs {
    /// Flows and losses, for readers.
    pub log: Arc<FlowLog>,
    /// What is watched, and what was lost.
    pub status: Arc<Status>,
    /// Whether policies are enforced at all.
    pub enforcement: Arc<Enforcement>,
    /// Figures.
    pub metrics: Metrics,
}

/// Everything between the kernel boundary and the flow log.
pub struct Pipeline {
    config: PipelineConfig,
    tracker: Tracker,
    local: LocalNode,
    bindings: Bindings,
    snapshot: Arc<ArcSwap<Snapshot>>,
    generation: Option<u64>,
    cache: VerdictCache,
    awaited: Awaited,
    log: Arc<FlowLog>,
    status: Arc<Status>,
    enforcement: Arc<Enforcement>,
    metrics: Metrics,
    clock: Clock,
}

impl Pipeline {
    /// A pipeline that has seen nothing yet.
    #[must_use]
    pub fn new(
        config: PipelineConfig,
        local: LocalNode,
        tracker: Tracker,
        snapshot: Arc<ArcSwap<Snapshot>>,
        outputs: Outputs,
        clock: Clock,
    ) -> Self {
        let Outputs {
            log,
            status,
            enforcement,
            metrics,
        } = outputs;
        let bindings = Bindings::default();
        Self {
            config,
            local,
            tracker,
            bindings,
            snapshot,
            generation: None,
            cache: VerdictCache::new(VERDICTS_KEPT),
            awaited: Awaited::new(config.address_wait, metrics.clone()),
            log,
            status,
            enforcement,
            metrics,
            clock,
        }
    }

    /// Takes a fresh sample of the machine's clocks.
    pub fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    /// Takes an observation in. `now` is CLOCK_BOOTTIME in nanoseconds.
    pub fn observe(&mut self, observation: Observation, now: u64) {
        self.metrics.observations.inc();
        match observation {
            Observation::Flow {
                kind: EventKind::Drop,
                ..
            } => {
                self.lost(Stage::Pipeline, "record_malformed", 1, now);
            }
            Observation::Flow { key, state, .. } => self.tracker.flow(key, state, now),
            Observation::Drop(event) => self.tracker.drop(event.key, event.state, now),
            Observation::Sweep { flows, drops } => self.tracker.sweep(flows, drops, now),
            Observation::FlowExpired { key, state } => self.tracker.expired_flow(key, state, now),
            Observation::InterfaceUp(interface) => {
                self.bindings.up(interface, &self.status);
            }
            Observation::InterfaceDown { ifindex } => {
                self.bindings.down(ifindex, &self.status);
                self.tracker.interface_down(ifindex);
            }
            Observation::NodeAddresses(addresses) => {
                self.local.set_addresses(addresses);
                self.generation = None;
            }
            Observation::Lost { reason, count } => {
                let stage = if reason == "queue_full" {
                    Stage::Pipeline
                } else {
                    Stage::Kernel
                };
                self.lost(stage, reason, count, now);
            }
        }
    }

    /// Publishes what is due.
    pub fn tick(&mut self, now: u64) {
        self.follow_inventory(now);
        let snapshot = self.snapshot.load_full();
        while let Some(due) = self.tracker.next_due(now) {
            let (first_seen, last_seen) = due.connection.seen();
            let (first, last) = (self.clock.wall(first_seen), self.clock.wall(last_seen));
            let context = match &due.connection.context {
                Some(context) if context.is_of(due.connection, snapshot.generation()) => {
                    context.clone()
                }
                _ => {
                    let mut enricher = Enricher {
                        snapshot: &snapshot,
                        cache: &self.cache,
                        local: &self.local,
                        bindings: &mut self.bindings,
                        status: &self.status,
                        grace: self.config.grace,
                    };
                    Arc::new(enricher.context(due.connection, first))
                }
            };
            let before = due.connection.context.replace(context.clone());
            let is_first = due.connection.published.is_none();
            let id = due.connection.id;
            let times = Times {
                first: first_seen,
                at: first,
                now,
            };
            // Before the first inventory nothing is known of anybody.
            let may_wait = is_first && snapshot.generation() > 0;
            if may_wait && let Some(until) = self.awaited.hold(id, &context.unnamed, times) {
                self.tracker.put_off(id, until);
                continue;
            }
            let is_same = |before: &Context| before.says_the_same(&context);
            if due.connection.published.as_ref() == Some(&due.revision)
                && before.as_deref().is_some_and(is_same)
            {
                continue;
            }
            let observed = due.revision.observed.clone();
            let previous = due.connection.publish(due.revision);
            let previous =
                previous.map(|published| previous_of(published, before.as_deref(), &context));
            self.awaited
                .published(id, &context.unnamed, is_first, times);
            let mut flow = compose(
                due.connection,
                observed,
                &context,
                [first, last],
                &self.bindings,
                self.config.answer_timeout,
            );
            flow.previous = previous;
            self.metrics.published(&flow);
            self.enforcement.published(&flow);
            self.log.publish(Arc::new(flow));
        }
        self.tell_going_on(now);
        self.awaited.forget(now);
        self.tracker.forget(now);
        let evicted = self.tracker.take_evicted();
        if evicted > 0 {
            self.lost(Stage::Pipeline, "tracker_full", evicted, now);
        }
        let connections = i64::try_from(self.tracker.len()).unwrap_or(i64::MAX);
        self.metrics.connections.set(connections);
        let verdicts = i64::try_from(self.cache.len()).unwrap_or(i64::MAX);
        self.metrics.verdict_cache_entries.set(verdicts);
    }

    fn tell_going_on(&mut self, now: u64) {
        if !self.log.follows_open() {
            return;
        }
        let clock = self.clock;
        let going_on = self.tracker.going_on(now).map(|connection| {
            let [forward, reply] = connection.counters();
            let last_seen = clock.wall(connection.seen().1);
            Progress {
                id: connection.id,
                last_seen,
                forward,
                reply,
            }
        });
        let going_on: Vec<Progress> = going_on.collect();
        if !going_on.is_empty() {
            self.log.publish_open(going_on);
        }
    }

    fn follow_inventory(&mut self, now: u64) {
        let snapshot = self.snapshot.load_full();
        if self.generation == Some(snapshot.generation()) {
            return;
        }
        self.generation = Some(snapshot.generation());
        self.bindings.follow(&snapshot, &self.status);
        self.local.follow(&snapshot);
        for id in self.awaited.learnt(&snapshot) {
            self.tracker.tell_again(id, now);
        }
        let local = self.local.addresses();
        self.tracker
            .set_holders(Arc::new(KnownHolders { snapshot, local }));
    }

    fn lost(&self, stage: Stage, reason: &'static str, count: u64, now: u64) {
        let lost = Lost {
            stage,
            reason,
            count,
            time: self.clock.wall(now),
        };
        self.metrics.lost(stage, reason, count);
        self.status.add_lost(&lost);
        self.log.publish_lost(lost);
    }
}

/// Holders as the inventory and this node's interfaces tell them.
struct KnownHolders {
    snapshot: Arc<Snapshot>,
    local: HashSet<IpAddr>,
}

impl Holders for KnownHolders {
    fn is_node(&self, address: Address) -> bool {
        let address = ip_address(address);
        // Where IPVS serves Services, their addresses stand on an interface of the node and are none of its own.
        self.snapshot.node_at(address).is_some()
            || self.local.contains(&address) && self.snapshot.service_at(address).is_none()
    }

    fn is_pod(&self, address: Address) -> bool {
        self.snapshot.is_pod_address(ip_address(address))
    }
}

#[cfg(test)]
mod tests;
