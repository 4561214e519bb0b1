//! From tier to tier until one decides (rules 27, 37).

use std::sync::Arc;

use super::network_policy::{self, Answer};
use super::tiered::{self, Possible};
use super::{Judgement, Question, decided};
use crate::inventory::Subject;
use crate::model::TieredPolicy;
use crate::verdict::{
    Caveat, DecidedBy, Decision, Denial, DenyReason, DirectionVerdict, RuleRef, Tier, TierOutcome,
    TierStep,
};

/// Asks the tiers about a pod that policies apply to.
pub(super) fn decide(question: &Question<'_>, subject: &Subject) -> Judgement {
    if subject.is_free(question.direction) {
        return decided(Decision::Allowed, DecidedBy::Default);
    }
    from(Tier::Admin, question, subject)
}

/// Asks a tier, and those after it where it does not decide.
fn from(tier: Tier, question: &Question<'_>, subject: &Subject) -> Judgement {
    let policies = match tier {
        Tier::Admin => &subject.admin,
        Tier::Baseline => &subject.baseline,
        Tier::NetworkPolicy => return isolation(question, subject),
    };
    let next = || match tier {
        Tier::Admin => from(Tier::NetworkPolicy, question, subject),
        Tier::NetworkPolicy | Tier::Baseline => decided(Decision::Allowed, DecidedBy::Default),
    };
    let is_silent = |policy: &Arc<TieredPolicy>| policy.rules(question.direction).is_empty();
    if policies.iter().all(is_silent) {
        return after(tier, TierOutcome::NotSelected, next());
    }
    let mut possible = tiered::ask(question, policies);
    let caveats = std::mem::take(&mut possible.caveats);
    let mut judgement = if possible.count() > 1 {
        one_of(tier, possible, next, &caveats)
    } else if !possible.accept.is_empty() {
        accepted(tier, possible.accept)
    } else if !possible.deny.is_empty() {
        denied(tier, possible.deny)
    } else if possible.nothing {
        after(tier, TierOutcome::NoMatch, next())
    } else {
        after(tier, TierOutcome::Passed(possible.pass), next())
    };
    let lasting = caveats
        .iter()
        .filter(|caveat| matches!(caveat, Caveat::EqualPriority | Caveat::UnsupportedPeer));
    judgement.caveats.extend(lasting);
    judgement
}

/// NetworkPolicy always decides for a pod that it isolates; selection for the other direction only does not count
/// (rules 2, 37).
fn isolation(question: &Question<'_>, subject: &Subject) -> Judgement {
    let tier = Tier::NetworkPolicy;
    let isolating = subject.isolating(question.direction);
    if isolating.is_empty() {
        let next = from(Tier::Baseline, question, subject);
        return after(tier, TierOutcome::NotSelected, next);
    }
    // Rule 23.
    if !question.connection.protocol.is_defined() {
        return unknown(tier, Caveat::ProtocolUndefined);
    }
    match network_policy::ask(question, isolating) {
        Answer::Allowed {
            by,
            by_address_only,
        } => {
            let mut judgement = accepted(tier, by);
            if by_address_only && question.other.pod().is_some() {
                judgement.caveats.push(Caveat::IpBlockMatchesPod);
            }
            judgement
        }
        Answer::Unknown(caveat) => unknown(tier, caveat),
        // Rule 19: through a Service the exemption is undefined, so policies do not have the last word.
        Answer::Denied(_) if question.is_to_itself => unknown(tier, Caveat::SelfThroughService),
        Answer::Denied(denied_by) => Judgement::of(DirectionVerdict {
            decision: Decision::Denied,
            decided_by: DecidedBy::Policy,
            allowed_by: Vec::new(),
            denied_by,
            path: step(tier, TierOutcome::Denied),
        }),
    }
}

/// Several things may happen. Where all lead to the same decision, that is the decision: by the rules that allow it in every
/// way, or by all that may deny it.
fn one_of(
    tier: Tier,
    possible: Possible,
    next: impl FnOnce() -> Judgement,
    why: &[Caveat],
) -> Judgement {
    let mut ways = Vec::new();
    let goes_on = possible.nothing || !possible.pass.is_empty();
    if !possible.accept.is_empty() {
        ways.push(accepted(tier, possible.accept));
    }
    if !possible.deny.is_empty() {
        ways.push(denied(tier, possible.deny));
    }
    if goes_on {
        ways.push(after(tier, TierOutcome::Undecided, next()));
    }
    let mut all = ways.swap_remove(0);
    for way in ways {
        if way.verdict.decision != all.verdict.decision {
            all = unknown(tier, why.first().copied().unwrap_or(Caveat::EqualPriority));
            all.caveats.extend(why);
            return all;
        }
        let (into, verdict) = (&mut all.verdict, way.verdict);
        // What allows it in one way only may not have been used at all.
        into.allowed_by
            .retain(|rule| verdict.allowed_by.contains(rule));
        into.denied_by.extend(verdict.denied_by);
        if verdict.path.len() > into.path.len() {
            into.path = verdict.path;
        }
        all.caveats.extend(way.caveats);
    }
    if let Some(step) = all.verdict.path.first_mut() {
        step.outcome = TierOutcome::Undecided;
    }
    all
}

fn accepted(tier: Tier, allowed_by: Vec<RuleRef>) -> Judgement {
    Judgement::of(DirectionVerdict {
        decision: Decision::Allowed,
        decided_by: DecidedBy::Policy,
        allowed_by,
        denied_by: Vec::new(),
        path: step(tier, TierOutcome::Allowed),
    })
}

/// Explicitly; one denial a policy.
fn denied(tier: Tier, rules: Vec<RuleRef>) -> Judgement {
    let mut denied_by: Vec<Denial> = Vec::new();
    for rule in rules {
        match denied_by.iter_mut().find(|one| one.policy == rule.policy) {
            Some(denial) => denial.rules.push(rule),
            None => denied_by.push(Denial {
                policy: rule.policy.clone(),
                reason: DenyReason::ExplicitDeny,
                rules: vec![rule],
                nearest: None,
            }),
        }
    }
    Judgement::of(DirectionVerdict {
        decision: Decision::Denied,
        decided_by: DecidedBy::Policy,
        allowed_by: Vec::new(),
        denied_by,
        path: step(tier, TierOutcome::Denied),
    })
}

fn unknown(tier: Tier, caveat: Caveat) -> Judgement {
    let mut judgement = decided(Decision::Unknown, DecidedBy::Policy);
    judgement.verdict.path = step(tier, TierOutcome::Undecided);
    judgement.caveats.push(caveat);
    judgement
}

/// What the tiers after this one say, and this one's part in the path.
fn after(tier: Tier, outcome: TierOutcome, mut next: Judgement) -> Judgement {
    next.verdict.path.insert(0, TierStep { tier, outcome });
    next
}

fn step(tier: Tier, outcome: TierOutcome) -> Vec<TierStep> {
    vec![TierStep { tier, outcome }]
}
