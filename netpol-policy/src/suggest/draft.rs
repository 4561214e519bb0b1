//! One policy per workload, or per set of workloads that no label tells apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::label::{Naming, WorkloadName};
use super::rule::SuggestedRule;
use super::sift::{Sieve, selector};
use super::{Directions, Suggested, SuggestedKind};
use crate::model::{NetworkPolicy, Selector};
use crate::verdict::{Direction, PolicyKind, PolicyRef};

/// Which workloads get a policy together.
pub(super) struct Subjects {
    /// What selects them.
    pub(super) labels: Vec<(String, String)>,
    /// All that it selects and that have no policy of their own, in order.
    pub(super) workloads: Vec<WorkloadName>,
    /// Labels that pods had earlier do not match.
    pub(super) is_of_now: bool,
    /// Those without pods now that usually have some.
    pub(super) absent: Vec<WorkloadName>,
}

/// The policies that workloads of a namespace need, and the workloads that none can select.
pub(super) fn subjects(
    namespace: &Arc<str>,
    wanted: &dyn Fn(&WorkloadName) -> bool,
    naming: &Naming,
    sieve: &mut Sieve<'_>,
) -> (Vec<Subjects>, Vec<WorkloadName>) {
    let workloads = naming.workloads(namespace).map(|workload| WorkloadName {
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
            .find(|subjects| subjects.labels == named.labels);
        match known {
            Some(subjects) => {
                subjects.workloads.push(name);
                subjects.is_of_now |= named.is_of_now;
            }
            None => by_selector.push(Subjects {
                labels: named.labels.clone(),
                workloads: vec![name],
                is_of_now: named.is_of_now,
                absent: Vec::new(),
            }),
        }
    }
    for subjects in &mut by_selector {
        // Whoever is selected is isolated, so what they do has to stand here too, unless it stands in their own policy.
        let all = naming.selected(namespace, &subjects.labels);
        let more = all.into_iter().filter(|name| !own.contains(name));
        subjects.workloads.extend(more);
        subjects.workloads.sort();
        subjects.workloads.dedup();
        let absent = subjects.workloads.iter();
        subjects.absent = absent
            .filter(|name| naming.is_absent(name))
            .cloned()
            .collect();
    }
    (by_selector, unnamed)
}

/// Puts a policy together. Isolation comes with its directions, whatever rules there are.
pub(super) fn policy(
    namespace: &Arc<str>,
    subjects: Subjects,
    directions: Directions,
    mut rules: BTreeMap<Direction, Vec<SuggestedRule>>,
) -> Suggested {
    let ingress = rules.remove(&Direction::Ingress).unwrap_or_default();
    let egress = rules.remove(&Direction::Egress).unwrap_or_default();
    let plain = |rules: &[SuggestedRule]| rules.iter().map(|rule| rule.rule.clone()).collect();
    Suggested {
        policy: NetworkPolicy {
            reference: reference(namespace),
            subjects: selector(&subjects.labels),
            ingress: directions.ingress.then(|| plain(&ingress)),
            egress: directions.egress.then(|| plain(&egress)),
        },
        kind: SuggestedKind::Workloads,
        workloads: subjects.workloads,
        is_of_now: subjects.is_of_now,
        absent: subjects.absent,
        ingress,
        egress,
    }
}

/// Selects every pod of a namespace and lets nothing through.
pub(super) fn default_deny(namespace: &Arc<str>, directions: Directions) -> Suggested {
    Suggested {
        policy: NetworkPolicy {
            reference: reference(namespace),
            subjects: Selector::default(),
            ingress: directions.ingress.then(Vec::new),
            egress: directions.egress.then(Vec::new),
        },
        kind: SuggestedKind::DefaultDeny,
        workloads: Vec::new(),
        is_of_now: false,
        absent: Vec::new(),
        ingress: Vec::new(),
        egress: Vec::new(),
    }
}

/// Of a policy that is yet to be named.
fn reference(namespace: &Arc<str>) -> PolicyRef {
    PolicyRef {
        kind: PolicyKind::NetworkPolicy,
        namespace: namespace.clone(),
        name: Arc::default(),
        uid: Arc::default(),
        generation: 0,
    }
}
