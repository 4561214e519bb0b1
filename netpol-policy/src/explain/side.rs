//! One direction: from tier to tier, the policies of each.

use std::sync::Arc;

use super::rules::{Asker, label_misses};
use super::walk::{
    Answer, LabelOwner, Miss, PolicyOutcome, PolicyWalk, RuleWalk, Side, TierWalk, Unselecting,
    WhyNot,
};
use super::words;
use crate::connection::{Connection, End};
use crate::inventory::Inventory;
use crate::model::{Action, Labels, Pod, TieredPolicy};
use crate::verdict::{
    DecidedBy, Direction, DirectionVerdict, PolicyRef, RuleRef, Tier, TierOutcome,
};

/// The walk of one direction to its verdict.
pub(super) fn side(
    inventory: &Inventory,
    connection: &Connection,
    direction: Direction,
    verdict: &DirectionVerdict,
) -> Side {
    let subject = match direction {
        Direction::Egress => &connection.source,
        Direction::Ingress => &connection.destination,
    };
    let tiers = match (subject, verdict.decided_by) {
        (End::Pod { pod, .. }, DecidedBy::Default | DecidedBy::Policy) => {
            let guide = Guide {
                inventory,
                direction,
                verdict,
                pod,
                name: subject.to_string(),
                namespace_labels: inventory.namespace_labels(&pod.namespace),
                asker: Asker::new(inventory, connection, direction),
            };
            vec![
                guide.tiered(Tier::Admin),
                guide.network_policies(),
                guide.tiered(Tier::Baseline),
            ]
        }
        _ => Vec::new(),
    };
    Side {
        direction,
        decision: verdict.decision,
        decided_by: verdict.decided_by,
        tiers,
    }
}

struct Guide<'a> {
    inventory: &'a Inventory,
    direction: Direction,
    verdict: &'a DirectionVerdict,
    /// Whom the policies select, or not.
    pod: &'a Pod,
    name: String,
    namespace_labels: Labels,
    asker: Asker<'a>,
}

impl Guide<'_> {
    fn outcome(&self, tier: Tier) -> Option<TierOutcome> {
        let path = &self.verdict.path;
        let step = path.iter().find(|step| step.tier == tier);
        match step {
            Some(step) => Some(step.outcome.clone()),
            // Where no policy selects the pod, the verdict spares itself the path.
            None if path.is_empty() => Some(TierOutcome::NotSelected),
            None => None,
        }
    }

    fn network_policies(&self) -> TierWalk {
        let outcome = self.outcome(Tier::NetworkPolicy);
        let mut walk = TierWalk {
            tier: Tier::NetworkPolicy,
            outcome,
            policies: Vec::new(),
            unselecting: Vec::new(),
        };
        for policy in self.inventory.policies(&self.pod.namespace) {
            let reference = &policy.reference;
            let misses: Vec<_> = label_misses(
                LabelOwner::Pod,
                &self.name,
                &policy.subjects,
                &self.pod.labels,
            )
            .collect();
            let Some(rules) = policy.rules(self.direction) else {
                walk.unselecting.push(unselecting(reference, misses));
                continue;
            };
            if !misses.is_empty() {
                walk.unselecting.push(unselecting(reference, misses));
                continue;
            }
            let rules = rules.iter().enumerate();
            let rules: Vec<_> = rules
                .map(|(index, rule)| self.asker.rule(policy, index, rule))
                .collect();
            let outcome = of_any(&rules);
            let selects = words::pods(None, &reference.namespace, &policy.subjects);
            walk.policies
                .push(self.policy(reference, None, selects, outcome, rules));
        }
        if walk.outcome.is_none() {
            not_asked(&mut walk.policies);
        }
        walk
    }

    fn tiered(&self, tier: Tier) -> TierWalk {
        let mut walk = TierWalk {
            tier,
            outcome: self.outcome(tier),
            policies: Vec::new(),
            unselecting: Vec::new(),
        };
        let mut policies: Vec<&Arc<TieredPolicy>> = self
            .inventory
            .tiered_policies()
            .filter(|policy| policy.tier == tier)
            .collect();
        policies.sort_by_key(|policy| {
            let place = (policy.priority.is_none(), policy.priority);
            (place, &policy.reference)
        });
        let mut decided_at = None;
        for policy in policies {
            let (subjects, reference) = (&policy.subjects, &policy.reference);
            let namespace = &self.pod.namespace;
            let of_namespace = label_misses(
                LabelOwner::Namespace,
                namespace,
                &subjects.namespaces,
                &self.namespace_labels,
            );
            let of_pod = label_misses(
                LabelOwner::Pod,
                &self.name,
                &subjects.pods,
                &self.pod.labels,
            );
            let misses: Vec<_> = of_namespace.chain(of_pod).collect();
            let rules = policy.rules(self.direction);
            if !misses.is_empty() || rules.is_empty() {
                walk.unselecting.push(unselecting(reference, misses));
                continue;
            }
            let rules = rules.iter().enumerate();
            let mut rules: Vec<_> = rules
                .map(|(index, rule)| self.asker.tiered_rule(index, rule))
                .collect();
            // Those of the same priority are asked too, and so are those without one.
            let is_late = decided_at.is_some_and(|at| policy.priority.is_some_and(|own| own > at));
            let outcome = if is_late {
                PolicyOutcome::NotAsked
            } else {
                of_first(&mut rules)
            };
            if matches!(outcome, PolicyOutcome::Acts(_)) {
                decided_at = decided_at.or(policy.priority);
            }
            let selects = words::pods(Some(&subjects.namespaces), "", &subjects.pods);
            walk.policies
                .push(self.policy(reference, policy.priority, selects, outcome, rules));
        }
        if walk.outcome.is_none() {
            not_asked(&mut walk.policies);
        }
        for policy in &mut walk.policies {
            if policy.outcome == PolicyOutcome::NotAsked {
                not_asked(std::slice::from_mut(policy));
            }
        }
        walk
    }

    fn policy(
        &self,
        reference: &PolicyRef,
        priority: Option<u16>,
        selects: String,
        outcome: PolicyOutcome,
        rules: Vec<RuleWalk>,
    ) -> PolicyWalk {
        let verdict = self.verdict;
        let denial = verdict
            .denied_by
            .iter()
            .find(|one| one.policy == *reference);
        let denied = denial.iter().flat_map(|denial| &denial.rules);
        let passed = verdict.path.iter().flat_map(|step| match &step.outcome {
            TierOutcome::Passed(rules) => rules.as_slice(),
            _ => &[],
        });
        let named = verdict.allowed_by.iter().chain(denied).chain(passed);
        let decisive: Vec<RuleRef> = named
            .filter(|rule| rule.policy == *reference)
            .cloned()
            .collect();
        let nearest = denial.and_then(|denial| denial.nearest.as_ref());
        PolicyWalk {
            policy: reference.clone(),
            priority,
            selects,
            outcome,
            decisive,
            nearest: nearest.map(|nearest| nearest.rule.clone()),
            rules,
        }
    }
}

fn unselecting(policy: &PolicyRef, misses: Vec<Miss>) -> Unselecting {
    Unselecting {
        policy: policy.clone(),
        why: if misses.is_empty() {
            WhyNot::OtherDirection
        } else {
            WhyNot::OtherPods(misses)
        },
    }
}

/// Rules without order: one that matches is enough (rule 3).
fn of_any(rules: &[RuleWalk]) -> PolicyOutcome {
    let matching = rules.iter().find(|rule| rule.answer == Answer::Matches);
    match matching {
        Some(rule) => PolicyOutcome::Acts(rule.action),
        None if rules.is_empty() => PolicyOutcome::NoRules,
        None if rules.iter().any(RuleWalk::is_unknown) => PolicyOutcome::Undecided,
        None => PolicyOutcome::NoMatch,
    }
}

/// Rules in order: the first that matches decides, and those after it are not asked (rule 27).
fn of_first(rules: &mut [RuleWalk]) -> PolicyOutcome {
    let at = rules.iter().position(|rule| rule.answer == Answer::Matches);
    let asked = at.map_or(rules.len(), |at| at + 1);
    for rule in &mut rules[asked..] {
        rule.forget();
    }
    let is_open = rules[..asked].iter().any(RuleWalk::is_unknown);
    match at {
        _ if is_open => PolicyOutcome::Undecided,
        Some(at) => PolicyOutcome::Acts(rules[at].effect()),
        None => PolicyOutcome::NoMatch,
    }
}

fn not_asked(policies: &mut [PolicyWalk]) {
    for policy in policies {
        policy.outcome = PolicyOutcome::NotAsked;
        policy.rules.iter_mut().for_each(RuleWalk::forget);
    }
}

impl RuleWalk {
    fn is_unknown(&self) -> bool {
        matches!(self.answer, Answer::Unknown(_))
    }

    /// Says of a rule that nobody asked it.
    fn forget(&mut self) {
        self.answer = Answer::NotAsked;
        for entry in self.peers.iter_mut().chain(&mut self.ports) {
            entry.answer = Answer::NotAsked;
            entry.misses.clear();
        }
    }

    /// What happens where it matches: a rule with a peer that is not known denies (rule 33).
    fn effect(&self) -> Action {
        if self.is_unsupported {
            Action::Deny
        } else {
            self.action
        }
    }
}
