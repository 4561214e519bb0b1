//! Who there is to be compared, from what is remembered.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::dialect::Dialect;
use crate::history::{History, Present};
use crate::inventory::Inventory;
use crate::model::{Namespace, Object, Phase, Pod, Workload};

/// Namespace and what runs the pods.
type Key<'a> = (&'a str, &'a Workload);

/// An inventory without policies: nodes, Services, and for each workload pods that stand for those it has. Of a workload
/// without pods now, such as a Job that ended, those that it had last. Objects that are proposed, such as Deployments with
/// other labels, take the place of what is remembered of them. Policies are read as the agents read them.
#[must_use]
pub fn population(history: &History, proposed: &[Object]) -> Inventory {
    let nodes = history.cluster.iter().cloned().map(Object::Node);
    let services = history.services.iter().cloned().map(Object::Service);
    let mut objects: Vec<Object> = nodes.chain(services).collect();
    let of_history = current(&history.population);
    objects.extend(namespaces(&of_history));
    let replaced: HashSet<Key<'_>> = proposed
        .iter()
        .filter_map(|object| match object {
            Object::Template(template) => Some((&*template.namespace, template.outermost())),
            _ => None,
        })
        .collect();
    let mut numbers: HashMap<Key<'_>, usize> = HashMap::new();
    for present in &of_history {
        let key = key(present);
        if !replaced.contains(&key) {
            let number = numbers.entry(key).or_default();
            *number += 1;
            objects.push(Object::Pod(pod(present, *number)));
        }
    }
    let is_policy =
        |object: &&Object| matches!(object, Object::NetworkPolicy(_) | Object::TieredPolicy(_));
    objects.extend(proposed.iter().filter(|one| !is_policy(one)).cloned());
    let mut dialects = history.nodes.iter();
    let dialect = dialects.find_map(|node| Dialect::named(&node.dialect));
    Inventory::new(objects)
        .with_dialect(dialect.unwrap_or_default())
        .with_pod_ranges(&history.pod_ranges())
}

fn key(present: &Present) -> Key<'_> {
    (&present.group.namespace, &present.group.workload)
}

/// Who exists now, and of each workload that has no pods now who was seen last.
fn current(population: &[Present]) -> Vec<&Present> {
    let exists = |present: &&Present| !present.pods.is_empty();
    let with_pods: HashSet<Key<'_>> = population.iter().filter(exists).map(key).collect();
    let mut last: BTreeMap<Key<'_>, &Present> = BTreeMap::new();
    for present in population {
        let key = key(present);
        if with_pods.contains(&key) {
            continue;
        }
        let known = last.entry(key).or_insert(present);
        if known.last_seen < present.last_seen {
            *known = present;
        }
    }
    let mut found: Vec<&Present> = population.iter().filter(exists).collect();
    found.extend(last.into_values());
    found
}

/// Each namespace with the labels that it was seen with last.
fn namespaces(population: &[&Present]) -> Vec<Object> {
    let mut last: BTreeMap<&Arc<str>, &Present> = BTreeMap::new();
    for present in population {
        let known = last.entry(&present.group.namespace).or_insert(present);
        if known.last_seen < present.last_seen {
            *known = present;
        }
    }
    let namespaces = last.into_values().map(|present| {
        Object::Namespace(Namespace {
            name: present.group.namespace.clone(),
            labels: present.group.namespace_labels.clone(),
        })
    });
    namespaces.collect()
}

/// A pod that stands for its group, under a name that no pod can have; one on its own stands for itself.
fn pod(present: &Present, number: usize) -> Pod {
    let group = &present.group;
    let Workload { kind, name } = &group.workload;
    let (name, workload) = if &**kind == "Pod" {
        (name.clone(), None)
    } else {
        let name = match number {
            1 => format!("{name}[{kind}]"),
            number => format!("{name}[{kind} {number}]"),
        };
        (name.into(), Some(group.workload.clone()))
    };
    Pod {
        uid: "".into(),
        namespace: group.namespace.clone(),
        name,
        labels: group.labels.clone(),
        phase: Phase::Running,
        addresses: Vec::new(),
        node: None,
        host_network: group.host_network,
        ports: group.ports.clone(),
        controller: workload.clone(),
        workload,
        started: None,
    }
}
