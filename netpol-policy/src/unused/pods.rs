//! Whom selectors match among all who exist, and who existed lately.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use super::lines::Who;
use crate::history::party::GENERATED_LABELS;
use crate::history::{PodGroup, Present, RememberedPolicy};
use crate::model::{Operator, Requirement, Selector};

/// All pods that are known, with their labels looked up once.
pub(super) struct Pods<'a> {
    /// Without those on the host network.
    groups: Vec<&'a Present>,
    /// Those on it: whether a NetworkPolicy means them is undefined (rule 21), no policy of a tier does (rule 31).
    on_hosts: Vec<&'a Present>,
    by_namespace: HashMap<&'a str, Vec<usize>>,
    by_label: HashMap<(&'a str, &'a str), Vec<usize>>,
    /// What was asked before, by all that the question says.
    known: RefCell<HashMap<String, Rc<Selected>>>,
}

/// Which of all pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the pod network: policies select them.
    Group(usize),
    /// On their node's.
    OnHost(usize),
}

/// Indices of groups, ascending, and what is asked of them for every line again.
#[derive(Debug, Default)]
pub(super) struct Selected {
    pub(super) groups: Vec<usize>,
    /// When the first of them was there.
    pub(super) first_seen: Option<SystemTime>,
    /// Whether any has pods now.
    pub(super) is_there: bool,
    /// Those of Jobs and the like that have no pods now.
    pub(super) resting: Vec<usize>,
    /// Whether these are the ones: not so where the selector asks for labels that are not remembered, and these are all that
    /// it may match.
    pub(super) is_certain: bool,
    /// Pods on the host network that it matches as well.
    pub(super) on_hosts: Vec<usize>,
}

impl Selected {
    pub(super) fn has(&self, group: usize) -> bool {
        self.groups.binary_search(&group).is_ok()
    }
}

impl<'a> Pods<'a> {
    pub(super) fn of(everybody: &'a [Present]) -> Self {
        let (on_hosts, groups): (Vec<&Present>, Vec<&Present>) = everybody
            .iter()
            .partition(|present| present.group.host_network);
        let mut by_namespace: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut by_label: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        for (index, present) in groups.iter().enumerate() {
            let namespace: &str = &present.group.namespace;
            by_namespace.entry(namespace).or_default().push(index);
            for label in present.group.labels.iter() {
                by_label.entry(label).or_default().push(index);
            }
        }
        Self {
            groups,
            on_hosts,
            by_namespace,
            by_label,
            known: RefCell::default(),
        }
    }

    pub(super) fn get(&self, group: usize) -> &'a Present {
        self.groups[group]
    }

    pub(super) fn group(&self, group: usize) -> &'a PodGroup {
        &self.groups[group].group
    }

    /// Everybody, those on the host network last.
    pub(super) fn places(&self) -> impl Iterator<Item = (&'a Arc<PodGroup>, Place)> {
        let groups = self.groups.iter().enumerate();
        let groups = groups.map(|(index, one)| (&one.group, Place::Group(index)));
        let on_hosts = self.on_hosts.iter().enumerate();
        groups.chain(on_hosts.map(|(index, one)| (&one.group, Place::OnHost(index))))
    }

    pub(super) fn is_anybody_there(&self) -> bool {
        let mut all = self.groups.iter().chain(&self.on_hosts);
        all.any(|present| is_there(present))
    }

    pub(super) fn on_host(&self, index: usize) -> &'a Present {
        self.on_hosts[index]
    }

    /// All but those on the host network.
    pub(super) fn all(&self) -> Selected {
        self.selected((0..self.groups.len()).collect(), true)
    }

    /// The pods of a peer; `None` where it is none of pods. `own` is the policy's namespace.
    pub(super) fn of_peer(&self, who: Who<'_>, own: &str) -> Option<Rc<Selected>> {
        match who {
            Who::Pods { namespaces, pods } => Some(self.select(namespaces, own, pods)),
            _ => None,
        }
    }

    /// Pods by the labels of their namespace and their own; without a selector of namespaces those of one namespace (rule 8).
    pub(super) fn select(
        &self,
        namespaces: Option<&Selector>,
        own: &str,
        pods: &Selector,
    ) -> Rc<Selected> {
        let own_matters = namespaces.is_none().then_some(own);
        let question = format!("{:?}", (own_matters, namespaces, pods));
        if let Some(known) = self.known.borrow().get(&question) {
            return known.clone();
        }
        let selected = Rc::new(self.look_up(namespaces, own, pods));
        let mut known = self.known.borrow_mut();
        known.insert(question, selected.clone());
        selected
    }

    fn look_up(&self, namespaces: Option<&Selector>, own: &str, pods: &Selector) -> Selected {
        let (generated, asked): (Vec<&Requirement>, Vec<&Requirement>) = pods
            .requirements
            .iter()
            .partition(|one| GENERATED_LABELS.contains(&one.key.as_str()));
        let matches = |group: &PodGroup| {
            let is_there = match namespaces {
                None => &*group.namespace == own,
                Some(namespaces) => namespaces.matches(&group.namespace_labels),
            };
            is_there && asked.iter().all(|one| one.matches(&group.labels))
        };
        let is_one = |index: &usize| matches(self.group(*index));
        let mut groups: Vec<usize> = match self.candidates(namespaces, own, &asked) {
            Some(candidates) => candidates.into_iter().filter(is_one).collect(),
            None => (0..self.groups.len()).filter(is_one).collect(),
        };
        groups.sort_unstable();
        let on_hosts = self.on_hosts.iter().enumerate();
        let on_hosts = on_hosts.filter(|(_, present)| matches(&present.group));
        Selected {
            on_hosts: on_hosts.map(|(index, _)| index).collect(),
            ..self.selected(groups, generated.is_empty())
        }
    }

    fn selected(&self, groups: Vec<usize>, is_certain: bool) -> Selected {
        let all = || groups.iter().map(|group| self.get(*group));
        let rests = |present: &Present| is_intermittent(&present.group) && !is_there(present);
        let resting = groups.iter().copied();
        Selected {
            first_seen: all().map(|present| present.first_seen).min(),
            is_there: all().any(is_there),
            resting: resting.filter(|group| rests(self.get(*group))).collect(),
            groups,
            is_certain,
            on_hosts: Vec::new(),
        }
    }

    /// Few who may match, where labels or the namespace narrow it down.
    fn candidates(
        &self,
        namespaces: Option<&Selector>,
        own: &str,
        asked: &[&Requirement],
    ) -> Option<BTreeSet<usize>> {
        let by_values = |one: &&Requirement| match &one.operator {
            Operator::In(values) => {
                let with = values
                    .iter()
                    .filter_map(|value| self.by_label.get(&(one.key.as_str(), value.as_str())));
                Some(with.flatten().copied().collect::<BTreeSet<usize>>())
            }
            Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => None,
        };
        let of_space = || match namespaces {
            None => {
                let space = self.by_namespace.get(own);
                Some(space.into_iter().flatten().copied().collect())
            }
            Some(_) => None,
        };
        asked
            .iter()
            .filter_map(by_values)
            .min_by_key(BTreeSet::len)
            .or_else(of_space)
    }
}

pub(super) fn is_there(present: &Present) -> bool {
    present.pods.values().any(|count| *count > 0)
}

/// What keeps its pods running. Anything else may come back after it ended: a CronJob, a run of a pipeline, a pod by itself.
const LASTING: [&str; 5] = [
    "DaemonSet",
    "Deployment",
    "ReplicaSet",
    "ReplicationController",
    "StatefulSet",
];

/// Runs now and then.
pub(super) fn is_intermittent(group: &PodGroup) -> bool {
    !LASTING.contains(&&*group.workload.kind)
}

/// Whether a policy may select pods: what it asks of labels that are not remembered may be so.
pub(super) fn may_select(policy: &RememberedPolicy, group: &PodGroup) -> bool {
    let matches = |pods: &Selector| {
        let mut asked = pods.requirements.iter();
        asked.all(|one| GENERATED_LABELS.contains(&one.key.as_str()) || one.matches(&group.labels))
    };
    match policy {
        RememberedPolicy::Network(policy) => {
            policy.reference.namespace == group.namespace && matches(&policy.subjects)
        }
        RememberedPolicy::Tiered(policy) => {
            let namespaces = &policy.subjects.namespaces;
            namespaces.matches(&group.namespace_labels) && matches(&policy.subjects.pods)
        }
    }
}
