//! One direction: who decided, and what each tier said.

use netpol_policy::explain::{
    EndFacts, EndKind, EntryWalk, PolicyOutcome, PolicyWalk, Side, TierWalk, Walk, WhyNot,
    policy as policy_words, rules_list, subjects_field,
};
use netpol_policy::model::Action;
use netpol_policy::verdict::{DecidedBy, Decision, Direction, RuleRef, Tier, TierOutcome};

use super::page::{BOLD, DIM, PLAIN, Page};
use super::quote::Quotes;
use super::{Detail, rules, words};

/// Columns that the names of tiers take.
const TIER: usize = 15;
/// Where policies begin.
const POLICY: usize = 4;
/// Policies that do not select the pod are listed up to this many.
const UNSELECTING: usize = 10;

pub(super) fn side(page: &mut Page, walk: &Walk, side: &Side, detail: Detail<'_>) {
    let (own, other) = match side.direction {
        Direction::Egress => (&walk.source, &walk.destination),
        Direction::Ingress => (&walk.destination, &walk.source),
    };
    let (_, word, style) = words::decision(side.decision);
    let name = words::direction(side.direction);
    page.line(
        0,
        &[
            (BOLD, &format!("{name} of {}: ", own.name)),
            (style, word),
            (PLAIN, &format!(", {}", why(side, own, other))),
        ],
    );
    let is_short = matches!(detail, Detail::Short);
    for tier in &side.tiers {
        let is_empty = tier.policies.is_empty() && tier.unselecting.is_empty();
        let is_silent = matches!(tier.outcome, None | Some(TierOutcome::NotSelected));
        if is_empty || (is_short && is_silent) {
            continue;
        }
        let said = said(tier, side, other);
        page.line(
            2,
            &[
                (BOLD, &format!("{:<TIER$}", words::tier(tier.tier))),
                (PLAIN, &said),
            ],
        );
        policies(page, tier, side, detail);
        if let Detail::Full(quotes) = detail {
            unselecting(page, tier, side.direction, quotes);
        }
    }
}

/// What decided, in a few words.
fn why(side: &Side, own: &EndFacts, other: &EndFacts) -> String {
    let deciding = side.last_asked();
    match side.decided_by {
        DecidedBy::Default => {
            let was_asked = |tier: &TierWalk| {
                matches!(
                    tier.outcome,
                    Some(TierOutcome::NoMatch | TierOutcome::Passed(_))
                )
            };
            let says = if side.tiers.iter().any(was_asked) {
                "no policy decides it"
            } else {
                "no policy isolates it"
            };
            says.to_owned()
        }
        DecidedBy::Node => "traffic between a pod and its own node always is".to_owned(),
        DecidedBy::SelfTraffic => "a pod always reaches itself".to_owned(),
        DecidedBy::NotASubject => match own.kind {
            EndKind::HostNetworkPod => "no policy applies to a pod with hostNetwork".to_owned(),
            EndKind::Node => "no policy applies to a node".to_owned(),
            _ => "no policy applies outside of the cluster".to_owned(),
        },
        DecidedBy::Unknown => match own.kind {
            EndKind::Service => "the backend is not known".to_owned(),
            _ => "it is not known who that is".to_owned(),
        },
        DecidedBy::Policy if side.decision == Decision::Unknown => {
            "it depends on what is not known, or not defined".to_owned()
        }
        DecidedBy::Policy => match deciding.map(|tier| (tier, tier.tier)) {
            Some((_, Tier::NetworkPolicy)) if side.decision == Decision::Denied => {
                format!("no rule admits {}", other.name)
            }
            Some((tier, _)) => {
                let named = tier.policies.iter();
                let named = named.filter(|policy| !policy.decisive.is_empty());
                let named: Vec<_> = named.map(|policy| policy_words(&policy.policy)).collect();
                format!("by {}", words::some(&named, 2))
            }
            None => "by policy".to_owned(),
        },
    }
}

fn said(tier: &TierWalk, side: &Side, other: &EndFacts) -> String {
    let list = rules_list(side.direction);
    let count = tier.policies.len();
    let is_open = |policy: &PolicyWalk| policy.outcome == PolicyOutcome::Undecided;
    let is_any_open = tier.policies.iter().any(is_open);
    match (&tier.outcome, tier.tier) {
        (None, _) => "not asked: what comes before it decides".to_owned(),
        (Some(TierOutcome::NotSelected), Tier::NetworkPolicy) => {
            format!("no policy isolates it for {list}")
        }
        (Some(TierOutcome::NotSelected), _) => format!("no policy selects it for {list}"),
        (Some(TierOutcome::NoMatch), _) => {
            format!("{} it, no rule matches", words::policies(count))
        }
        (Some(TierOutcome::Passed(_)), _) => "leaves it to the next tier".to_owned(),
        (Some(TierOutcome::Allowed), Tier::NetworkPolicy) => {
            format!(
                "{} it, and one that allows is enough",
                words::policies(count)
            )
        }
        (Some(TierOutcome::Denied), Tier::NetworkPolicy) => {
            format!(
                "{} it, and none allows {}",
                words::policies(count),
                other.name
            )
        }
        // What may match and what comes after lead to the same.
        (Some(TierOutcome::Allowed), _) if is_any_open => "allows it either way".to_owned(),
        (Some(TierOutcome::Denied), _) if is_any_open => "denies it either way".to_owned(),
        (Some(TierOutcome::Allowed), _) => "allows it".to_owned(),
        (Some(TierOutcome::Denied), _) => "denies it".to_owned(),
        (Some(TierOutcome::Undecided), _) if side.decision != Decision::Unknown => {
            "cannot be decided, but either way leads to the same".to_owned()
        }
        (Some(TierOutcome::Undecided), _) => "cannot be decided".to_owned(),
    }
}

fn policies(page: &mut Page, tier: &TierWalk, side: &Side, detail: Detail<'_>) {
    let is_short = matches!(detail, Detail::Short);
    let is_denied = tier.outcome == Some(TierOutcome::Denied);
    let shown: Vec<&PolicyWalk> = tier
        .policies
        .iter()
        .filter(|policy| {
            let counts = !policy.decisive.is_empty()
                || policy.outcome == PolicyOutcome::Undecided
                || (is_denied && tier.tier == Tier::NetworkPolicy);
            !is_short || counts
        })
        .collect();
    let names: Vec<String> = shown
        .iter()
        .map(|policy| policy_words(&policy.policy))
        .collect();
    let widest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (policy, name) in shown.into_iter().zip(names) {
        let (mark, style) = words::outcome(policy.outcome);
        let mut phrase = phrase(policy, side, is_short);
        if !is_short {
            phrase = format!("selects {}; {phrase}", policy.selects);
        }
        if let Some(priority) = policy.priority {
            phrase = format!("priority {priority}: {phrase}");
        }
        let name = format!(" {name:<widest$}  ");
        page.columns(POLICY, &[(style, mark), (PLAIN, &name)], &phrase);
        if let (Detail::Full(quotes), true) = (detail, policy.outcome != PolicyOutcome::NotAsked) {
            rules::rules(page, policy, side.direction, quotes);
        }
    }
}

fn phrase(policy: &PolicyWalk, side: &Side, is_short: bool) -> String {
    let list = rules_list(side.direction);
    let decisive: Vec<String> = policy.decisive.iter().map(words::rule).collect();
    let by = match decisive.as_slice() {
        [] => String::new(),
        rules => format!(" by {}", words::some(rules, 3)),
    };
    match policy.outcome {
        PolicyOutcome::NoRules => format!("lists no {list} rule, so it admits nobody"),
        PolicyOutcome::NoMatch => match nearest(policy) {
            Some(nearest) if is_short => nearest,
            _ => "no rule matches".to_owned(),
        },
        PolicyOutcome::Acts(Action::Accept) => format!("allows it{by}"),
        PolicyOutcome::Acts(Action::Deny) => format!("denies it{by}"),
        PolicyOutcome::Acts(Action::Pass) => format!("leaves it to the next tier{by}"),
        PolicyOutcome::Undecided => "depends on what is not known".to_owned(),
        PolicyOutcome::NotAsked => "not asked: what comes before it decides".to_owned(),
    }
}

/// The nearest rule, with the peer and the port of it that miss, and what they want.
fn nearest(policy: &PolicyWalk) -> Option<String> {
    let nearest = policy.nearest.as_ref()?;
    let rule = policy.rules.get(nearest.rule)?;
    let peer = nearest.peer.and_then(|at| rule.peers.get(at));
    let port = nearest.port.and_then(|at| rule.ports.get(at));
    let missing = |entry: Option<&EntryWalk>| entry.is_some_and(|entry| !entry.misses.is_empty());
    let place = RuleRef {
        peer: nearest.peer.filter(|_| missing(peer)),
        port: nearest.port.filter(|_| missing(port)),
        ..nearest.clone()
    };
    let misses = [peer, port].into_iter().flatten();
    let misses: Vec<_> = misses
        .flat_map(|entry| &entry.misses)
        .map(rules::miss)
        .collect();
    Some(format!("{} {}", words::rule(&place), misses.join(" and ")))
}

/// Policies that do not apply, and why.
fn unselecting(page: &mut Page, tier: &TierWalk, direction: Direction, quotes: &dyn Quotes) {
    let all = &tier.unselecting;
    let shown = &all[..all.len().min(UNSELECTING)];
    let names: Vec<String> = shown.iter().map(|one| policy_words(&one.policy)).collect();
    let widest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (one, name) in shown.iter().zip(names) {
        let reason = match &one.why {
            WhyNot::OtherDirection => format!("says nothing about {}", rules_list(direction)),
            WhyNot::OtherPods(misses) => {
                let misses: Vec<_> = misses.iter().map(rules::miss).collect();
                let place = quotes
                    .quote(&one.policy, subjects_field(one.policy.kind))
                    .map_or_else(String::new, |quote| {
                        format!(" ({}:{})", quote.source, quote.first)
                    });
                format!("does not select it: {}{place}", misses.join(" and "))
            }
        };
        let name = format!(" {name:<widest$}  ");
        page.columns(POLICY, &[(DIM, "-"), (PLAIN, &name)], &reason);
    }
    if all.len() > UNSELECTING {
        let more = format!("- {} more policies do not apply", all.len() - UNSELECTING);
        page.line(POLICY, &[(DIM, &more)]);
    }
}
