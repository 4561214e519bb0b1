//! The rules of one policy: each peer and each port.

use netpol_policy::explain::{
    Answer, EntryWalk, Miss, PolicyOutcome, PolicyWalk, RuleWalk, peers_list, ports_list,
    rule_field, rules_list,
};
use netpol_policy::model::Action;
use netpol_policy::verdict::Direction;

use super::page::{DIM, PLAIN, Page};
use super::quote::Quotes;
use super::words;

/// Where rules begin.
const RULE: usize = 6;
/// Where their peers and ports begin.
const ENTRY: usize = 8;
/// Where quoted text begins.
pub(super) const QUOTE: usize = 10;
/// Rules, or entries of one list, that miss are told up to this many.
const MISSING: usize = 6;
/// A rule of more lines is quoted by its peer and its port alone.
const LINES: usize = 12;

pub(super) fn rules(
    page: &mut Page,
    policy: &PolicyWalk,
    direction: Direction,
    quotes: &dyn Quotes,
) {
    if policy.outcome == PolicyOutcome::NoRules
        && let Some(quote) = quotes.quote(&policy.policy, "spec")
        && quote.lines.len() <= LINES
    {
        quote.show(page, QUOTE);
    }
    let mut missing = 0;
    for rule in &policy.rules {
        let is_nearest = policy
            .nearest
            .as_ref()
            .is_some_and(|nearest| nearest.rule == rule.index);
        let is_telling = is_nearest || !matches!(rule.answer, Answer::Misses | Answer::NotAsked);
        if !is_telling {
            missing += 1;
            if missing > MISSING {
                continue;
            }
        }
        head(page, rule, direction);
        if rule.answer == Answer::NotAsked {
            continue;
        }
        let kind = policy.policy.kind;
        entries(page, peers_list(direction), &rule.peers, "everyone");
        entries(page, ports_list(kind), &rule.ports, "every port");
        if is_telling {
            quote(page, policy, rule, direction, quotes);
        }
    }
    if missing > MISSING {
        let more = format!("{} more rules do not match", missing - MISSING);
        page.line(RULE, &[(DIM, &more)]);
    }
}

fn head(page: &mut Page, rule: &RuleWalk, direction: Direction) {
    let mut name = format!("{}[{}]", rules_list(direction), rule.index);
    if !rule.name.is_empty() {
        name.push_str(&format!(" \"{}\"", rule.name));
    }
    let says = match (rule.answer, rule.action) {
        (Answer::Matches, _) if rule.is_unsupported => {
            "has a peer that is not known, so it denies everything"
        }
        (Answer::Misses, _) if rule.is_unsupported => {
            "has a peer that is not known, so it accepts nothing"
        }
        (Answer::Matches, Action::Accept) => "matches and allows",
        (Answer::Matches, Action::Deny) => "matches and denies",
        (Answer::Matches, Action::Pass) => "matches and leaves it to the next tier",
        (Answer::Misses, _) => "does not match",
        (Answer::Unknown(_), _) => "may match",
        (Answer::NotAsked, _) => "not asked",
    };
    page.line(RULE, &[(PLAIN, &format!("{name} {says}"))]);
}

fn entries(page: &mut Page, list: &str, entries: &[EntryWalk], all: &str) {
    if entries.is_empty() {
        let (mark, style) = words::mark(Answer::Matches);
        page.line(
            ENTRY,
            &[
                (style, mark),
                (PLAIN, &format!(" {list} lists nothing, so {all} matches")),
            ],
        );
    }
    let mut missing = 0;
    for entry in entries {
        let (mark, style) = words::mark(entry.answer);
        let name = format!("{list}[{}]", entry.index);
        if entry.answer == Answer::Misses {
            missing += 1;
            if missing > MISSING {
                continue;
            }
        }
        let said: Vec<String> = match entry.misses.as_slice() {
            [] => vec![match entry.answer {
                Answer::Unknown(caveat) => {
                    format!("{}: {}", entry.words, words::not_known(caveat))
                }
                Answer::Matches | Answer::Misses | Answer::NotAsked => entry.words.clone(),
            }],
            misses => misses.iter().map(miss).collect(),
        };
        for (index, said) in said.iter().enumerate() {
            let mark = if index == 0 { mark } else { " " };
            let name = format!(" {name}  ");
            page.columns(ENTRY, &[(style, mark), (PLAIN, &name)], said);
        }
    }
    if missing > MISSING {
        let more = format!("{} more do not match", missing - MISSING);
        page.line(ENTRY, &[(DIM, &format!("✗ {list}: {more}"))]);
    }
}

/// `wants namespace team=database, but ci has team=build`.
pub(super) fn miss(miss: &Miss) -> String {
    format!("wants {}, but {}", miss.wants, miss.has)
}

/// The rule as it stands in its file; of a long one only what counts.
fn quote(
    page: &mut Page,
    policy: &PolicyWalk,
    rule: &RuleWalk,
    direction: Direction,
    quotes: &dyn Quotes,
) {
    let field = rule_field(direction, rule.index);
    let Some(whole) = quotes.quote(&policy.policy, &field) else {
        return;
    };
    if whole.lines.len() <= LINES {
        return whole.show(page, QUOTE);
    }
    let named = policy.decisive.iter().chain(&policy.nearest);
    for named in named.filter(|named| named.rule == rule.index).take(2) {
        let peer = named
            .peer
            .map(|at| format!("{field}.{}[{at}]", peers_list(direction)));
        let kind = policy.policy.kind;
        let port = named
            .port
            .map(|at| format!("{field}.{}[{at}]", ports_list(kind)));
        for part in [peer, port].into_iter().flatten() {
            if let Some(quote) = quotes.quote(&policy.policy, &part) {
                quote.show(page, QUOTE);
            }
        }
    }
}
