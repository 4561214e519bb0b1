//! What the relay itself lost since it started, for its status.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use netpol_api::v1;

/// Totals by place and reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses(Arc<Mutex<BTreeMap<(i32, String), v1::Lost>>>);

impl Losses {
    /// Counts a loss. Reasons are of a fixed vocabulary.
    pub(super) fn add(&self, stage: v1::lost::Stage, reason: &str, count: u64) {
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total = totals
            .entry((stage.into(), reason.to_owned()))
            .or_insert_with(|| v1::Lost {
                stage: stage.into(),
                reason: reason.to_owned(),
                ..v1::Lost::default()
            });
        total.count += count;
        total.time = Some(SystemTime::now().into());
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<v1::Lost> {
        let totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        totals.values().cloned().collect()
    }
}
