//! Who exists, and who existed lately.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::PodGroup;

/// Pods of one kind, over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Present {
    /// Who.
    pub group: Arc<PodGroup>,
    /// How many there are now, by node; the empty name for those on none. Empty where there are none now: a Job that ended, a
    /// workload that is gone or has other labels now.
    pub pods: BTreeMap<Arc<str>, u32>,
    /// When the first was seen.
    pub first_seen: SystemTime,
    /// When there was one last.
    pub last_seen: SystemTime,
}
