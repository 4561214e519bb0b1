//! The walk tells the way that led to the verdict, and no other.

use std::collections::BTreeSet;

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::explain::{
    Answer, PolicyOutcome, PolicyWalk, RuleWalk, Side, TierWalk, explain,
};
use netpol_policy::inventory::Inventory;
use netpol_policy::model::Action;
use netpol_policy::verdict::{
    Decision, DirectionVerdict, PolicyRef, RuleRef, Tier, TierOutcome, TierStep,
};
use proptest::prelude::*;

use super::cases;
use super::library::Library;
use crate::generator;

type Rules = BTreeSet<(PolicyRef, usize)>;

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn the_walk_leads_to_the_verdict(case in generator::cases()) {
        let library = Library::new(&case.objects()).names(&case.names);
        for request in &case.requests {
            check(&library.0, &library.connection(request))
                .map_err(|error| TestCaseError::fail(format!("{request:?}: {error}")))?;
        }
    }
}

fn check(inventory: &Inventory, connection: &Connection) -> Result<(), TestCaseError> {
    let verdict = evaluate(inventory, connection);
    let walk = explain(inventory, connection, &verdict);
    prop_assert_eq!(walk.decision, verdict.decision());
    for (side, verdict, own) in [
        (&walk.egress, &verdict.egress, &connection.source),
        (&walk.ingress, &verdict.ingress, &connection.destination),
    ] {
        prop_assert_eq!(side.decision, verdict.decision);
        for tier in &side.tiers {
            check_tier(tier, verdict)?;
        }
        check_completeness(inventory, side, own)?;
        check_misses(side, verdict)?;
    }
    let sides = [&walk.egress, &walk.ingress];
    for side in sides {
        let remedies = walk.remedies.iter();
        let own = remedies.filter(|remedy| remedy.direction == side.direction);
        let decision = side.decision;
        prop_assert!(decision == Decision::Denied || own.count() == 0);
    }
    // What a NetworkPolicy denies, another rule of it would allow, if the other end can be named.
    let is_nameable = |end: &End| match end {
        End::Pod { pod, address } => !pod.host_network || address.is_some(),
        End::Node { .. } | End::Address(_) => true,
        End::Service { .. } | End::Unknown(_) => false,
    };
    let is_denied_by_isolation = |side: &&Side| {
        let last = side
            .last_asked()
            .map(|tier| (tier.tier, tier.outcome.clone()));
        let is_open = |tier: &TierWalk| tier.outcome == Some(TierOutcome::Undecided);
        last == Some((Tier::NetworkPolicy, Some(TierOutcome::Denied)))
            && !side.tiers.iter().any(is_open)
    };
    let can_be_allowed =
        |side: &&Side| side.decision == Decision::Allowed || is_denied_by_isolation(side);
    if sides.iter().any(is_denied_by_isolation)
        && sides.iter().all(can_be_allowed)
        && is_nameable(&connection.source)
        && is_nameable(&connection.destination)
    {
        prop_assert!(!walk.remedies.is_empty(), "{:?}", walk);
    }
    Ok(())
}

/// What the policies of a tier are told to have said is what it said.
fn check_tier(tier: &TierWalk, verdict: &DirectionVerdict) -> Result<(), TestCaseError> {
    let outcomes: Vec<_> = tier.policies.iter().map(|policy| policy.outcome).collect();
    let all = |wanted: &[PolicyOutcome]| outcomes.iter().all(|one| wanted.contains(one));
    let missing = [PolicyOutcome::NoRules, PolicyOutcome::NoMatch];
    match &tier.outcome {
        None => prop_assert!(all(&[PolicyOutcome::NotAsked]), "{:?}", tier),
        Some(TierOutcome::NotSelected) => prop_assert_eq!(outcomes, []),
        Some(TierOutcome::NoMatch) => prop_assert!(all(&missing), "{:?}", tier),
        Some(TierOutcome::Undecided) => {}
        Some(TierOutcome::Denied) if tier.tier == Tier::NetworkPolicy => {
            prop_assert!(all(&missing), "{:?}", tier);
        }
        Some(TierOutcome::Allowed) => {
            // Behind a tier that is undecided, what allows it may not have been used at all, and is not named.
            let is_open = |step: &TierStep| step.outcome == TierOutcome::Undecided;
            if !verdict.path.iter().any(is_open) {
                check_named(tier, Action::Accept, &named(&verdict.allowed_by))?;
            }
        }
        Some(TierOutcome::Denied) => {
            let rules = verdict.denied_by.iter().flat_map(|denial| &denial.rules);
            check_named(tier, Action::Deny, &named(rules))?;
        }
        Some(TierOutcome::Passed(rules)) => check_named(tier, Action::Pass, &named(rules))?,
    }
    Ok(())
}

/// The rules that a verdict names are those that match, or that may where something is not known.
fn check_named(tier: &TierWalk, action: Action, named: &Rules) -> Result<(), TestCaseError> {
    let rules = |wanted: &dyn Fn(&PolicyWalk, &RuleWalk) -> bool| -> Rules {
        let policies = tier.policies.iter();
        let rules = policies.flat_map(|policy| policy.rules.iter().map(move |rule| (policy, rule)));
        rules
            .filter(|(policy, rule)| wanted(policy, rule))
            .map(|(policy, rule)| (policy.policy.clone(), rule.index))
            .collect()
    };
    // Tiers that lead to the same decision are named together.
    let is_here = |policy: &PolicyRef| tier.policies.iter().any(|one| one.policy == *policy);
    let named: Rules = named
        .iter()
        .filter(|(policy, _)| is_here(policy))
        .cloned()
        .collect();
    let possible = rules(&|_, rule| matches!(rule.answer, Answer::Matches | Answer::Unknown(_)));
    prop_assert!(named.is_subset(&possible), "{:?} in {:?}", named, tier);
    let is_open = |policy: &PolicyWalk| policy.outcome == PolicyOutcome::Undecided;
    if tier.tier == Tier::NetworkPolicy || !tier.policies.iter().any(is_open) {
        let acts = |policy: &PolicyWalk, rule: &RuleWalk| {
            policy.outcome == PolicyOutcome::Acts(action) && rule.answer == Answer::Matches
        };
        prop_assert_eq!(rules(&acts), named);
    }
    Ok(())
}

fn named<'a>(rules: impl IntoIterator<Item = &'a RuleRef>) -> Rules {
    let rules = rules.into_iter();
    rules.map(|rule| (rule.policy.clone(), rule.rule)).collect()
}

/// No policy that might have had a say is left out.
fn check_completeness(inventory: &Inventory, side: &Side, own: &End) -> Result<(), TestCaseError> {
    let End::Pod { pod, .. } = own else {
        return Ok(());
    };
    for tier in &side.tiers {
        let told = tier.policies.len() + tier.unselecting.len();
        let there = match tier.tier {
            Tier::NetworkPolicy => inventory.policies(&pod.namespace).len(),
            other => {
                let tiered = inventory.tiered_policies();
                tiered.filter(|policy| policy.tier == other).count()
            }
        };
        prop_assert_eq!(told, there);
    }
    Ok(())
}

/// Of the nearest rule, as many conditions miss as the verdict says.
fn check_misses(side: &Side, verdict: &DirectionVerdict) -> Result<(), TestCaseError> {
    let policies: Vec<&PolicyWalk> = side.tiers.iter().flat_map(|tier| &tier.policies).collect();
    for denial in &verdict.denied_by {
        let Some(nearest) = &denial.nearest else {
            continue;
        };
        let policy = policies
            .iter()
            .find(|one| one.policy == denial.policy)
            .unwrap();
        let rule = &policy.rules[nearest.rule.rule];
        let peer = nearest.rule.peer.map(|at| &rule.peers[at]);
        let port = nearest.rule.port.map(|at| &rule.ports[at]);
        let misses = [peer, port]
            .into_iter()
            .flatten()
            .flat_map(|entry| &entry.misses);
        prop_assert_eq!(
            misses.count(),
            nearest.wants.len(),
            "{:?} {:?}",
            rule,
            nearest
        );
    }
    Ok(())
}
