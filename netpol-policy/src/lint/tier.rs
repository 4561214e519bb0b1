//! Policies of one tier whose order is undefined (rule 28).

use std::collections::BTreeMap;

use super::Warning;
use super::selector::contradiction;
use crate::model::{Object, Selector, TieredPolicy};
use crate::verdict::{Direction, Tier};

/// Policies of one tier and one priority that may select the same pods and have rules in the same direction. A
/// BaselineAdminNetworkPolicy has no priority, so its place among the others of its tier is undefined too.
pub(super) fn undefined_order(objects: &[Object]) -> Vec<Warning> {
    let mut tiers: BTreeMap<Tier, Vec<(usize, &TieredPolicy)>> = BTreeMap::new();
    for (index, object) in objects.iter().enumerate() {
        if let Object::TieredPolicy(policy) = object {
            tiers.entry(policy.tier).or_default().push((index, policy));
        }
    }
    let mut warnings = Vec::new();
    for policies in tiers.into_values() {
        for (at, (index, policy)) in policies.iter().enumerate() {
            let before = policies[..at].iter().map(|(_, other)| *other);
            let rivals: Vec<_> = before
                .filter(|other| is_undefined_between(other, policy))
                .map(|other| format!("{} {}", other.reference.kind.as_str(), other.reference))
                .collect();
            if rivals.is_empty() {
                continue;
            }
            let field = match policy.priority {
                Some(_) => "spec.priority",
                None => "",
            };
            warnings.push(Warning {
                object: *index,
                field: field.to_owned(),
                message: format!(
                    "may select the same pods as {} and goes neither before nor after: which one decides is undefined",
                    rivals.join(", ")
                ),
            });
        }
    }
    warnings
}

fn is_undefined_between(one: &TieredPolicy, other: &TieredPolicy) -> bool {
    let is_ordered =
        one.priority.is_some() && other.priority.is_some() && one.priority != other.priority;
    let both = |direction| !one.rules(direction).is_empty() && !other.rules(direction).is_empty();
    !is_ordered
        && (both(Direction::Ingress) || both(Direction::Egress))
        && can_overlap(&one.subjects.namespaces, &other.subjects.namespaces)
        && can_overlap(&one.subjects.pods, &other.subjects.pods)
}

/// Whether labels are thinkable that both match.
fn can_overlap(one: &Selector, other: &Selector) -> bool {
    contradiction(one.requirements.iter().chain(&other.requirements)).is_none()
}
