//! One direction: who decided, and what each tier said.

use netpol_policy::explain::{
    Answer, EndFacts, EndKind, Miss, PolicyOutcome, PolicyWalk, Side, TierWalk, Unselecting, Walk,
    WhyNot, rules_list, subjects_field,
};
use netpol_policy::model::Action;
use netpol_policy::verdict::{DecidedBy, Decision, Direction, Tier, TierOutcome};

use super::page::{BOLD, DIM, PLAIN, Page};
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
        let says_something =
            tier.outcome.is_some() && tier.outcome != Some(TierOutcome::NotSelected);
        if is_short && !says_something {
            continue;
        }
        let said = said(tier, side.direction, other);
        page.line(
            2,
            &[
                (BOLD, &format!("{:<TIER$}", words::tier(tier.tier))),
                (PLAIN, &said),
            ],
        );
        policies(page, tier, side, detail);
        if let Detail::Full(_) = detail {
            unselecting(page, tier, side.direction, detail);
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
            match side.tiers.iter().any(was_asked) {
                true => "no policy decides it".to_owned(),
                false => "no policy isolates it".to_owned(),
            }
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
            "it depends on what is not known".to_owned()
        }
        DecidedBy::Policy => match deciding.map(|tier| (tier, tier.tier)) {
            Some((_, Tier::NetworkPolicy)) if side.decision == Decision::Denied => {
                format!("no rule admits {}", other.name)
            }
            Some((tier, _)) => {
                let named = tier.policies.iter();
                let named = named.filter(|policy| !policy.decisive.is_empty());
                let named: Vec<_> = named.map(|policy| words::policy(&policy.policy)).collect();
                format!("by {}", words::some(&named, 2))
            }
            None => "by policy".to_owned(),
        },
    }
}

fn said(tier: &TierWalk, direction: Direction, other: &EndFacts) -> String {
    let list = rules_list(direction);
    let count = tier.policies.len();
    match (&tier.outcome, tier.tier) {
        (None, _) => "not asked: what comes before it decides".to_owned(),
        (Some(TierOutcome::NotSelected), Tier::NetworkPolicy) => {
            format!("no policy isolates it for {list}")
        }
        (Some(TierOutcome::NotSelected), _) if tier.unselecting.is_empty() => {
            "there is no policy".to_owned()
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
        (Some(TierOutcome::Allowed), _) => "allows it".to_owned(),
        (Some(TierOutcome::Denied), _) => "denies it".to_owned(),
        (Some(TierOutcome::Undecided), _) => "depends on what is not known".to_owned(),
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
        .map(|policy| words::policy(&policy.policy))
        .collect();
    let widest = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (policy, name) in shown.into_iter().zip(names) {
        let (mark, style) = words::mark(answer(policy));
        let mut phrase = phrase(policy, side, is_short);
        if let Some(priority) = policy.priority {
            phrase = format!("priority {priority}: {phrase}");
        }
        page.line(
            POLICY,
            &[
                (style, mark),
                (PLAIN, &format!(" {name:<widest$}  {phrase}")),
            ],
        );
        match detail {
            Detail::Short => {}
            Detail::Full(quotes) => rules::rules(page, policy, side.direction, quotes),
        }
    }
}

/// Whether it lets the connection through, or leaves it to others, as a mark.
fn answer(policy: &PolicyWalk) -> Answer {
    match policy.outcome {
        PolicyOutcome::Acts(Action::Accept) => Answer::Matches,
        PolicyOutcome::Acts(Action::Deny) => Answer::Misses,
        PolicyOutcome::NoRules | PolicyOutcome::NoMatch => Answer::Misses,
        PolicyOutcome::Acts(Action::Pass) | PolicyOutcome::NotAsked => Answer::NotAsked,
        PolicyOutcome::Undecided => Answer::Unknown(netpol_policy::verdict::Caveat::EndUnknown),
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
            Some((place, misses)) if is_short => {
                let misses: Vec<_> = misses.into_iter().map(rules::miss).collect();
                format!("{place} {}", misses.join(" and "))
            }
            _ => "no rule matches".to_owned(),
        },
        PolicyOutcome::Acts(Action::Accept) => format!("allows it{by}"),
        PolicyOutcome::Acts(Action::Deny) => format!("denies it{by}"),
        PolicyOutcome::Acts(Action::Pass) => format!("leaves it to the next tier{by}"),
        PolicyOutcome::Undecided => "depends on what is not known".to_owned(),
        PolicyOutcome::NotAsked => "not asked: what comes before it decides".to_owned(),
    }
}

/// The nearest rule, down to the peer or the port that misses, and what it wants.
fn nearest(policy: &PolicyWalk) -> Option<(String, Vec<&Miss>)> {
    let nearest = policy.nearest.as_ref()?;
    let rule = policy.rules.get(nearest.rule)?;
    let peer = nearest.peer.and_then(|at| rule.peers.get(at));
    let port = nearest.port.and_then(|at| rule.ports.get(at));
    let misses = [peer, port].into_iter().flatten();
    let misses: Vec<&Miss> = misses.flat_map(|entry| &entry.misses).collect();
    Some((words::rule(nearest), misses))
}

fn unselecting(page: &mut Page, tier: &TierWalk, direction: Direction, detail: Detail<'_>) {
    let all = &tier.unselecting;
    for one in all.iter().take(UNSELECTING) {
        self::unselecting_one(page, one, direction, detail);
    }
    if let Some(more) = all.len().checked_sub(UNSELECTING).filter(|more| *more > 0) {
        page.line(
            POLICY,
            &[(DIM, &format!("- {more} more policies do not apply to it"))],
        );
    }
}

fn unselecting_one(page: &mut Page, one: &Unselecting, direction: Direction, detail: Detail<'_>) {
    let name = words::policy(&one.policy);
    let reason = match &one.why {
        WhyNot::OtherDirection => {
            format!("says nothing about {}", rules_list(direction))
        }
        WhyNot::OtherPods(misses) => {
            let misses: Vec<_> = misses.iter().map(rules::miss).collect();
            format!("selects other pods: it {}", misses.join(" and "))
        }
    };
    page.line(
        POLICY,
        &[(DIM, "-"), (PLAIN, &format!(" {name}  {reason}"))],
    );
    if let (Detail::Full(quotes), WhyNot::OtherPods(_)) = (detail, &one.why)
        && let Some(quote) = quotes.quote(&one.policy, subjects_field(one.policy.kind))
    {
        quote.show(page, POLICY + 6);
    }
}
