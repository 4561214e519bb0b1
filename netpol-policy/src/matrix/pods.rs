//! Pods into parties: those of one workload that no policy can tell apart are one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::blocks::Blocks;
use super::party::Pods;
use super::table::Omitted;
use super::vocabulary::{Trait, Vocabulary};
use crate::inventory::Inventory;
use crate::model::{Pod, Workload};

/// A party of pods, and the pods that are asked about in its place.
pub(crate) struct Group {
    pub(crate) pods: Pods,
    /// One for each set of listed blocks that the pods' addresses lie in: `ipBlock` may tell them apart (rule 17).
    pub(crate) representatives: Vec<Representative>,
    /// The same for groups that no policy can tell apart, whatever they are called.
    pub(crate) class: usize,
}

/// A pod that stands for others.
pub(crate) struct Representative {
    pub(crate) pod: Arc<Pod>,
    /// Another pod like it, for connections within the workload; a pod on its own has none.
    pub(crate) sibling: Option<Arc<Pod>>,
    /// Those of its addresses that policies may tell apart.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Group {
    /// One of the pods, for what they have in common.
    pub(crate) fn pod(&self) -> &Pod {
        // A group is made with its first pod, so there is one.
        &self.representatives[0].pod
    }
}

/// All parties of pods, by namespace, name and kind; and how many pods are left out.
pub(crate) fn groups(
    inventory: &Inventory,
    blocks: &Blocks,
    vocabulary: &Vocabulary<'_>,
    omitted: &mut Omitted,
) -> Vec<Group> {
    let controllers: HashMap<_, _> = inventory
        .templates()
        .filter_map(|template| {
            let controller = template.controller.as_ref()?;
            Some(((&*template.namespace, &template.workload), controller))
        })
        .collect();
    // What runs a pod: its own controller's controller, where a template tells.
    let workload_of = |pod: &Pod| {
        let workload = pod.workload.as_ref()?;
        let above = controllers.get(&(&*pod.namespace, workload));
        Some(above.map_or_else(|| workload.clone(), |above| (*above).clone()))
    };
    let mut found: BTreeMap<Key, Building> = BTreeMap::new();
    let mut add = |pod: &Arc<Pod>, workload: Option<Workload>, is_live: bool| {
        let is_of_workload = workload.is_some();
        let key = Key::of(pod, workload, vocabulary);
        let building = found.entry(key).or_default();
        building.live.extend(is_live.then(|| pod.name.clone()));
        building.add(pod, is_of_workload, blocks);
    };
    let mut with_live_pods = BTreeSet::new();
    for pod in inventory.pods() {
        if pod.phase.is_finished() {
            omitted.finished_pods += 1;
            continue;
        }
        let workload = workload_of(pod);
        if let Some(workload) = &workload {
            with_live_pods.insert((pod.namespace.clone(), workload.clone()));
        }
        if let Some(workload) = &pod.workload {
            with_live_pods.insert((pod.namespace.clone(), workload.clone()));
        }
        if let Some(controller) = &pod.controller {
            with_live_pods.insert((pod.namespace.clone(), controller.clone()));
        }
        if pod.host_network {
            omitted.host_network_pods += 1;
            continue;
        }
        add(pod, workload, true);
    }
    for template in inventory.templates() {
        let has_live = |workload: &Workload| {
            with_live_pods.contains(&(template.namespace.clone(), workload.clone()))
        };
        let is_made_by_another = template
            .controller
            .as_ref()
            .is_some_and(|above| !inventory.pods_of(&template.namespace, above).is_empty());
        if has_live(&template.workload) || is_made_by_another {
            continue;
        }
        if template.pod.host_network {
            omitted.host_network_pods += 1;
            continue;
        }
        let workload = template.outermost();
        add(&template.pod, Some(workload.clone()), false);
    }
    let variants = variants(found.keys());
    let mut classes = HashMap::new();
    found
        .into_iter()
        .zip(variants)
        .map(|((key, building), variant)| {
            let (places, representatives) = building.representatives.into_iter().unzip();
            let next = classes.len();
            let seen: (_, _, Vec<Places>) = (key.namespace.clone(), key.traits, places);
            Group {
                pods: Pods {
                    namespace: key.namespace,
                    name: key.name,
                    kind: key.kind,
                    variant,
                    live: building.live,
                },
                representatives,
                class: *classes.entry(seen).or_insert(next),
            }
        })
        .collect()
}

/// Pods with one key are one party.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    namespace: Arc<str>,
    name: Arc<str>,
    kind: Option<Arc<str>>,
    /// What policies can tell it from others by.
    traits: BTreeSet<Trait>,
}

impl Key {
    fn of(pod: &Pod, workload: Option<Workload>, vocabulary: &Vocabulary<'_>) -> Self {
        let (name, kind) = match workload {
            Some(workload) => (workload.name, Some(workload.kind)),
            None => (pod.name.clone(), None),
        };
        Self {
            namespace: pod.namespace.clone(),
            name,
            kind,
            traits: vocabulary.traits(pod),
        }
    }

    fn is_of_one_workload(&self, other: &Self) -> bool {
        (&self.namespace, &self.name, &self.kind) == (&other.namespace, &other.name, &other.kind)
    }
}

/// What tells each key from others of its workload, as `track=canary` or `!track`; keys of one workload stand together.
fn variants<'a>(keys: impl Iterator<Item = &'a Key>) -> Vec<String> {
    let keys: Vec<&Key> = keys.collect();
    let mut variants = Vec::with_capacity(keys.len());
    for of_one in keys.chunk_by(|one, other| one.is_of_one_workload(other)) {
        let is_common = |one: &&Trait| of_one.iter().all(|key| key.traits.contains(*one));
        let telling: BTreeSet<&Trait> = of_one
            .iter()
            .flat_map(|key| &key.traits)
            .filter(|one| !is_common(one))
            .collect();
        for key in of_one {
            let own = key.traits.iter().filter(|one| telling.contains(one));
            let mut words: Vec<String> = own.map(Trait::to_string).collect();
            let has = |name: &str| key.traits.iter().any(|own| own.name() == name);
            let mut lacking: Vec<&str> = telling.iter().map(|one| one.name()).collect();
            lacking.sort_unstable();
            lacking.dedup();
            lacking.retain(|name| !has(name));
            words.extend(lacking.iter().map(|name| format!("!{name}")));
            variants.push(words.join(","));
        }
    }
    variants
}

/// The listed blocks that a pod's addresses lie in.
type Places = Vec<Option<usize>>;

#[derive(Default)]
struct Building {
    live: Vec<Arc<str>>,
    /// By the blocks that their addresses lie in.
    representatives: BTreeMap<Places, Representative>,
}

impl Building {
    fn add(&mut self, pod: &Arc<Pod>, is_of_workload: bool, blocks: &Blocks) {
        let mut addresses: BTreeMap<Option<usize>, IpAddr> = BTreeMap::new();
        for address in &pod.addresses {
            let block = if blocks.are_named() {
                blocks.innermost(*address)
            } else {
                None
            };
            addresses.entry(block).or_insert(*address);
        }
        let places = addresses.keys().copied().collect();
        self.representatives
            .entry(places)
            .or_insert_with(|| Representative {
                pod: pod.clone(),
                sibling: is_of_workload.then(|| sibling(pod)),
                addresses: addresses.into_values().collect(),
            });
    }
}

/// The same pod under another name, which no Pod object can have, so that it is not the first one itself (rule 19).
fn sibling(pod: &Pod) -> Arc<Pod> {
    let mut sibling = pod.clone();
    sibling.name = format!("{} (another pod)", pod.name).into();
    Arc::new(sibling)
}
