//! Which labels select a workload's pods and nobody else's.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::bits::Bits;
use crate::history::party::GENERATED_LABELS;
use crate::history::{History, Party, PodGroup};
use crate::model::{Labels, Workload};

/// Keys that say what a workload is, the most usual first: two of them are better than one of another kind that happens to
/// be unique today.
const IDENTITY: [&str; 11] = [
    "app.kubernetes.io/name",
    "app",
    "k8s-app",
    "app.kubernetes.io/component",
    "component",
    "name",
    "role",
    "tier",
    "app.kubernetes.io/instance",
    "instance",
    "release",
];

/// Keys, or what they are called behind any prefix, that change with a version, a roll-out or the tool that installs, beside
/// [`GENERATED_LABELS`].
const UNSTABLE: [&str; 15] = [
    "build",
    "canonical-revision",
    "chart",
    "commit",
    "git-commit",
    "git-sha",
    "heritage",
    "image-tag",
    "managed-by",
    "pod-template-generation",
    "rev",
    "revision",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "version",
];

/// Labels of the cluster's DNS servers in the usual deployments.
pub(super) const DNS_LABELS: [(&str, &str); 2] = [
    ("k8s-app", "kube-dns"),
    ("dns.operator.openshift.io/daemonset-dns", "default"),
];

/// More labels than these are not tried together: nobody reads such a selector.
const TOGETHER: usize = 3;

/// A workload by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkloadName {
    /// Namespace.
    pub namespace: Arc<str>,
    /// Kind and name.
    pub workload: Workload,
}

impl WorkloadName {
    /// Whose pods they are.
    #[must_use]
    pub fn of(group: &PodGroup) -> Self {
        Self {
            namespace: group.namespace.clone(),
            workload: group.workload.clone(),
        }
    }
}

/// `shop/web[Deployment]`.
impl std::fmt::Display for WorkloadName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Workload { kind, name } = &self.workload;
        write!(out, "{}/{name}[{kind}]", self.namespace)
    }
}

/// Labels by which a policy can name a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// In order of keys.
    pub(crate) labels: Vec<(String, String)>,
    /// Other workloads of the namespace that it selects as well, since no label tells them apart.
    pub(crate) also: Vec<WorkloadName>,
    /// Labels that its pods had earlier do not match: it names them as they are now.
    pub(crate) is_of_now: bool,
}

/// All workloads that are remembered, with the labels that their pods have and had. hostNetwork pods are left out: no selector
/// applies to them (rule 21).
#[derive(Debug, Default)]
pub(crate) struct Naming {
    namespaces: BTreeMap<Arc<str>, Namespace>,
}

#[derive(Debug, Default)]
struct Namespace {
    workloads: BTreeMap<Workload, Forms>,
    /// Whose each form of each workload is, in order.
    owners: Vec<Workload>,
    /// Which of these forms have a label.
    having: HashMap<(String, String), Bits>,
}

/// Labels of one workload's pods.
#[derive(Debug, Default)]
struct Forms {
    now: BTreeSet<Form>,
    ever: BTreeSet<Form>,
    /// Where those of `ever` are among all of the namespace.
    places: Range<usize>,
}

/// Labels in key order.
type Form = Vec<(String, String)>;

impl Namespace {
    fn index(&mut self) {
        for (workload, forms) in &mut self.workloads {
            let first = self.owners.len();
            self.owners
                .extend(forms.ever.iter().map(|_| workload.clone()));
            forms.places = first..self.owners.len();
        }
        for forms in self.workloads.values() {
            for (place, form) in forms.places.clone().zip(&forms.ever) {
                for label in form {
                    let having = self.having.entry(label.clone());
                    having
                        .or_insert_with(|| Bits::none(self.owners.len()))
                        .set(place);
                }
            }
        }
    }

    /// The workloads of some forms.
    fn owners(&self, forms: &Bits) -> BTreeSet<&Workload> {
        forms.ones().map(|place| &self.owners[place]).collect()
    }
}

impl Naming {
    pub(crate) fn of(history: &History) -> Self {
        let mut naming = Self::default();
        for present in &history.population {
            naming.add(&present.group, !present.pods.is_empty());
        }
        // A history shares its groups: few of a million edges have one that was not met before.
        let mut met: HashSet<*const PodGroup> = HashSet::new();
        for edge in &history.edges {
            for party in [&edge.key.source, &edge.key.destination] {
                if let Party::Pods(group) = party
                    && met.insert(Arc::as_ptr(group))
                {
                    naming.add(group, false);
                }
            }
        }
        for namespace in naming.namespaces.values_mut() {
            namespace.index();
        }
        naming
    }

    fn add(&mut self, group: &PodGroup, is_now: bool) {
        if group.host_network {
            return;
        }
        let namespace = self.namespaces.entry(group.namespace.clone()).or_default();
        let workloads = &mut namespace.workloads;
        let forms = workloads.entry(group.workload.clone()).or_default();
        let form = form(&group.labels);
        if is_now {
            forms.now.insert(form.clone());
        }
        forms.ever.insert(form);
    }

    /// The workloads of a namespace, in order.
    pub(crate) fn workloads(&self, namespace: &str) -> impl Iterator<Item = &Workload> {
        let namespace = self.namespaces.get(namespace).into_iter();
        namespace.flat_map(|namespace| namespace.workloads.keys())
    }

    fn forms(&self, name: &WorkloadName) -> Option<&Forms> {
        self.namespaces
            .get(&name.namespace)?
            .workloads
            .get(&name.workload)
    }

    /// Whether a workload has no pods now, but for those that have some now and then.
    pub(crate) fn is_absent(&self, name: &WorkloadName) -> bool {
        !matches!(&*name.workload.kind, "Job" | "CronJob")
            && self.forms(name).is_none_or(|forms| forms.now.is_empty())
    }

    /// Workloads of which pods have, or had, all of these labels.
    pub(crate) fn selected(
        &self,
        name: &Arc<str>,
        labels: &[(String, String)],
    ) -> Vec<WorkloadName> {
        let Some(namespace) = self.namespaces.get(name) else {
            return Vec::new();
        };
        let mut forms = Bits::all(namespace.owners.len());
        for label in labels {
            match namespace.having.get(label) {
                Some(having) => forms.keep(having),
                None => return Vec::new(),
            }
        }
        let owners = namespace.owners(&forms).into_iter();
        owners
            .map(|workload| WorkloadName {
                namespace: name.clone(),
                workload: workload.clone(),
            })
            .collect()
    }

    /// Labels that select all pods of a workload and as few others as can be; `None` where its pods have no lasting label in
    /// common.
    pub(crate) fn name(&self, name: &WorkloadName) -> Option<Named> {
        let forms = self.forms(name)?;
        let ever = self.best(name, forms, &forms.ever);
        if ever.as_ref().is_some_and(|named| named.also.is_empty()) {
            return ever;
        }
        // What the pods were called once may be in the way of what they are called now.
        let now = self.best(name, forms, &forms.now).map(|named| Named {
            is_of_now: true,
            ..named
        });
        match (ever, now) {
            (Some(ever), Some(now)) if ever.also.len() <= now.also.len() => Some(ever),
            (ever, now) => now.or(ever),
        }
    }

    /// The best labels for some forms of a workload.
    fn best(&self, name: &WorkloadName, forms: &Forms, own: &BTreeSet<Form>) -> Option<Named> {
        let namespace = self.namespaces.get(&name.namespace)?;
        let size = namespace.owners.len();
        let candidates = common(own).into_iter().filter_map(|label| {
            let mut others = namespace.having.get(&label)?.clone();
            forms.places.clone().for_each(|own| others.clear(own));
            Some(Candidate { label, others })
        });
        let candidates: Vec<Candidate> = candidates.collect();
        let chosen = choose(&candidates, size)?;
        let mut labels: Vec<(String, String)> =
            chosen.iter().map(|one| one.label.clone()).collect();
        labels.sort();
        let also = namespace.owners(&matched(&chosen, size)).into_iter();
        Some(Named {
            labels,
            also: also
                .map(|workload| WorkloadName {
                    namespace: name.namespace.clone(),
                    workload: workload.clone(),
                })
                .collect(),
            is_of_now: false,
        })
    }
}

fn form(labels: &Labels) -> Form {
    let pairs = labels.iter();
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// Lasting labels that all forms have, the best first.
fn common(forms: &BTreeSet<Form>) -> Vec<(String, String)> {
    let Some(first) = forms.first() else {
        return Vec::new();
    };
    let mut labels: Vec<(String, String)> = first
        .iter()
        .filter(|(key, _)| is_stable(key))
        .filter(|label| forms.iter().all(|form| form.contains(label)))
        .cloned()
        .collect();
    labels.sort_by_cached_key(|label| (!is_dns(label), rank(&label.0), label.clone()));
    labels
}

/// What people know the cluster's DNS by, whoever installed it.
fn is_dns((key, value): &(String, String)) -> bool {
    DNS_LABELS.contains(&(key.as_str(), value.as_str()))
}

fn is_stable(key: &str) -> bool {
    let name = key.rsplit_once('/').map_or(key, |(_, name)| name);
    let is_known = |keys: &[&str]| keys.contains(&key) || keys.contains(&name);
    !is_known(&GENERATED_LABELS) && !is_known(&UNSTABLE) && !name.ends_with("-hash")
}

fn rank(key: &str) -> usize {
    IDENTITY
        .iter()
        .position(|one| *one == key)
        .unwrap_or(IDENTITY.len())
}

/// A label, and which of the other pods have it too.
struct Candidate {
    label: (String, String),
    others: Bits,
}

impl Candidate {
    fn is_identity(&self) -> bool {
        IDENTITY.contains(&self.label.0.as_str())
    }
}

/// The fewest labels that select as few others as all of them do: of those that say what a workload is, if that is possible.
fn choose(candidates: &[Candidate], others: usize) -> Option<Vec<&Candidate>> {
    if candidates.is_empty() {
        return None;
    }
    let all: Vec<&Candidate> = candidates.iter().collect();
    let fewest = matched(&all, others).count();
    let identity: Vec<&Candidate> = all
        .iter()
        .copied()
        .filter(|one| one.is_identity())
        .collect();
    let found = [&identity, &all].into_iter().find_map(|pool| {
        (1..=TOGETHER).find_map(|size| {
            combination(pool, size, &|chosen| {
                matched(chosen, others).count() == fewest
            })
        })
    });
    Some(found.unwrap_or(all))
}

/// The first combination of some size, in order of the pool, that is wanted.
fn combination<'a>(
    pool: &[&'a Candidate],
    size: usize,
    wanted: &dyn Fn(&[&'a Candidate]) -> bool,
) -> Option<Vec<&'a Candidate>> {
    fn extend<'a>(
        chosen: &mut Vec<&'a Candidate>,
        pool: &[&'a Candidate],
        size: usize,
        wanted: &dyn Fn(&[&'a Candidate]) -> bool,
    ) -> bool {
        if chosen.len() == size {
            return wanted(chosen);
        }
        for (index, one) in pool.iter().enumerate() {
            chosen.push(one);
            if extend(chosen, &pool[index + 1..], size, wanted) {
                return true;
            }
            chosen.pop();
        }
        false
    }
    let mut chosen = Vec::new();
    extend(&mut chosen, pool, size, wanted).then_some(chosen)
}

fn matched(chosen: &[&Candidate], others: usize) -> Bits {
    let mut bits = Bits::all(others);
    for one in chosen {
        bits.keep(&one.others);
    }
    bits
}
