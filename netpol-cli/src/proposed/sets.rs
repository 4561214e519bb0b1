//! Which policies there are before a change and after it.

use std::collections::BTreeMap;

use netpol_policy::history::edge::PolicyName;
use netpol_policy::history::fingerprint;
use netpol_policy::history::policy::RememberedPolicy;

/// Policies before a change and after it, in order of their names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sets {
    pub(crate) before: Vec<RememberedPolicy>,
    pub(crate) after: Vec<RememberedPolicy>,
    /// The policies that differ.
    pub(crate) changes: Vec<Change>,
}

/// A policy that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) policy: PolicyName,
    pub(crate) how: How,
}

/// How a policy differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Added,
    Changed,
    Removed,
}

impl How {
    /// Its word in tables and JSON.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

type Named = BTreeMap<PolicyName, RememberedPolicy>;

pub(super) fn sets(
    in_force: &[RememberedPolicy],
    base: Option<&[RememberedPolicy]>,
    head: &[RememberedPolicy],
    prune: bool,
) -> Sets {
    let mut before = named(in_force);
    if let Some(base) = base {
        if prune {
            let declared = named(base);
            before.retain(|name, _| declared.contains_key(name));
        }
        declare(&mut before, base);
    }
    let mut after = before.clone();
    if prune {
        after.clear();
    }
    for policy in base.into_iter().flatten() {
        after.remove(&policy.name());
    }
    for policy in head {
        let name = policy.name();
        // Who says the same as before is the same: with its uid, and nobody's change.
        let same = before
            .get(&name)
            .filter(|known| say_the_same(known, policy));
        after.insert(name, same.unwrap_or(policy).clone());
    }
    let changes = changes(&before, &after);
    Sets {
        before: before.into_values().collect(),
        after: after.into_values().collect(),
        changes,
    }
}

fn named(policies: &[RememberedPolicy]) -> Named {
    let policies = policies.iter();
    policies.map(|one| (one.name(), one.clone())).collect()
}

/// Puts policies in the place of those with the same name that say something else.
fn declare(policies: &mut Named, declared: &[RememberedPolicy]) {
    for policy in declared {
        let known = policies.get(&policy.name());
        if !known.is_some_and(|known| say_the_same(known, policy)) {
            policies.insert(policy.name(), policy.clone());
        }
    }
}

fn say_the_same(one: &RememberedPolicy, other: &RememberedPolicy) -> bool {
    fingerprint(one) == fingerprint(other)
}

fn changes(before: &Named, after: &Named) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, policy) in after {
        let how = match before.get(name) {
            None => How::Added,
            Some(known) if !say_the_same(known, policy) => How::Changed,
            Some(_) => continue,
        };
        let policy = name.clone();
        changes.push(Change { policy, how });
    }
    let removed = before.keys().filter(|name| !after.contains_key(name));
    changes.extend(removed.map(|name| Change {
        policy: name.clone(),
        how: How::Removed,
    }));
    changes.sort_by(|one, other| one.policy.cmp(&other.policy));
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use netpol_policy::manifest;
    use netpol_policy::model::Object;

    /// Policies of namespace prod, as `name:port`.
    fn policies(words: &str) -> Vec<RememberedPolicy> {
        let objects = words.split_whitespace().flat_map(|word| {
            let (name, port) = word.split_once(':').unwrap();
            let text = format!(
                "{{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, metadata: {{name: {name}, namespace: prod}}, \
                 spec: {{podSelector: {{}}, ingress: [{{ports: [{{port: {port}}}]}}]}}}}"
            );
            manifest::parse(&text).objects
        });
        let policies = objects.map(|object| match object {
            Object::NetworkPolicy(policy) => RememberedPolicy::Network(policy),
            other => panic!("{other:?}"),
        });
        policies.collect()
    }

    /// `name:port` of each policy.
    fn words(policies: &[RememberedPolicy]) -> String {
        let words = policies.iter().map(|policy| {
            let RememberedPolicy::Network(policy) = policy else {
                panic!("{policy:?}");
            };
            let port = &policy.ingress.as_ref().unwrap()[0].ports[0].port;
            format!("{}:{port:?}", policy.reference.name)
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_declared_takes_a_place_and_the_rest_stays_unless_pruned() {
        for (in_force, base, head, prune, before, after, changes) in [
            (
                "a:1 b:2",
                None,
                "b:3 c:4",
                false,
                "a:1 b:2",
                "a:1 b:3 c:4",
                "~b +c",
            ),
            ("a:1 b:2", None, "b:2", true, "a:1 b:2", "b:2", "-a"),
            ("a:1 b:2", None, "b:2", false, "a:1 b:2", "a:1 b:2", ""),
            // The base counts as being in force, whether the cluster has it yet or not.
            (
                "a:1",
                Some("a:9 b:2"),
                "a:9 b:3",
                false,
                "a:9 b:2",
                "a:9 b:3",
                "~b",
            ),
            (
                "a:1 x:1",
                Some("a:1 b:2"),
                "a:1",
                false,
                "a:1 b:2 x:1",
                "a:1 x:1",
                "-b",
            ),
            ("a:1 x:1", Some("a:1"), "a:2", true, "a:1", "a:2", "~a"),
            ("", Some(""), "a:1", false, "", "a:1", "+a"),
        ] {
            let base = base.map(policies);
            let sets = sets(&policies(in_force), base.as_deref(), &policies(head), prune);
            let told = |policies: &[RememberedPolicy]| {
                words(policies)
                    .replace("Range(", "")
                    .replace(", ", "-")
                    .replace(')', "")
            };
            let expected = |words: &str| {
                let twice = words.split_whitespace().map(|word| {
                    let (name, port) = word.split_once(':').unwrap();
                    format!("{name}:{port}-{port}")
                });
                twice.collect::<Vec<_>>().join(" ")
            };
            assert_eq!(told(&sets.before), expected(before), "{in_force} {head}");
            assert_eq!(told(&sets.after), expected(after), "{in_force} {head}");
            let found: Vec<String> = sets
                .changes
                .iter()
                .map(|change| {
                    let sign = match change.how {
                        How::Added => '+',
                        How::Changed => '~',
                        How::Removed => '-',
                    };
                    format!("{sign}{}", change.policy.name)
                })
                .collect();
            assert_eq!(found.join(" "), changes, "{in_force} {head}");
        }
    }
}
