//! What policies say, as the API shows it.

use netpol_api::v1;
use netpol_policy::verdict as policy;

use super::{direction, duration};
use crate::flow::Computed;

pub(super) fn computed(computed: &Computed) -> v1::Computed {
    let verdict = &computed.verdict;
    v1::Computed {
        verdict: decision(verdict.decision()).into(),
        egress: Some(direction_verdict(&verdict.egress, computed)),
        ingress: Some(direction_verdict(&verdict.ingress, computed)),
        policy_generation: computed.generation,
        caveats: verdict
            .caveats
            .iter()
            .map(|caveat| caveat.as_str().to_owned())
            .collect(),
        changed_before: computed.changed_before.map(duration),
    }
}

pub(crate) fn decision(decision: policy::Decision) -> v1::computed::Verdict {
    match decision {
        policy::Decision::Allowed => v1::computed::Verdict::Allowed,
        policy::Decision::Denied => v1::computed::Verdict::Denied,
        policy::Decision::Unknown => v1::computed::Verdict::Unknown,
    }
}

fn direction_verdict(
    verdict: &policy::DirectionVerdict,
    computed: &Computed,
) -> v1::DirectionVerdict {
    use v1::direction_verdict::DecidedBy;
    let decided_by = match verdict.decided_by {
        policy::DecidedBy::Default => DecidedBy::Default,
        policy::DecidedBy::Node => DecidedBy::Node,
        policy::DecidedBy::SelfTraffic => DecidedBy::Self_,
        policy::DecidedBy::Policy => DecidedBy::Policy,
        policy::DecidedBy::NotASubject => DecidedBy::NotASubject,
        policy::DecidedBy::Unknown => DecidedBy::Unspecified,
    };
    v1::DirectionVerdict {
        verdict: decision(verdict.decision).into(),
        decided_by: decided_by.into(),
        allowed_by: verdict
            .allowed_by
            .iter()
            .map(|rule| rule_ref(rule, computed))
            .collect(),
        denied_by: verdict
            .denied_by
            .iter()
            .map(|denial| denial_message(denial, computed))
            .collect(),
        path: verdict
            .path
            .iter()
            .map(|step| tier_step(step, computed))
            .collect(),
        withheld: false,
    }
}

fn tier_step(step: &policy::TierStep, computed: &Computed) -> v1::TierStep {
    use policy::TierOutcome;
    use v1::tier_step::{Outcome, Tier};
    let tier = match step.tier {
        policy::Tier::Admin => Tier::Admin,
        policy::Tier::NetworkPolicy => Tier::NetworkPolicy,
        policy::Tier::Baseline => Tier::Baseline,
    };
    let mut passing: &[policy::RuleRef] = &[];
    let outcome = match &step.outcome {
        TierOutcome::NotSelected => Outcome::NotSelected,
        TierOutcome::NoMatch => Outcome::NoMatch,
        TierOutcome::Passed(rules) => {
            passing = rules;
            Outcome::Passed
        }
        TierOutcome::Allowed => Outcome::Allowed,
        TierOutcome::Denied => Outcome::Denied,
        TierOutcome::Undecided => Outcome::Undecided,
    };
    v1::TierStep {
        tier: tier.into(),
        outcome: outcome.into(),
        rules: passing
            .iter()
            .map(|rule| rule_ref(rule, computed))
            .collect(),
    }
}

fn rule_ref(rule: &policy::RuleRef, computed: &Computed) -> v1::RuleRef {
    v1::RuleRef {
        policy: Some(policy_ref(&rule.policy, computed)),
        direction: direction(rule.direction).into(),
        rule: index(rule.rule),
        peer: rule.peer.map(index),
        port: rule.port.map(index),
    }
}

/// List indices of stored objects fit by far: the API server caps an object's size.
pub(crate) fn index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn policy_ref(policy: &policy::PolicyRef, computed: &Computed) -> v1::PolicyRef {
    let age = computed
        .policy_ages
        .iter()
        .find(|(known, _)| known == policy)
        .map(|(_, age)| *age);
    v1::PolicyRef {
        kind: policy.kind.as_str().to_owned(),
        namespace: policy.namespace.to_string(),
        name: policy.name.to_string(),
        uid: policy.uid.to_string(),
        generation: policy.generation,
        age: age.map(duration),
    }
}

fn denial_message(denial: &policy::Denial, computed: &Computed) -> v1::Denial {
    use v1::denial::Reason;
    let reason = match denial.reason {
        policy::DenyReason::NoRules => Reason::NoRules,
        policy::DenyReason::PeerNotSelected => Reason::PeerNotSelected,
        policy::DenyReason::PortMismatch => Reason::PortMismatch,
        policy::DenyReason::NamedPortUnresolved => Reason::NamedPortUnresolved,
        policy::DenyReason::ExplicitDeny => Reason::ExplicitDeny,
    };
    v1::Denial {
        policy: Some(policy_ref(&denial.policy, computed)),
        reason: reason.into(),
        nearest: denial.nearest.as_ref().map(|nearest| v1::NearestMiss {
            rule: Some(rule_ref(&nearest.rule, computed)),
            wants: nearest.wants.clone(),
        }),
        rules: denial
            .rules
            .iter()
            .map(|rule| rule_ref(rule, computed))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::testing::{allowed, flow};

    #[test]
    fn an_explicit_denial_keeps_its_rules_and_the_path_those_that_pass() {
        let named = |name: &str| policy::PolicyRef {
            kind: policy::PolicyKind::ClusterNetworkPolicy,
            namespace: "".into(),
            name: name.into(),
            uid: "".into(),
            generation: 2,
        };
        let rule = |name: &str, rule| policy::RuleRef {
            policy: named(name),
            direction: policy::Direction::Egress,
            rule,
            peer: Some(1),
            port: None,
        };
        let mut verdict = allowed();
        verdict.egress.decision = policy::Decision::Denied;
        verdict.egress.denied_by = vec![policy::Denial {
            policy: named("last-word"),
            reason: policy::DenyReason::ExplicitDeny,
            rules: vec![rule("last-word", 3)],
            nearest: None,
        }];
        let step = |tier, outcome| policy::TierStep { tier, outcome };
        verdict.egress.path = vec![
            step(
                policy::Tier::Admin,
                policy::TierOutcome::Passed(vec![rule("delegate", 0)]),
            ),
            step(
                policy::Tier::NetworkPolicy,
                policy::TierOutcome::NotSelected,
            ),
            step(policy::Tier::Baseline, policy::TierOutcome::Denied),
        ];
        let mut says = Computed::clone(&flow(1).computed);
        says.verdict = Arc::new(verdict);
        says.policy_ages = vec![(named("delegate"), Duration::from_secs(5))];

        let message = computed(&says).egress.unwrap();
        let denial = &message.denied_by[0];
        assert_eq!(denial.reason(), v1::denial::Reason::ExplicitDeny);
        assert_eq!((denial.rules[0].rule, denial.rules[0].peer), (3, Some(1)));
        let policy = denial.policy.as_ref().unwrap();
        assert_eq!(policy.kind, "ClusterNetworkPolicy");
        assert_eq!((policy.namespace.as_str(), policy.age), ("", None));
        let path: Vec<_> = message
            .path
            .iter()
            .map(|step| (step.tier(), step.outcome(), step.rules.len()))
            .collect();
        use v1::tier_step::{Outcome, Tier};
        assert_eq!(
            path,
            [
                (Tier::Admin, Outcome::Passed, 1),
                (Tier::NetworkPolicy, Outcome::NotSelected, 0),
                (Tier::Baseline, Outcome::Denied, 0),
            ]
        );
        let passing = message.path[0].rules[0].policy.as_ref().unwrap();
        assert_eq!(passing.age.as_ref().map(|age| age.seconds), Some(5));
    }
}
