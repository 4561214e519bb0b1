//! How well what was seen shows what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::label::WorkloadName;
use crate::history::{History, MissingNode, Present};
use crate::unused::{Beginning, Confidence, Limit, Nodes, Options, Watch, Window};

/// What was watched, and what takes from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// How well the nodes of the pods were watched.
    pub watch: Watch,
    /// What takes from the confidence, the worst first.
    pub limits: Vec<Limit>,
    /// Nodes whose history could not be had.
    pub missing: Vec<MissingNode>,
}

impl Evidence {
    /// Of pods that are, or were, of these kinds, from some moment on. `asked` says whether the history is damaged, as told and by
    /// itself.
    pub(crate) fn of(
        history: &History,
        nodes: &Nodes<'_>,
        pods: &[&Present],
        since: Option<SystemTime>,
        asked: &Options,
    ) -> Self {
        let mut hosts: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        for (node, count) in pods.iter().flat_map(|present| &present.pods) {
            // Pods on no node yet.
            if !node.is_empty() {
                let there = hosts.entry(node.clone()).or_default();
                *there = there.saturating_add(*count);
            }
        }
        if hosts.is_empty() {
            hosts = nodes.everywhere();
        }
        let watch = match nodes.any() {
            Some(any) => {
                let from = since.map_or(any.from, |since| since.max(any.from));
                nodes.watch(&hosts, Window { from, ..any })
            }
            None => Watch::default(),
        };
        let mut limits = Limit::of_watch(&watch);
        if asked.is_damaged {
            limits.push(Limit::Unreadable);
        }
        if watch.window.is_none() {
            limits.push(Limit::NobodyWatched);
        }
        if let Some(window) = watch.window {
            let beginning = match since {
                Some(since) if since >= window.from => Beginning::Policy,
                _ => Beginning::Watch,
            };
            limits.extend(Limit::of_length(window.length(), beginning, asked));
            let idle = did_not_run(pods, window.from);
            let is_all = !idle.is_empty() && idle.len() == workloads(pods);
            if !idle.is_empty() {
                limits.push(Limit::DidNotRun {
                    workloads: idle.iter().map(ToString::to_string).collect(),
                    is_all,
                });
            }
        }
        limits.sort_by_key(Limit::leaves);
        Self {
            watch,
            limits,
            missing: history.missing.clone(),
        }
    }

    /// How much can be concluded from traffic that was not seen.
    #[must_use]
    pub fn confidence(&self) -> Confidence {
        let limits = self.limits.iter().map(Limit::leaves);
        limits.min().unwrap_or(Confidence::High)
    }

    /// Whether lines of the history could not be read: whatever is not known may have stood there.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.limits.contains(&Limit::Unreadable)
    }
}

fn workloads(pods: &[&Present]) -> usize {
    let names = pods.iter().map(|present| WorkloadName::of(&present.group));
    names.collect::<BTreeSet<_>>().len()
}

/// Jobs and CronJobs without a pod since some moment.
fn did_not_run(pods: &[&Present], since: SystemTime) -> Vec<WorkloadName> {
    let mut last: BTreeMap<WorkloadName, SystemTime> = BTreeMap::new();
    for present in pods {
        if matches!(&*present.group.workload.kind, "Job" | "CronJob") {
            let seen = last
                .entry(WorkloadName::of(&present.group))
                .or_insert(present.last_seen);
            *seen = present.last_seen.max(*seen);
        }
    }
    let idle = last.into_iter().filter(|(_, seen)| *seen < since);
    idle.map(|(name, _)| name).collect()
}
