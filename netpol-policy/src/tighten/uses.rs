//! What each peer and port of each rule let through.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Progress;
use crate::history::{History, Observed, RememberedPolicy, Traffic};
use crate::model::NetworkPolicy;
use crate::replay::{Engine, LabelsOf};
use crate::verdict::{Decision, Direction, PolicyRef, RuleRef};

/// A rule of one of the policies: the policy's index, the list of rules, and the rule's index.
pub(super) type RuleId = (usize, Direction, usize);

/// What some traffic needed of a rule.
#[derive(Clone, Debug)]
pub(super) struct Use {
    /// Index of the traffic.
    pub(super) traffic: usize,
    /// The peers that match it; empty where the rule lists none.
    pub(super) peers: BTreeSet<usize>,
    /// The ports that match it; empty where the rule lists none.
    pub(super) ports: BTreeSet<usize>,
}

/// The uses of all rules. Traffic that was blocked or not answered is no use, but known all the same.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// What got through, or may have.
    pub(super) wanted: BTreeMap<RuleId, Vec<Use>>,
    /// By policy: what it lets through, and what did not get through for other reasons.
    pub(super) others: BTreeMap<usize, BTreeSet<usize>>,
    /// By policy: what got through, or may have, and is allowed at both ends.
    pub(super) allowed: BTreeMap<usize, BTreeSet<usize>>,
    /// What got through, or may have, and of which it cannot be told whether it is allowed.
    pub(super) undecided: Vec<usize>,
}

impl Uses {
    /// Asks the policies in force about all traffic.
    pub(super) fn of(
        history: &History,
        in_force: &[RememberedPolicy],
        policies: &[&NetworkPolicy],
        traffic: &[Traffic],
        mut report: impl FnMut(Progress),
    ) -> Self {
        let indices: HashMap<&PolicyRef, usize> = policies
            .iter()
            .enumerate()
            .map(|(index, policy)| (&policy.reference, index))
            .collect();
        let mut engine = Engine::new(history, in_force, LabelsOf::FlowTime);
        let mut uses = Self::default();
        for (index, one) in traffic.iter().enumerate() {
            report(Progress {
                done: index,
                total: traffic.len(),
            });
            let answer = engine.answer(one);
            let verdict = &answer.verdict;
            let is_wanted = !one.observed.is_blocked() && one.observed != Observed::Unanswered;
            if is_wanted && answer.decision() == Decision::Unknown {
                uses.undecided.push(index);
            }
            let matched = verdict
                .egress
                .allowed_by
                .iter()
                .chain(&verdict.ingress.allowed_by);
            for rule in matched {
                let Some(&policy) = indices.get(&rule.policy) else {
                    continue;
                };
                if !is_wanted {
                    uses.others.entry(policy).or_default().insert(index);
                    continue;
                }
                if answer.decision() == Decision::Allowed {
                    uses.allowed.entry(policy).or_default().insert(index);
                }
                uses.add(policy, rule, index);
            }
        }
        uses
    }

    fn add(&mut self, policy: usize, rule: &RuleRef, index: usize) {
        let id = (policy, rule.direction, rule.rule);
        let uses = self.wanted.entry(id).or_default();
        // The entries of one verdict follow each other.
        if uses.last().is_none_or(|last| last.traffic != index) {
            uses.push(Use {
                traffic: index,
                peers: BTreeSet::new(),
                ports: BTreeSet::new(),
            });
        }
        if let Some(last) = uses.last_mut() {
            last.peers.extend(rule.peer);
            last.ports.extend(rule.port);
        }
    }
}
