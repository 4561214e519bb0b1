//! Numbers for pod groups, so that what is counted by millions of edges compares numbers and not sets of labels.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Party, PodGroup};

/// Gives equal groups equal numbers, as long as it lives.
#[derive(Default)]
pub(crate) struct Groups<'a> {
    /// By address: few allocations stand for all edges. Equal groups may have several.
    allocations: HashMap<*const PodGroup, u32, RandomState>,
    groups: HashMap<&'a PodGroup, u32, RandomState>,
}

/// A party, quick to compare and to hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PartyId<'a> {
    Pods(u32),
    Other(&'a Party),
}

impl<'a> Groups<'a> {
    pub(crate) fn party(&mut self, party: &'a Party) -> PartyId<'a> {
        match party {
            Party::Pods(group) => PartyId::Pods(self.group(group)),
            other => PartyId::Other(other),
        }
    }

    pub(crate) fn group(&mut self, group: &'a Arc<PodGroup>) -> u32 {
        let groups = &mut self.groups;
        *self
            .allocations
            .entry(Arc::as_ptr(group))
            .or_insert_with(|| {
                // More than four billion groups do not fit into memory.
                let next = u32::try_from(groups.len()).unwrap_or(u32::MAX);
                *groups.entry(&**group).or_insert(next)
            })
    }
}
