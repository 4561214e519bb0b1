//! Whose labels pods are taken to have: those they had then, or those that their workload has now.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;

use crate::history::{History, PodGroup};
use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::model::{Labels, Namespace, Template, Workload};

/// Whose labels to ask policies about.
#[derive(Clone, Debug, Default)]
pub enum LabelsOf {
    /// Those that pods and namespaces had when the traffic went.
    #[default]
    FlowTime,
    /// Those that pods of the same workload and the same namespace have now, or will have.
    Now(Proposed),
}

/// Labels that are proposed with policies, in place of those that are.
#[derive(Clone, Debug, Default)]
pub struct Proposed {
    /// Namespaces.
    pub namespaces: Vec<Namespace>,
    /// What makes pods.
    pub templates: Vec<Arc<Template>>,
}

impl Proposed {
    pub(super) fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && self.templates.is_empty()
    }
}

/// Who exists now.
#[derive(Debug)]
pub(super) struct Present {
    groups: HashMap<(Arc<str>, Workload), Vec<Arc<PodGroup>>, RandomState>,
    namespaces: HashMap<Arc<str>, Labels, RandomState>,
}

impl Present {
    /// From the population of a history, and what is proposed for it.
    pub(super) fn new(history: &History, proposed: &Proposed) -> Self {
        let mut present = Self {
            groups: HashMap::default(),
            namespaces: namespaces(history, proposed),
        };
        let lives = history.population.iter().filter(|one| !one.pods.is_empty());
        for one in lives {
            let group = present.labelled(&one.group);
            let key = (group.namespace.clone(), group.workload.clone());
            let groups = present.groups.entry(key).or_default();
            // Groups may differ in the labels that their namespace had, which now has one set.
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        for template in &proposed.templates {
            let workload = template.outermost();
            let group = Arc::new(PodGroup {
                namespace: template.namespace.clone(),
                namespace_labels: Labels::default(),
                workload: workload.clone(),
                labels: PodGroup::lasting(&template.pod.labels),
                ports: template.pod.ports.clone(),
                host_network: template.pod.host_network,
            });
            let group = present.labelled(&group);
            let key = (group.namespace.clone(), group.workload.clone());
            present.groups.insert(key, vec![group]);
        }
        present
    }

    /// The groups of a group's workload now; empty where nobody runs it.
    pub(super) fn groups(&self, then: &PodGroup) -> &[Arc<PodGroup>] {
        let key = (then.namespace.clone(), then.workload.clone());
        self.groups.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The same group with the labels that its namespace has now.
    fn labelled(&self, group: &Arc<PodGroup>) -> Arc<PodGroup> {
        let labels = match self.namespaces.get(&group.namespace) {
            Some(labels) => Cow::Borrowed(labels),
            None => Cow::Owned(Labels::default().with(NAMESPACE_NAME_LABEL, &group.namespace)),
        };
        if *labels == group.namespace_labels {
            return group.clone();
        }
        Arc::new(PodGroup {
            namespace_labels: labels.into_owned(),
            ..PodGroup::clone(group)
        })
    }
}

/// What is proposed with other labels than it has now, as people name it, in order. What nobody runs yet has none.
#[must_use]
pub fn relabelled(history: &History, proposed: &Proposed) -> BTreeSet<String> {
    let now = Present::new(history, &Proposed::default());
    let workloads = proposed.templates.iter().filter_map(|template| {
        let key = (template.namespace.clone(), template.outermost().clone());
        let labels = PodGroup::lasting(&template.pod.labels);
        let groups = now.groups.get(&key)?;
        let differ = groups.iter().all(|group| group.labels != labels);
        let (namespace, Workload { kind, name }) = key;
        differ.then(|| format!("{namespace}/{name}[{kind}]"))
    });
    let namespaces = proposed.namespaces.iter().filter_map(|namespace| {
        let name = &namespace.name;
        let labels = namespace.labels.clone().with(NAMESPACE_NAME_LABEL, name);
        (*now.namespaces.get(name)? != labels).then(|| format!("namespace {name}"))
    });
    workloads.chain(namespaces).collect()
}

/// Labels of namespaces: those that were seen last, and those proposed.
fn namespaces(history: &History, proposed: &Proposed) -> HashMap<Arc<str>, Labels, RandomState> {
    let mut latest: HashMap<&Arc<str>, (SystemTime, &Labels), RandomState> = HashMap::default();
    for one in &history.population {
        let seen = (one.last_seen, &one.group.namespace_labels);
        let last = latest.entry(&one.group.namespace).or_insert(seen);
        if seen.0 > last.0 {
            *last = seen;
        }
    }
    let seen = latest
        .into_iter()
        .map(|(name, (_, labels))| (name.clone(), labels.clone()));
    let mut namespaces: HashMap<_, _, _> = seen.collect();
    for Namespace { name, labels } in &proposed.namespaces {
        let labels = labels.clone().with(NAMESPACE_NAME_LABEL, name);
        namespaces.insert(name.clone(), labels);
    }
    namespaces
}
