//! One policy per workload, or per set of workloads that no label tells apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::label::{Naming, WorkloadName};
use super::rule::SuggestedRule;
use super::sift::Sieve;
use super::{Directions, Suggested, SuggestedKind};
use crate::model::{NetworkPolicy, Operator, Selector};
use crate::verdict::{Direction, PolicyKind, PolicyRef};

/// Which workloads get a policy together.
pub(super) struct Subjects {
    /// What selects them.
    pub(super) selector: Selector,
    /// All that it selects and that have no policy of their own, in order.
    pub(super) workloads: Vec<WorkloadName>,
    /// Labels that pods had earlier do not match.
    pub(super) is_of_now: bool,
}

/// The policies that workloads of a namespace need, and the workloads that none can select.
pub(super) fn subjects(
    namespace: &Arc<str>,
    wanted: &dyn Fn(&WorkloadName) -> bool,
    naming: &Naming,
    sieve: &mut Sieve<'_>,
) -> (Vec<Subjects>, Vec<WorkloadName>) {
    let workloads = naming
        .workloads(namespace)
        .map(|(workload, _)| WorkloadName {
            namespace: namespace.clone(),
            workload: workload.clone(),
        });
    let mut unnamed = Vec::new();
    let mut by_selector: Vec<Subjects> = Vec::new();
    let mut own: BTreeSet<WorkloadName> = BTreeSet::new();
    for name in workloads.filter(|name| wanted(name)) {
        let Some(named) = sieve.named(&name) else {
            unnamed.push(name);
            continue;
        };
        own.insert(name.clone());
        let known = by_selector
            .iter_mut()
            .find(|subjects| subjects.selector == named.selector);
        match known {
            Some(subjects) => {
                subjects.workloads.push(name);
                subjects.is_of_now |= named.is_of_now;
            }
            None => by_selector.push(Subjects {
                selector: named.selector.clone(),
                workloads: vec![name],
                is_of_now: named.is_of_now,
            }),
        }
    }
    for subjects in &mut by_selector {
        // Whoever is selected is isolated, so what they do has to stand here too, unless it stands in their own policy.
        let all = naming.selected(namespace, &subjects.selector);
        let more = all.into_iter().filter(|name| !own.contains(name));
        subjects.workloads.extend(more);
        subjects.workloads.sort();
        subjects.workloads.dedup();
    }
    (by_selector, unnamed)
}

/// Names for new policies that no policy in force has: applying one must not replace another.
pub(super) struct PolicyNames {
    taken: BTreeSet<String>,
}

impl PolicyNames {
    pub(super) fn new(taken: impl IntoIterator<Item = String>) -> Self {
        Self {
            taken: taken.into_iter().collect(),
        }
    }

    /// This name, or one like it.
    pub(super) fn give(&mut self, wanted: &str) -> Arc<str> {
        let candidates = std::iter::once(wanted.to_owned())
            .chain(std::iter::once(format!("{wanted}-suggested")))
            .chain((2..).map(|number: u64| format!("{wanted}-suggested-{number}")));
        let mut free = candidates.filter(|name| !self.taken.contains(name));
        // There are more candidates than names that are taken.
        let name = free.next().unwrap_or_default();
        self.taken.insert(name.clone());
        name.into()
    }
}

/// What a policy for these workloads is called: as they are, or as the label says that they have in common.
pub(super) fn wanted_name(subjects: &Subjects) -> String {
    if let [only] = subjects.workloads.as_slice() {
        return only.workload.name.to_string();
    }
    let mut values = subjects.selector.requirements.iter().filter_map(|one| {
        let Operator::In(values) = &one.operator else {
            return None;
        };
        values
            .first()
            .filter(|value| is_object_name(value))
            .cloned()
    });
    let first = || {
        subjects
            .workloads
            .first()
            .map(|name| name.workload.name.to_string())
    };
    values.next().or_else(first).unwrap_or_default()
}

/// Whether a label's value can be an object's name: labels also allow capitals and underscores.
fn is_object_name(value: &str) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
    };
    !value.is_empty()
        && value.bytes().all(is_plain)
        && !value.starts_with(['-', '.'])
        && !value.ends_with(['-', '.'])
        && !value.contains("..")
        && !value.contains(".-")
        && !value.contains("-.")
}

/// Puts a policy together. Isolation comes with its directions, whatever rules there are.
pub(super) fn policy(
    namespace: &Arc<str>,
    name: Arc<str>,
    subjects: Subjects,
    directions: Directions,
    mut rules: BTreeMap<Direction, Vec<SuggestedRule>>,
) -> Suggested {
    let ingress = rules.remove(&Direction::Ingress).unwrap_or_default();
    let egress = rules.remove(&Direction::Egress).unwrap_or_default();
    let plain = |rules: &[SuggestedRule]| rules.iter().map(|rule| rule.rule.clone()).collect();
    Suggested {
        policy: NetworkPolicy {
            reference: reference(namespace, name),
            subjects: subjects.selector,
            ingress: directions.ingress.then(|| plain(&ingress)),
            egress: directions.egress.then(|| plain(&egress)),
        },
        kind: SuggestedKind::Workloads,
        workloads: subjects.workloads,
        is_of_now: subjects.is_of_now,
        ingress,
        egress,
    }
}

/// Selects every pod of a namespace and lets nothing through.
pub(super) fn default_deny(
    namespace: &Arc<str>,
    name: Arc<str>,
    directions: Directions,
) -> Suggested {
    Suggested {
        policy: NetworkPolicy {
            reference: reference(namespace, name),
            subjects: Selector::default(),
            ingress: directions.ingress.then(Vec::new),
            egress: directions.egress.then(Vec::new),
        },
        kind: SuggestedKind::DefaultDeny,
        workloads: Vec::new(),
        is_of_now: false,
        ingress: Vec::new(),
        egress: Vec::new(),
    }
}

fn reference(namespace: &Arc<str>, name: Arc<str>) -> PolicyRef {
    PolicyRef {
        kind: PolicyKind::NetworkPolicy,
        namespace: namespace.clone(),
        name,
        uid: Arc::default(),
        generation: 0,
    }
}
