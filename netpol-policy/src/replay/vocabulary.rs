//! What policies ask of connections that a history does not tell, or tells in blocks.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use crate::history::RememberedPolicy;
use crate::history::party::GENERATED_LABELS;
use crate::model::{Cidr, Labels, Operator, Peer, Selector, TieredPeer, Workload};
use crate::verdict::Direction;

/// More different ends than this are not asked about one by one.
pub(super) const WAYS: usize = 64;

const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// What a set of policies names.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// The generated labels that selectors of pods ask for, with the values that they name.
    generated: BTreeMap<&'static str, BTreeSet<String>>,
    /// All address blocks, exceptions too, each once.
    blocks: Vec<IpNet>,
}

impl Vocabulary {
    pub(super) fn of(policies: &[RememberedPolicy]) -> Self {
        let mut found = Self::default();
        let mut blocks = HashSet::new();
        for policy in policies {
            found.add(policy, &mut blocks);
        }
        found.blocks = blocks.into_iter().collect();
        found.blocks.sort_unstable();
        found
    }

    fn add(&mut self, policy: &RememberedPolicy, blocks: &mut HashSet<IpNet>) {
        let mut name = |cidrs: &[Cidr]| blocks.extend(cidrs.iter().map(Cidr::net));
        match policy {
            RememberedPolicy::Network(policy) => {
                self.add_selector(&policy.subjects);
                let rules = DIRECTIONS.map(|direction| policy.rules(direction).unwrap_or_default());
                for peer in rules.into_iter().flatten().flat_map(|rule| &rule.peers) {
                    match peer {
                        Peer::Pods { pods, .. } => self.add_selector(pods),
                        Peer::IpBlock(block) => {
                            name(&[block.cidr]);
                            name(&block.except);
                        }
                    }
                }
            }
            RememberedPolicy::Tiered(policy) => {
                self.add_selector(&policy.subjects.pods);
                let rules = DIRECTIONS.map(|direction| policy.rules(direction));
                for peer in rules.into_iter().flatten().flat_map(|rule| &rule.peers) {
                    match peer {
                        TieredPeer::Pods(selected) => self.add_selector(&selected.pods),
                        TieredPeer::Networks(networks) => name(networks),
                        _ => {}
                    }
                }
            }
        }
    }

    fn add_selector(&mut self, selector: &Selector) {
        for requirement in &selector.requirements {
            let mut generated = GENERATED_LABELS.into_iter();
            let Some(key) = generated.find(|key| *key == requirement.key) else {
                continue;
            };
            let values = self.generated.entry(key).or_default();
            if let Operator::In(named) | Operator::NotIn(named) = &requirement.operator {
                values.extend(named.iter().cloned());
            }
        }
    }

    /// All labels that pods of a workload may have had, as far as policies tell them apart, and the generated ones that make
    /// the difference. `None` where they are too many.
    pub(super) fn labels(
        &self,
        workload: &Workload,
        lasting: &Labels,
    ) -> (Option<Vec<Labels>>, Vec<&'static str>) {
        let mut all = vec![lasting.clone()];
        let mut open = Vec::new();
        for (key, values) in &self.generated {
            match generated(workload, key) {
                Generated::Never => {}
                Generated::Always(value) => {
                    all.iter_mut()
                        .for_each(|labels| *labels = labels.clone().with(key, value));
                }
                Generated::Perhaps => {
                    open.push(*key);
                    let unnamed = unnamed(values);
                    let values = || values.iter().chain([&unnamed]);
                    if all.len() * (values().count() + 1) > WAYS {
                        return (None, open);
                    }
                    let with = all
                        .iter()
                        .flat_map(|labels| values().map(|value| labels.clone().with(key, value)));
                    let with: Vec<Labels> = with.collect();
                    all.extend(with);
                }
            }
        }
        (Some(all), open)
    }

    /// Addresses of a block that stand for all of it: no policy tells any other address from all of these. `None` where
    /// they are too many.
    pub(super) fn addresses(&self, block: IpNet) -> Option<Vec<IpAddr>> {
        let mut found = vec![block.network()];
        let inner = |one: &&IpNet| block.contains(*one) && **one != block;
        for one in self.blocks.iter().filter(inner) {
            // What is alike begins where a block begins, or after one ends.
            let first = one.network();
            let after = next(one.broadcast()).filter(|after| block.contains(after));
            found.extend([Some(first), after].into_iter().flatten());
            if found.len() > 4 * WAYS {
                return None;
            }
        }
        found.sort_unstable();
        found.dedup();
        (found.len() <= WAYS).then_some(found)
    }
}

/// What is known of a generated label of a workload's pods.
enum Generated<'a> {
    Never,
    Always(&'a str),
    Perhaps,
}

fn generated<'a>(workload: &'a Workload, key: &str) -> Generated<'a> {
    let by = match key {
        "pod-template-hash" => &["Deployment", "ReplicaSet"][..],
        "controller-revision-hash" => &["StatefulSet", "DaemonSet"],
        "apps.kubernetes.io/pod-index" | "statefulset.kubernetes.io/pod-name" => &["StatefulSet"],
        _ => &["Job", "CronJob"],
    };
    // The controllers of Kubernetes itself; what others make may have any of them.
    let known = [
        "CronJob",
        "DaemonSet",
        "Deployment",
        "Job",
        "ReplicaSet",
        "ReplicationController",
        "StatefulSet",
    ];
    let kind: &str = &workload.kind;
    if kind == "Job" && matches!(key, "job-name" | "batch.kubernetes.io/job-name") {
        Generated::Always(&workload.name)
    } else if by.contains(&kind) || !known.contains(&kind) {
        Generated::Perhaps
    } else {
        Generated::Never
    }
}

/// A value that is none of these.
fn unnamed(values: &BTreeSet<String>) -> String {
    // Longer than the last in order of which it is the beginning, so it comes after all of them.
    values
        .last()
        .map_or_else(|| "x".to_owned(), |last| format!("{last}x"))
}

fn next(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_add(1).map(|bits| {
            let next: std::net::Ipv4Addr = bits.into();
            next.into()
        }),
        IpAddr::V6(address) => address.to_bits().checked_add(1).map(|bits| {
            let next: std::net::Ipv6Addr = bits.into();
            next.into()
        }),
    }
}
