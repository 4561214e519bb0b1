//! Reads the maps in batches at a steady beat: counters of what changed, connections whose event was lost, what has been
//! idle too long, and every loss counter.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use aya::maps::{MapData, PerCpuArray};
use netpol_common::packet::transport;
use netpol_common::record::{
    Counter, DropKey, DropState, FlowKey, FlowState, drop_flag, flow_flag,
};
use tokio::sync::mpsc;

use super::bpf;
use super::counters::{self, Losses, SharedCounters};
use super::observation::Observation;
use crate::clock::boottime;

/// Asks of the sweeping thread.
#[derive(Debug)]
pub enum SweepCommand {
    /// Take an interface's connections out of the map.
    InterfaceDown {
        /// Its number.
        ifindex: u32,
    },
    /// Sweep once more and end.
    Stop,
}

/// The maps, and where their content goes.
pub struct Sweeper {
    /// `FLOWS`.
    pub flows: OwnedFd,
    /// `DROPS`.
    pub drops: OwnedFd,
    /// `COUNTERS`.
    pub counters: PerCpuArray<MapData, u64>,
    /// The totals for metrics.
    pub shared: Arc<SharedCounters>,
    /// The pipeline.
    pub observations: mpsc::Sender<Observation>,
    /// Time between sweeps.
    pub interval: Duration,
}

/// Seconds without a packet after which a connection leaves the map.
fn idle_limit(key: &FlowKey, state: &FlowState) -> u64 {
    if state.flags & flow_flag::ENDED != 0 {
        return 10;
    }
    match (key.protocol, state.flags & flow_flag::REPLY_SEEN != 0) {
        (transport::TCP | transport::SCTP, true) => 2 * 3600,
        (transport::TCP | transport::SCTP, false) => 120,
        (_, true) => 180,
        (_, false) => 30,
    }
}

/// Seconds after which a drop that did not happen again leaves the map.
const DROP_IDLE_LIMIT: u64 = 120;

const SECOND: u64 = 1_000_000_000;

/// Nanoseconds before a sweep that the next one looks at again. A program takes the time first and writes to the map then: what it
/// writes once a sweep has passed there may be older than the start of that sweep. Entries hold totals, so twice is as once.
const OVERLAP: u64 = SECOND / 10;

#[derive(Default)]
struct Progress {
    /// What changed since this boot time, in nanoseconds, is for the next sweep.
    since: u64,
    flows_deleted: u64,
    drops_deleted: u64,
    flows_evicted: u64,
    drops_evicted: u64,
    losses: Losses,
    down: Vec<u32>,
}

impl Sweeper {
    /// Starts the sweeping thread. It ends on [`SweepCommand::Stop`], or when the pipeline is gone.
    ///
    /// # Errors
    /// No thread could be made.
    pub fn start(
        self,
        commands: Receiver<SweepCommand>,
    ) -> std::io::Result<thread::JoinHandle<()>> {
        thread::Builder::new()
            .name("map-sweeper".to_owned())
            .spawn(move || {
                let mut progress = Progress::default();
                loop {
                    let stop = match commands.recv_timeout(self.interval) {
                        Ok(SweepCommand::InterfaceDown { ifindex }) => {
                            progress.down.push(ifindex);
                            continue;
                        }
                        Ok(SweepCommand::Stop) | Err(RecvTimeoutError::Disconnected) => true,
                        Err(RecvTimeoutError::Timeout) => false,
                    };
                    if let Err(error) = self.sweep(&mut progress) {
                        tracing::warn!(%error, "cannot read the maps");
                    }
                    if stop || self.observations.is_closed() {
                        break;
                    }
                }
            })
    }

    fn sweep(&self, progress: &mut Progress) -> std::io::Result<()> {
        let totals = counters::read(&self.counters).map_err(std::io::Error::other)?;
        self.shared.set(&totals);
        let now = boottime()?;
        let since = progress.since;
        let mut flows = Vec::new();
        let mut idle = Vec::new();
        let down = std::mem::take(&mut progress.down);
        let present = bpf::for_each(self.flows.as_fd(), |key: FlowKey, state: FlowState| {
            let age = now.saturating_sub(state.last_seen) / SECOND;
            if age > idle_limit(&key, &state) || down.contains(&key.ifindex) {
                idle.push(key);
            } else if state.last_seen >= since || state.flags & flow_flag::NEW_REPORTED == 0 {
                flows.push((key, state));
            }
        })?;
        progress.flows_evicted = progress.flows_evicted.max(evicted(
            totals[Counter::FlowsInserted as usize],
            totals[Counter::FlowsDeleted as usize] + progress.flows_deleted,
            present,
        ));
        let mut drops = Vec::new();
        let mut old = Vec::new();
        let present = bpf::for_each(self.drops.as_fd(), |key: DropKey, state: DropState| {
            if now.saturating_sub(state.last_seen) / SECOND > DROP_IDLE_LIMIT {
                old.push(key);
            } else if state.last_seen >= since || state.flags & drop_flag::REPORTED == 0 {
                drops.push((key, state));
            }
        })?;
        progress.drops_evicted = progress.drops_evicted.max(evicted(
            totals[Counter::DropsInserted as usize],
            progress.drops_deleted,
            present,
        ));
        progress.since = now.saturating_sub(OVERLAP);
        if !flows.is_empty() || !drops.is_empty() {
            self.send(Observation::Sweep { flows, drops });
        }
        for key in idle {
            if let Some(state) = bpf::lookup_and_delete(self.flows.as_fd(), &key)? {
                progress.flows_deleted += 1;
                self.send(Observation::FlowExpired { key, state });
            }
        }
        for key in old {
            progress.drops_deleted += u64::from(bpf::delete(self.drops.as_fd(), &key)?);
        }
        for ifindex in down {
            self.send(Observation::InterfaceDown { ifindex });
        }
        let evictions = [
            ("flow_map_evicted", progress.flows_evicted),
            ("drop_map_evicted", progress.drops_evicted),
        ];
        for (reason, total) in counters::losses(&totals).into_iter().chain(evictions) {
            if let Some(count) = progress.losses.since_last(reason, total) {
                self.send(Observation::Lost { reason, count });
            }
        }
        Ok(())
    }

    /// May wait for the pipeline: nothing but the next sweep waits for this thread.
    fn send(&self, observation: Observation) {
        let _ = self.observations.blocking_send(observation);
    }
}

/// Entries that left the map although nobody took them out. Counters were read before the map, so entries that came in
/// between can only make the result smaller.
fn evicted(inserted: u64, deleted: u64, present: usize) -> u64 {
    inserted
        .saturating_sub(deleted)
        .saturating_sub(present as u64)
}

#[cfg(test)]
mod tests {
    use netpol_common::packet::transport;
    use netpol_common::record::{FlowKey, FlowState, flow_flag};

    use super::{evicted, idle_limit};

    #[test]
    fn what_is_missing_was_evicted() {
        assert_eq!(evicted(100, 20, 70), 10);
        assert_eq!(evicted(100, 20, 85), 0);
    }

    #[test]
    fn an_open_connection_stays_longer_than_a_question_without_answer() {
        let key = FlowKey {
            protocol: transport::TCP,
            ..FlowKey::default()
        };
        let limit = |flags| {
            idle_limit(
                &key,
                &FlowState {
                    flags,
                    ..FlowState::default()
                },
            )
        };
        let open = limit(flow_flag::REPLY_SEEN);
        let unanswered = limit(0);
        let ended = limit(flow_flag::REPLY_SEEN | flow_flag::ENDED);
        assert!(open > unanswered && unanswered > ended);
    }
}
