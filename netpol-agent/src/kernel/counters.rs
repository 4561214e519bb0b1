//! The kernel side's own counters, and what they say was lost.

use std::sync::atomic::{AtomicU64, Ordering};

use aya::maps::{MapData, PerCpuArray};
use netpol_common::record::Counter;

/// Sums over all CPUs, by [`Counter`].
pub type Totals = [u64; Counter::COUNT as usize];

/// Reads every counter.
///
/// # Errors
/// As the map says.
pub fn read(map: &PerCpuArray<MapData, u64>) -> Result<Totals, aya::maps::MapError> {
    let mut totals = [0; Counter::COUNT as usize];
    for (index, total) in totals.iter_mut().enumerate() {
        *total = map.get(&(index as u32), 0)?.iter().sum();
    }
    Ok(totals)
}

/// The latest totals, for whoever shows them.
#[derive(Debug, Default)]
pub struct SharedCounters([AtomicU64; Counter::COUNT as usize]);

impl SharedCounters {
    /// One counter as of the last sweep.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, totals: &Totals) {
        for (shared, total) in self.0.iter().zip(totals) {
            shared.store(*total, Ordering::Relaxed);
        }
    }
}

/// Turns growing totals into what was lost since the last time.
#[derive(Debug, Default)]
pub struct Losses {
    reported: Vec<(&'static str, u64)>,
}

impl Losses {
    /// What was lost under `reason` since it was last asked, given the total so far.
    pub fn since_last(&mut self, reason: &'static str, total: u64) -> Option<u64> {
        let reported = match self.reported.iter_mut().find(|(name, _)| *name == reason) {
            Some((_, reported)) => reported,
            None => {
                self.reported.push((reason, 0));
                &mut self.reported.last_mut()?.1
            }
        };
        let lost = total.saturating_sub(*reported);
        *reported = total.max(*reported);
        (lost > 0).then_some(lost)
    }
}

/// Losses that the counters show directly.
#[must_use]
pub fn losses(totals: &Totals) -> [(&'static str, u64); 5] {
    let of = |counter: Counter| totals[counter as usize];
    [
        (
            "ring_full",
            of(Counter::FlowEventsLost) + of(Counter::DropEventsLost),
        ),
        ("flow_map_full", of(Counter::FlowsFailed)),
        ("drop_map_full", of(Counter::DropsFailed)),
        (
            "parse_truncated",
            of(Counter::Truncated) + of(Counter::DropsUnparsed),
        ),
        ("parse_malformed", of(Counter::Malformed)),
    ]
}

#[cfg(test)]
mod tests {
    use super::Losses;

    #[test]
    fn each_loss_is_told_once() {
        let mut losses = Losses::default();
        assert_eq!(losses.since_last("ring_full", 3), Some(3));
        assert_eq!(losses.since_last("ring_full", 3), None);
        assert_eq!(losses.since_last("flow_map_full", 1), Some(1));
        assert_eq!(losses.since_last("ring_full", 5), Some(2));
        assert_eq!(losses.since_last("ring_full", 4), None);
        assert_eq!(losses.since_last("ring_full", 5), None);
    }
}
