//! Who exists, and who existed lately.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;
use netpol_policy::history::{PodGroup, Present};
use netpol_policy::model::Labels;

use super::groups::Groups;
use super::table::Table;
use crate::inventory::Snapshot;

/// Groups of pods that are gone and are remembered all the same, at about a kilobyte each.
const MOST_GONE: usize = 20_000;

/// Pods by node.
type Counts = BTreeMap<Arc<str>, u32>;

/// Groups of pods, now and lately.
#[derive(Default)]
pub(super) struct Population {
    present: Table<Arc<PodGroup>, Present>,
    generation: u64,
}

impl Population {
    /// Takes in which pods an inventory holds. Looks at all of them, at about half a microsecond each. Gives how many groups had
    /// to be forgotten to make room.
    pub(super) fn follow(
        &mut self,
        snapshot: &Snapshot,
        groups: &mut Groups,
        now: SystemTime,
    ) -> u64 {
        if snapshot.generation() == self.generation {
            return 0;
        }
        self.generation = snapshot.generation();
        let counted = count(snapshot, groups);
        let present = self.present.iter();
        let vanished: Vec<Arc<PodGroup>> = present
            .filter(|(group, one)| !one.pods.is_empty() && !counted.contains_key(&place(group)))
            .map(|(group, _)| group.clone())
            .collect();
        for group in vanished {
            if let Some(one) = self.present.get_mut(&group) {
                one.pods.clear();
                one.last_seen = one.last_seen.max(now);
            }
        }
        for (group, pods) in counted.into_values() {
            match self.present.get(&group) {
                Some(one) if one.pods == pods => {}
                Some(_) => {
                    if let Some(one) = self.present.get_mut(&group) {
                        one.pods = pods;
                        one.last_seen = one.last_seen.max(now);
                    }
                }
                None => {
                    let one = Present {
                        group: group.clone(),
                        pods,
                        first_seen: now,
                        last_seen: now,
                    };
                    self.present.insert(group, one);
                }
            }
        }
        self.drop_oldest()
    }

    /// Takes in what the store holds. Of what was there then it is known that it was there until `watched`.
    pub(super) fn load(&mut self, mut held: Present, groups: &mut Groups, watched: SystemTime) {
        let group = groups.only((*held.group).clone());
        held.group = group.clone();
        if !held.pods.is_empty() {
            held.last_seen = held.last_seen.max(watched);
        }
        match self.present.is_stored_too(&group) {
            // Seen before the store could be opened.
            Some(known) => known.first_seen = known.first_seen.min(held.first_seen),
            None => {
                self.present.load(group, held);
                self.generation = 0;
            }
        }
    }

    /// Forgets who was gone at a time.
    pub(super) fn forget_before(&mut self, horizon: SystemTime) {
        let is_over = |one: &Present| one.pods.is_empty() && one.last_seen < horizon;
        self.present.extract(|_, one| is_over(one));
    }

    /// All of them, in no order, as of `now`.
    pub(super) fn all(&self, now: SystemTime) -> Vec<Present> {
        let all = self.present.iter().map(|(_, one)| {
            let mut one = one.clone();
            if !one.pods.is_empty() {
                one.last_seen = one.last_seen.max(now);
            }
            one
        });
        all.collect()
    }

    /// What is to be written.
    pub(super) fn take_changes(&mut self) -> Vec<(Arc<PodGroup>, Option<Present>)> {
        self.present.take(Present::clone)
    }

    /// The store holds nothing any more.
    pub(super) fn begin_anew(&mut self) {
        self.present.begin_anew();
    }

    /// Takes in whether that has been written.
    pub(super) fn settle(&mut self, is_written: bool) {
        self.present.settle(is_written);
    }

    fn drop_oldest(&mut self) -> u64 {
        let gone = self.present.iter().filter(|(_, one)| one.pods.is_empty());
        let mut ages: Vec<SystemTime> = gone.map(|(_, one)| one.last_seen).collect();
        if ages.len() <= MOST_GONE {
            return 0;
        }
        ages.sort_unstable();
        let before = self.present.len();
        // Some at once, so that this is not due again with the next one.
        self.forget_before(ages[ages.len() - MOST_GONE + MOST_GONE / 10]);
        (before - self.present.len()) as u64
    }
}

fn place(group: &Arc<PodGroup>) -> usize {
    Arc::as_ptr(group) as usize
}

/// Pods of each group that are there: neither finished nor gone.
fn count(
    snapshot: &Snapshot,
    groups: &mut Groups,
) -> HashMap<usize, (Arc<PodGroup>, Counts), RandomState> {
    let mut counted: HashMap<usize, (Arc<PodGroup>, Counts), RandomState> = HashMap::default();
    let mut labels: HashMap<Arc<str>, Labels, RandomState> = HashMap::default();
    let nowhere: Arc<str> = "".into();
    let inventory = snapshot.inventory();
    for pod in inventory.pods_in_any_order() {
        if pod.phase.is_finished() {
            continue;
        }
        let labels = labels
            .entry(pod.namespace.clone())
            .or_insert_with(|| inventory.namespace_labels(&pod.namespace));
        let group = groups.of(pod, snapshot.workload_of(pod), labels);
        let (_, nodes) = counted
            .entry(place(&group))
            .or_insert_with(|| (group, Counts::new()));
        let node = pod.node.as_ref().unwrap_or(&nowhere);
        match nodes.get_mut(node) {
            Some(count) => *count += 1,
            None => drop(nodes.insert(node.clone(), 1)),
        }
    }
    counted
}
