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

    /// Nobody was seen after a time: the clock was ahead when that was noted.
    pub(super) fn not_after(&mut self, now: SystemTime) {
        self.present.change_where(
            |one| one.last_seen > now,
            |one| {
                one.first_seen = one.first_seen.min(now);
                one.last_seen = now;
            },
        );
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use netpol_policy::manifest;

    use super::*;
    use crate::inventory::{Change, ObjectKey, Report};

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn pod(name: &str, job: &str, node: &str, phase: &str) -> Change {
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, \
             labels: {{app: sync, controller-uid: {name}}}, \
             ownerReferences: [{{controller: true, kind: Job, name: {job}, apiVersion: batch/v1, uid: u}}]}}\n\
             spec: {{nodeName: {node}}}\nstatus: {{phase: {phase}}}\n"
        );
        let read = manifest::parse(&text);
        assert_eq!(read.errors, []);
        Change::Apply(read.objects.into_iter().next().unwrap())
    }

    fn gone(name: &str) -> Change {
        Change::Remove(ObjectKey {
            kind: "Pod".into(),
            namespace: "shop".into(),
            name: name.into(),
        })
    }

    /// Workload, pods by node, and when they were seen first and last.
    type Told = (String, Vec<(String, u32)>, u64, u64);

    #[derive(Default)]
    struct Stage {
        snapshot: Snapshot,
        groups: Groups,
        population: Population,
    }

    impl Stage {
        fn change(&mut self, changes: Vec<Change>, seconds: u64) {
            self.snapshot = self.snapshot.next(changes, Report::default(), at(seconds));
            self.follow(seconds);
        }

        fn follow(&mut self, seconds: u64) {
            let (population, groups) = (&mut self.population, &mut self.groups);
            assert_eq!(population.follow(&self.snapshot, groups, at(seconds)), 0);
        }

        fn told(&self, now: u64) -> Vec<Told> {
            let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs();
            let all = self.population.all(at(now)).into_iter().map(|one| {
                let pods = one.pods.iter();
                (
                    one.group.workload.name.to_string(),
                    pods.map(|(node, count)| (node.to_string(), *count))
                        .collect(),
                    seconds(one.first_seen),
                    seconds(one.last_seen),
                )
            });
            let mut all: Vec<_> = all.collect();
            all.sort();
            all
        }
    }

    fn nodes(nodes: &[(&str, u32)]) -> Vec<(String, u32)> {
        let nodes = nodes.iter();
        nodes
            .map(|(node, count)| ((*node).to_owned(), *count))
            .collect()
    }

    #[test]
    fn a_job_is_remembered_after_its_pods_are_gone() {
        let mut stage = Stage::default();
        let pods = [("a-1", "n1"), ("a-2", "n1"), ("a-3", "n2")];
        let changes = pods.map(|(name, node)| pod(name, "a", node, "Running"));
        stage.change(changes.into(), 10);
        let counted = nodes(&[("n1", 2), ("n2", 1)]);
        assert_eq!(stage.told(15), [("a".to_owned(), counted, 10, 15)]);
        // Finished ones do not count, whether they are still there or not.
        stage.change(vec![pod("a-1", "a", "n1", "Succeeded"), gone("a-2")], 20);
        assert_eq!(
            stage.told(25),
            [("a".to_owned(), nodes(&[("n2", 1)]), 10, 25)]
        );
        stage.change(vec![gone("a-3")], 30);
        assert_eq!(stage.told(99), [("a".to_owned(), Vec::new(), 10, 30)]);
        stage.population.forget_before(at(30));
        assert_eq!(stage.told(99).len(), 1);
        stage.population.forget_before(at(31));
        assert_eq!(stage.told(99), []);
    }

    #[test]
    fn only_what_changed_is_written() {
        let mut stage = Stage::default();
        let pods = ["a", "b"].map(|job| pod(&format!("{job}-1"), job, "n1", "Running"));
        stage.change(pods.into(), 10);
        assert_eq!(stage.population.take_changes().len(), 2);
        stage.population.settle(true);
        stage.change(vec![pod("b-2", "b", "n1", "Running")], 20);
        let changes = stage.population.take_changes();
        let written: Vec<&str> = changes
            .iter()
            .map(|(group, _)| &*group.workload.name)
            .collect();
        assert_eq!(written, ["b"]);
    }

    #[test]
    fn what_the_store_holds_goes_on_or_was_there_while_the_node_watched() {
        let mut before = Stage::default();
        let pods = ["a", "b"].map(|job| pod(&format!("{job}-1"), job, "n1", "Running"));
        before.change(pods.into(), 10);
        let held = before.population.all(at(10));
        for is_late in [false, true] {
            let mut stage = Stage::default();
            let load = |stage: &mut Stage| {
                for one in &held {
                    stage
                        .population
                        .load(one.clone(), &mut stage.groups, at(50));
                }
            };
            if !is_late {
                load(&mut stage);
            }
            stage.change(vec![pod("a-7", "a", "n2", "Running")], 100);
            if is_late {
                load(&mut stage);
                stage.follow(110);
            }
            let told = stage.told(120);
            assert_eq!(told[0], ("a".to_owned(), nodes(&[("n2", 1)]), 10, 120));
            assert_eq!((&*told[1].0, told[1].1.len(), told[1].2), ("b", 0, 10));
        }
    }
}
