//! One policy after another: whom it selects, who watched them, and what is to be said of each of its lines.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::finding::{Finding, Since};
use super::limit::Limit;
use super::lines::Line;
use super::options::Options;
use super::pods::{Pods, Selected, may_select};
use super::report::{PolicyReport, Subjects, Window, workload};
use super::seen::Seen;
use super::shadow::Shadows;
use super::watch::{Nodes, Watch, is_damaged};
use crate::history::{
    History, PolicyName, PolicyRevision, RememberedPolicy, RuleId, RuleTotals, UseTotals,
    fingerprint, rule_totals,
};
use crate::verdict::Direction;

/// What is looked up for every policy.
pub(super) struct Judge<'a> {
    pub(super) pods: &'a Pods<'a>,
    pub(super) shadows: &'a Shadows<'a>,
    pub(super) nodes: Nodes<'a>,
    pub(super) seen: Seen<'a>,
    pub(super) options: &'a Options,
    /// Lines of the history could not be read, so nothing is known to be absent.
    pub(super) is_damaged: bool,
    totals: BTreeMap<RuleId, RuleTotals>,
    revisions: HashMap<PolicyName, Vec<(&'a PolicyRevision, u64)>>,
}

/// One policy, as far as all of its lines share it.
pub(super) struct Case<'a> {
    pub(super) name: PolicyName,
    pub(super) fingerprint: u64,
    /// When it said this; `None` where it never was in force.
    pub(super) in_force: Option<Window>,
    pub(super) subjects: &'a Selected,
    /// The nodes that its pods run on, with how many, and those where they were seen before; all nodes, where it has no pods
    /// now.
    pub(super) hosts: BTreeMap<Arc<str>, u32>,
    /// How these were watched since the policy says this.
    pub(super) watch: Watch,
    /// What is wrong with that, from some moment on.
    limits: RefCell<HashMap<SystemTime, Vec<Limit>>>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        history: &'a History,
        pods: &'a Pods<'a>,
        shadows: &'a Shadows<'a>,
        options: &'a Options,
    ) -> Self {
        let mut revisions: HashMap<PolicyName, Vec<(&PolicyRevision, u64)>> = HashMap::new();
        for revision in &history.policies {
            let known = revisions.entry(revision.policy.name()).or_default();
            known.push((revision, fingerprint(&revision.policy)));
        }
        Self {
            pods,
            shadows,
            nodes: Nodes::of(history),
            seen: Seen::of(history, pods, shadows),
            options,
            is_damaged: options.is_damaged || is_damaged(history),
            totals: rule_totals(history),
            revisions,
        }
    }

    /// Judges one of the policies.
    pub(super) fn policy(&self, index: usize) -> PolicyReport {
        let policy = self.shadows.policy(index);
        let case = self.case(policy, self.shadows.subjects(index));
        let entries = self.shadows.lines_of(index).map(|index| {
            let finding = Finding {
                judge: self,
                case: &case,
                line: self.shadows.line(index),
                index,
            };
            finding.entry(policy)
        });
        PolicyReport {
            policy: policy.reference().clone(),
            since: case.in_force.map(|window| window.from),
            subjects: self.subjects(case.subjects),
            entries: entries.collect(),
            watch: case.watch,
        }
    }

    fn case<'b>(&self, policy: &RememberedPolicy, subjects: &'b Selected) -> Case<'b> {
        let name = policy.name();
        let fingerprint = fingerprint(policy);
        let in_force = self.in_force(&name, fingerprint);
        let mut hosts: BTreeMap<Arc<str>, u32> = BTreeMap::new();
        for (node, pods) in subjects
            .groups
            .iter()
            .flat_map(|one| &self.pods.get(*one).pods)
        {
            // Pods on no node do nothing yet.
            if !node.is_empty() {
                let there = hosts.entry(node.clone()).or_default();
                *there = there.saturating_add(*pods);
            }
        }
        if hosts.values().all(|pods| *pods == 0) {
            hosts = self.nodes.everywhere();
        }
        let watch = in_force.map(|within| self.nodes.watch(&hosts, within));
        Case {
            name,
            fingerprint,
            in_force,
            subjects,
            hosts,
            watch: watch.unwrap_or_default(),
            limits: RefCell::default(),
        }
    }

    /// When a policy last said this. A change ends it, and a window begins anew with every change.
    fn in_force(&self, name: &PolicyName, fingerprint: u64) -> Option<Window> {
        let revisions = self.revisions.get(name)?.iter();
        let latest = revisions
            .filter(|(_, number)| *number == fingerprint)
            .map(|(revision, _)| revision)
            .max_by_key(|revision| revision.since)?;
        Some(Window {
            from: latest.since,
            until: latest.until.unwrap_or_else(far_future),
        })
    }

    pub(super) fn totals(&self, case: &Case<'_>, line: &Line<'_>) -> Option<&UseTotals> {
        let id = RuleId {
            policy: case.name.clone(),
            fingerprint: case.fingerprint,
            direction: line.direction,
            part: line.part,
        };
        self.totals.get(&id).map(|sum| &sum.totals)
    }

    /// Other policies that may have matched what one did since some moment, and say something else now; and when the last of
    /// them changed.
    pub(super) fn changed_since(
        &self,
        case: &Case<'_>,
        direction: Direction,
        from: SystemTime,
    ) -> Option<(Vec<String>, SystemTime)> {
        let space = &case.name.namespace;
        let may_match = |revision: &PolicyRevision| {
            let mut groups = case.subjects.groups.iter();
            has_rules(&revision.policy, direction)
                && groups.any(|group| may_select(&revision.policy, self.pods.group(*group)))
        };
        let others = self
            .revisions
            .iter()
            .filter(|(name, _)| name.namespace == *space && **name != case.name);
        let mut changed: Vec<(String, SystemTime)> = Vec::new();
        for (name, revisions) in others {
            let now = revisions.iter().find(|(one, _)| one.until.is_none());
            let ended = revisions.iter().filter_map(|(revision, number)| {
                let is_now = now.is_some_and(|(_, now)| now == number);
                let until = revision.until.filter(|until| *until > from && !is_now)?;
                may_match(revision).then_some(until)
            });
            if let Some(until) = ended.max() {
                changed.push((name.to_string(), until));
            }
        }
        changed.sort_unstable();
        let last = changed.iter().map(|(_, until)| *until).max()?;
        Some((changed.into_iter().map(|(name, _)| name).collect(), last))
    }

    /// What is wrong with how the nodes of a policy's pods were watched over a part of its time. Most lines ask of few parts.
    pub(super) fn limits_of_watch(&self, case: &Case<'_>, window: Window) -> Vec<Limit> {
        let mut known = case.limits.borrow_mut();
        let limits = known
            .entry(window.from)
            .or_insert_with(|| Limit::of_watch(&self.nodes.watch(&case.hosts, window)));
        limits.clone()
    }

    /// The later of two beginnings.
    pub(super) fn later(window: &mut Window, since: &mut Since, at: SystemTime, beginning: Since) {
        if at > window.from {
            window.from = at;
            *since = beginning;
        }
    }

    fn subjects(&self, selected: &Selected) -> Subjects {
        let mut subjects = Subjects::default();
        for &index in &selected.groups {
            let present = self.pods.get(index);
            let pods = present.pods.values().copied().fold(0, u32::saturating_add);
            subjects.pods = subjects.pods.saturating_add(pods);
            let name = workload(&present.group);
            if pods > 0 {
                subjects.workloads.push(name);
            } else {
                subjects.gone.push(name);
            }
        }
        subjects.workloads.sort_unstable();
        subjects.workloads.dedup();
        let workloads = &subjects.workloads;
        subjects.gone.retain(|name| !workloads.contains(name));
        subjects.gone.sort_unstable();
        subjects.gone.dedup();
        subjects
    }
}

fn has_rules(policy: &RememberedPolicy, direction: Direction) -> bool {
    match policy {
        RememberedPolicy::Network(policy) => {
            let rules = policy.rules(direction);
            rules.is_some_and(|rules| !rules.is_empty())
        }
        RememberedPolicy::Tiered(policy) => !policy.rules(direction).is_empty(),
    }
}

/// Later than anything that is remembered: some hundred years from the beginning of Unix time.
pub(super) fn far_future() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 35)
}
