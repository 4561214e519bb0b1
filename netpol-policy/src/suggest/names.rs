//! Names of policies that are suggested: the same from run to run, also once they are applied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::Subjects;
use super::label::Naming;
use crate::history::RememberedPolicy;
use crate::model::{NetworkPolicy, Peer, PortMatch, PortRule, Rule};
use crate::unused::implies;
use crate::verdict::Direction;

/// What the policy is called that isolates whoever has none.
pub(super) const DEFAULT_DENY: &str = "default-deny";

/// Names of a namespace's policies. That of a policy in force is given only to one that permits all that it does: applying
/// that takes its place, and nothing is lost.
pub(super) struct PolicyNames<'a> {
    in_force: BTreeMap<&'a str, &'a NetworkPolicy>,
    given: BTreeSet<Arc<str>>,
}

impl<'a> PolicyNames<'a> {
    pub(super) fn new(namespace: &str, in_force: &'a [RememberedPolicy]) -> Self {
        let policies = in_force.iter().filter_map(|policy| match policy {
            RememberedPolicy::Network(policy) => Some(policy),
            RememberedPolicy::Tiered(_) => None,
        });
        let own = policies.filter(|policy| *policy.reference.namespace == *namespace);
        Self {
            in_force: own
                .map(|policy| (&*policy.reference.name, policy))
                .collect(),
            given: BTreeSet::new(),
        }
    }

    /// Names a policy so, or like it.
    pub(super) fn name(&mut self, policy: &mut NetworkPolicy, wanted: &str) {
        let suggested = format!("{wanted}-suggested");
        let more = (2..).map(|number: u64| format!("{wanted}-suggested-{number}"));
        let candidates = [wanted.to_owned(), suggested].into_iter().chain(more);
        let mut free = candidates.filter(|name| {
            let replaced = self.in_force.get(name.as_str());
            !self.given.contains(name.as_str())
                && replaced.is_none_or(|replaced| permits_all_of(policy, replaced))
        });
        // There are more candidates than names that are taken.
        let name: Arc<str> = free.next().unwrap_or_default().into();
        self.given.insert(name.clone());
        policy.reference.name = name;
    }
}

/// What a policy for these workloads is called: as they are, or as the label says that they have in common.
pub(super) fn wanted(subjects: &Subjects, namespace: &str, naming: &Naming) -> String {
    if let [only] = subjects.workloads.as_slice() {
        let workload = &only.workload;
        let mut all = naming.workloads(namespace);
        // Which of them is asked about, or comes first, makes no difference.
        return match all.any(|other| other.name == workload.name && other != workload) {
            true => format!("{}-{}", workload.name, workload.kind.to_ascii_lowercase()),
            false => workload.name.to_string(),
        };
    }
    let values = subjects.labels.iter().map(|(_, value)| value);
    let mut values = values.filter(|value| is_object_name(value));
    let first = || subjects.workloads.first().map(|name| &*name.workload.name);
    let name = values.next().map(String::as_str).or_else(first);
    name.unwrap_or_default().to_owned()
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

/// Whether a policy of the same pods isolates them as another does and permits all that it does. False where their words do
/// not show it.
fn permits_all_of(policy: &NetworkPolicy, other: &NetworkPolicy) -> bool {
    let isolates = |direction| match (policy.rules(direction), other.rules(direction)) {
        (Some(rules), Some(others)) => others.iter().all(|other| is_permitted(rules, other)),
        // One that did not isolate permitted nothing either: that is for others to deny.
        (_, None) => true,
        (None, Some(_)) => false,
    };
    policy.subjects == other.subjects
        && [Direction::Ingress, Direction::Egress]
            .into_iter()
            .all(isolates)
}

fn is_permitted(rules: &[Rule], other: &Rule) -> bool {
    let is_there = |peer: &Peer, port: &PortRule| {
        rules.iter().any(|rule| {
            rule.peers.iter().any(|one| admits(one, peer))
                && rule.ports.iter().any(|one| includes(one, port))
        })
    };
    // No rule that is suggested is for everyone or every port.
    !other.peers.is_empty()
        && !other.ports.is_empty()
        && other
            .peers
            .iter()
            .all(|peer| other.ports.iter().all(|port| is_there(peer, port)))
}

/// Whether one peer is all that another is.
fn admits(peer: &Peer, other: &Peer) -> bool {
    match (peer, other) {
        (Peer::IpBlock(block), Peer::IpBlock(other)) => {
            block == other
                || (block.except.is_empty() && block.cidr.net().contains(&other.cidr.net()))
        }
        (
            Peer::Pods { namespaces, pods },
            Peer::Pods {
                namespaces: others,
                pods: other,
            },
        ) => {
            let includes_namespaces = match (namespaces, others) {
                (None, None) => true,
                (Some(all), Some(others)) => implies(others, all),
                _ => false,
            };
            includes_namespaces && implies(other, pods)
        }
        _ => false,
    }
}

fn includes(port: &PortRule, other: &PortRule) -> bool {
    port.protocol == other.protocol
        && match (&port.port, &other.port) {
            (PortMatch::Range(first, last), PortMatch::Range(from, to)) => {
                first <= from && to <= last
            }
            (port, other) => port == other,
        }
}
