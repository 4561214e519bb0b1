//! Decisions, connections and counts in words.

use anstyle::{AnsiColor, Style};
use netpol_policy::connection::{Connection, End};
use netpol_policy::explain::{Answer, PolicyOutcome, peers_list, ports_list, rules_list};
use netpol_policy::model::{Action, Labels};
use netpol_policy::verdict::{Caveat, Decision, Direction, RuleRef, Tier};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const OPEN: Style = AnsiColor::Yellow.on_default();

/// A mark, a word and their colour.
pub(super) fn decision(decision: Decision) -> (&'static str, &'static str, Style) {
    match decision {
        Decision::Allowed => ("✓", "ALLOWED", GOOD),
        Decision::Denied => ("✗", "DENIED", BAD),
        Decision::Unknown => ("?", "UNKNOWN", OPEN),
    }
}

pub(super) fn mark(answer: Answer) -> (&'static str, Style) {
    match answer {
        Answer::Matches => ("✓", GOOD),
        Answer::Misses => ("✗", Style::new()),
        Answer::Unknown(_) => ("?", OPEN),
        Answer::NotAsked => ("-", Style::new().dimmed()),
    }
}

/// Whether a policy lets the connection through, stops it, or leaves it to others.
pub(super) fn outcome(outcome: PolicyOutcome) -> (&'static str, Style) {
    match outcome {
        PolicyOutcome::Acts(Action::Accept) => ("✓", GOOD),
        PolicyOutcome::Acts(Action::Deny) => ("✗", BAD),
        PolicyOutcome::NoRules | PolicyOutcome::NoMatch => ("✗", Style::new()),
        PolicyOutcome::Acts(Action::Pass) => ("↓", Style::new()),
        PolicyOutcome::Undecided => ("?", OPEN),
        PolicyOutcome::NotAsked => ("-", Style::new().dimmed()),
    }
}

/// Why it is not known whether something matches.
pub(super) fn not_known(caveat: Caveat) -> &'static str {
    match caveat {
        Caveat::PortUnknown => "no port was given",
        Caveat::AddressUnknown => "its address is not known",
        Caveat::BackendUnknown => "the backend is not known",
        Caveat::DomainNamesUnknown => "its domain names are not known",
        Caveat::EndUnknown => "it is not known who that is",
        other => other.as_str(),
    }
}

pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Egress => "Egress",
        Direction::Ingress => "Ingress",
    }
}

pub(super) fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::Admin => "Admin tier",
        Tier::NetworkPolicy => "NetworkPolicy",
        Tier::Baseline => "Baseline tier",
    }
}

/// `ingress[0] from[1] ports[0]`.
pub(super) fn rule(rule: &RuleRef) -> String {
    let mut words = format!("{}[{}]", rules_list(rule.direction), rule.rule);
    if let Some(peer) = rule.peer {
        let list = peers_list(rule.direction);
        words.push_str(&format!(" {list}[{peer}]"));
    }
    if let Some(port) = rule.port {
        let list = ports_list(rule.policy.kind);
        words.push_str(&format!(" {list}[{port}]"));
    }
    words
}

/// `ci/build (10.1.0.7) → prod/db (10.1.0.5)`: with addresses, since several may differ in nothing else.
pub(super) fn connection(connection: &Connection) -> String {
    format!(
        "{} → {}",
        end(&connection.source),
        end(&connection.destination)
    )
}

pub(super) fn end(end: &End) -> String {
    match (end, end.address()) {
        (End::Pod { .. } | End::Node { .. }, Some(address)) => format!("{end} ({address})"),
        _ => end.to_string(),
    }
}

pub(super) fn labels(what: &str, labels: &Labels) -> String {
    let all: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    match all.as_slice() {
        [] => format!("no {what}"),
        all => format!("{what} {}", all.join(",")),
    }
}

/// The first of many, and how many more there are.
pub(super) fn some(items: &[String], most: usize) -> String {
    match items.len().checked_sub(most) {
        Some(more) if more > 0 => format!("{} and {more} more", items[..most].join(", ")),
        _ => items.join(", "),
    }
}

/// `1 policy selects`, `2 policies select`.
pub(super) fn policies(count: usize) -> String {
    match count {
        1 => "1 policy selects".to_owned(),
        _ => format!("{count} policies select"),
    }
}
