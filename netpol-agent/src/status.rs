//! What the daemon says of itself: written by the pipeline, read by `GetStatus` and by the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::flow::{Lost, Stage};
use crate::kernel::observation::Interface;

/// Facts that change while the daemon runs.
#[derive(Default)]
pub struct Status {
    changing: Mutex<Changing>,
}

#[derive(Default)]
struct Changing {
    lost: BTreeMap<(Stage, &'static str), (u64, SystemTime)>,
    interfaces: BTreeMap<u32, WatchedInterface>,
    flows_per_second: f64,
}

/// A pod interface, and whose it is.
#[derive(Clone, Debug)]
pub struct WatchedInterface {
    /// The interface.
    pub interface: Interface,
    /// `namespace/name` once known.
    pub pod: Option<String>,
}

impl Status {
    fn changing(&self) -> MutexGuard<'_, Changing> {
        // Every write below leaves it whole.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds to what was lost at a stage for a reason.
    pub fn add_lost(&self, lost: &Lost) {
        let mut changing = self.changing();
        let entry = changing
            .lost
            .entry((lost.stage, lost.reason))
            .or_insert((0, lost.time));
        entry.0 += lost.count;
        entry.1 = lost.time;
    }

    /// Totals since the start.
    #[must_use]
    pub fn lost(&self) -> Vec<Lost> {
        let changing = self.changing();
        let totals = changing.lost.iter();
        totals
            .map(|(&(stage, reason), &(count, time))| Lost {
                stage,
                reason,
                count,
                time,
            })
            .collect()
    }

    /// Notes an interface, or whose it is.
    pub fn set_interface(&self, interface: WatchedInterface) {
        self.changing()
            .interfaces
            .insert(interface.interface.ifindex, interface);
    }

    /// Forgets an interface.
    pub fn remove_interface(&self, ifindex: u32) {
        self.changing().interfaces.remove(&ifindex);
    }

    /// Interfaces by number.
    #[must_use]
    pub fn interfaces(&self) -> Vec<WatchedInterface> {
        self.changing().interfaces.values().cloned().collect()
    }

    /// Notes how many connections a second were published lately.
    pub fn set_flows_per_second(&self, rate: f64) {
        self.changing().flows_per_second = rate;
    }

    /// Connections a second published lately.
    #[must_use]
    pub fn flows_per_second(&self) -> f64 {
        self.changing().flows_per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_add_up_by_stage_and_reason() {
        let status = Status::default();
        for (reason, count) in [("ring_full", 2), ("queue_full", 1), ("ring_full", 3)] {
            let time = SystemTime::UNIX_EPOCH;
            status.add_lost(&Lost {
                stage: Stage::Kernel,
                reason,
                count,
                time,
            });
        }
        let totals: Vec<_> = status
            .lost()
            .into_iter()
            .map(|lost| (lost.reason, lost.count))
            .collect();
        assert_eq!(totals, [("queue_full", 1), ("ring_full", 5)]);
    }
}
