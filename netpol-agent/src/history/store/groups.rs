//! Pod groups have rows of their own, and edges name them by number: labels would make each edge five times as large.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use netpol_history::Encoder;
use netpol_policy::history::{EdgeKey, Party, PodGroup};

/// So many groups that no row names any more may be remembered by the encoder.
const FORGOTTEN: usize = 1024;

/// The groups that rows name.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Numbers them.
    pub(super) encoder: Encoder,
    named: HashMap<u64, Named>,
    /// Named for the first time, or no more, since rows of groups were last written.
    touched: BTreeSet<u64>,
    forgotten: usize,
}

#[derive(Debug)]
struct Named {
    group: Arc<PodGroup>,
    /// By so many rows.
    by: u32,
}

impl Groups {
    /// Of a store that holds these, and no row yet that names them.
    pub(super) fn of(groups: impl IntoIterator<Item = (u64, Arc<PodGroup>)>) -> Self {
        Self {
            encoder: Encoder::resume(groups),
            ..Self::default()
        }
    }

    /// Has the rows of groups removed that no row names: they were left behind.
    pub(super) fn remove_unnamed(&mut self, known: impl IntoIterator<Item = u64>) {
        let named = &self.named;
        let unnamed = known
            .into_iter()
            .filter(|number| !named.contains_key(number));
        self.touched = unnamed.collect();
    }

    /// A row is there that names it.
    pub(super) fn refer(&mut self, group: &Arc<PodGroup>) {
        let number = self.encoder.group(group);
        let named = self.named.entry(number).or_insert_with(|| Named {
            group: group.clone(),
            by: 0,
        });
        named.by += 1;
        if named.by == 1 {
            self.touched.insert(number);
        }
    }

    /// A row that named it is gone.
    pub(super) fn release(&mut self, group: &Arc<PodGroup>) {
        let number = self.encoder.group(group);
        if let Some(named) = self.named.get_mut(&number) {
            named.by = named.by.saturating_sub(1);
            if named.by == 0 {
                self.named.remove(&number);
                self.touched.insert(number);
                self.forgotten += 1;
            }
        }
    }

    /// What is to be done to rows of groups, in order of their numbers: written, or removed where nothing names them any more.
    pub(super) fn settle(&mut self) -> Vec<(u64, Option<Arc<PodGroup>>)> {
        let named = &self.named;
        let changes = std::mem::take(&mut self.touched)
            .into_iter()
            .map(|number| (number, named.get(&number).map(|named| named.group.clone())))
            .collect();
        // Which are new is known here by who names them.
        drop(self.encoder.new_groups());
        if self.forgotten > FORGOTTEN {
            let named = self.named.iter();
            let named = named.map(|(number, named)| (*number, named.group.clone()));
            self.encoder = Encoder::resume(named);
            self.forgotten = 0;
        }
        changes
    }
}

/// The groups that an edge names.
pub(super) fn of_edge(key: &EdgeKey) -> impl Iterator<Item = &Arc<PodGroup>> {
    [&key.source, &key.destination]
        .into_iter()
        .filter_map(|party| match party {
            Party::Pods(group) => Some(group),
            Party::Node { .. }
            | Party::Service { .. }
            | Party::Outside(_)
            | Party::Unknown(_)
            | Party::Many => None,
        })
}
