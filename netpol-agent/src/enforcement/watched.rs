//! What was seen of enforcement since something was last stopped.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use netpol_policy::drift::{NodeRecord, is_conclusive};
use netpol_policy::history::PolicyName;

use super::sighting::Sighting;

/// Pods, and policies, that are told apart; what is beyond counts with the others.
const APART: usize = 4096;

/// What has to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// This node seems to enforce nothing, in one sentence.
    Nothing(String),
    /// It enforces something after all.
    Something,
}

/// What was seen of enforcement.
#[derive(Default)]
pub(super) struct Watched {
    /// Policies behind connections that were stopped. Once there are any, only what they deny says something new: others may
    /// never have been enforced for a reason of their own.
    enforced: HashSet<PolicyName>,
    since_stopped: Tally,
    is_told: bool,
}

/// Connections since one was last stopped.
#[derive(Default)]
struct Tally {
    let_through: u64,
    unclear: u64,
    /// Namespace and name of the pods, or of their workloads, that were let through.
    exposed: HashSet<(Arc<str>, Arc<str>)>,
    policies: HashSet<PolicyName>,
    first: Option<SystemTime>,
}

impl Watched {
    /// Starts from what was seen before.
    pub(super) fn remember(&mut self, record: &NodeRecord) -> Option<News> {
        extend(&mut self.enforced, record.enforced.iter().cloned());
        if record.stopped > 0 {
            return None;
        }
        let tally = &mut self.since_stopped;
        tally.let_through += record.let_through;
        tally.unclear += record.unclear;
        let exposed = record.exposed.iter();
        extend(
            &mut tally.exposed,
            exposed.map(|(namespace, workload)| (namespace.clone(), workload.name.clone())),
        );
        extend(&mut tally.policies, record.not_enforced.iter().cloned());
        tally.first = record.let_through_within.map(|(first, _)| first);
        self.judge()
    }

    pub(super) fn add(&mut self, sighting: Sighting) -> Option<News> {
        let tally = &mut self.since_stopped;
        match sighting {
            Sighting::Stopped { policies } => {
                extend(&mut self.enforced, policies);
                self.since_stopped = Tally::default();
                return std::mem::take(&mut self.is_told).then_some(News::Something);
            }
            Sighting::Unclear => tally.unclear += 1,
            Sighting::LetThrough {
                pod,
                policies,
                time,
                ..
            } => {
                let was_enforced = |policy| self.enforced.contains(policy);
                if !self.enforced.is_empty() && !policies.iter().any(was_enforced) {
                    return None;
                }
                tally.let_through += 1;
                extend(
                    &mut tally.exposed,
                    [(pod.namespace.clone(), pod.name.clone())],
                );
                extend(&mut tally.policies, policies);
                tally.first = tally.first.or(Some(time));
            }
        }
        self.judge()
    }

    /// What is wrong, while it is.
    pub(super) fn warning(&self) -> Option<String> {
        self.is_told.then(|| self.since_stopped.sentence())
    }

    fn judge(&mut self) -> Option<News> {
        let tally = &self.since_stopped;
        let concerned = tally.exposed.len().max(tally.policies.len());
        if self.is_told || !is_conclusive(tally.let_through, tally.unclear, concerned) {
            return None;
        }
        self.is_told = true;
        Some(News::Nothing(self.since_stopped.sentence()))
    }
}

impl Tally {
    /// Names nobody: readers of one namespace may see it.
    fn sentence(&self) -> String {
        let policies = match self.policies.len() {
            1 => "a policy denies".to_owned(),
            many => format!("{many} policies deny"),
        };
        let first = self.first.and_then(|first| Timestamp::try_from(first).ok());
        let since = first.map_or_else(String::new, |first| format!(" since {first:.0}"));
        format!(
            "this node seems to enforce no network policy: {} connections that {policies} went through{since}, and none was \
             seen to be stopped; `flows drift` lists them; does the network plugin of this node enforce policies?",
            self.let_through
        )
    }
}

fn extend<T: Eq + std::hash::Hash>(set: &mut HashSet<T>, new: impl IntoIterator<Item = T>) {
    for item in new {
        if set.len() < APART {
            set.insert(item);
        }
    }
}
