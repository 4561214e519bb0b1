//! The walk as JSON, around the answer that `flows eval` writes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use netpol_policy::connection::Connection;
use netpol_policy::explain::{
    Answer, EndFacts, EndKind, EntryWalk, Miss, PolicyOutcome, PolicyWalk, Remedy, RuleWalk, Side,
    TierWalk, Unselecting, WhyNot, rule_field, rules_list, subjects_field,
};
use netpol_policy::model::{Action, Labels};
use netpol_policy::verdict::{Direction, PolicyRef};
use serde::Serialize;

use super::{Path, Quotes, Told};
use crate::eval::json::{Answered, Judged, Policy, outcome, tier};
use crate::question;

/// The answer, and how it came about.
#[derive(Serialize)]
struct Story<'a> {
    #[serde(flatten)]
    answer: Answered<'a>,
    /// Ways that the connections of the question went, each once.
    paths: Vec<PathJson<'a>>,
}

#[derive(Serialize)]
struct PathJson<'a> {
    from: End<'a>,
    to: End<'a>,
    #[serde(flatten)]
    judged: Judged<'a>,
    tiers: Tiers<'a>,
    /// Other connections that went the same way.
    same: Vec<Pair>,
    /// What would allow it.
    remedies: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Pair {
    from: String,
    to: String,
}

#[derive(Serialize)]
struct End<'a> {
    name: &'a str,
    kind: &'static str,
    namespace: Option<&'a str>,
    labels: BTreeMap<&'a str, &'a str>,
    namespace_labels: BTreeMap<&'a str, &'a str>,
    node: Option<&'a str>,
    /// `Kind name`.
    workload: Option<String>,
    address: Option<String>,
}

#[derive(Serialize)]
struct Tiers<'a> {
    egress: Vec<TierJson<'a>>,
    ingress: Vec<TierJson<'a>>,
}

#[derive(Serialize)]
struct TierJson<'a> {
    tier: &'static str,
    /// `null`: not asked, since one before it had decided.
    outcome: Option<&'static str>,
    policies: Vec<PolicyJson<'a>>,
    not_applying: Vec<NotApplying<'a>>,
}

#[derive(Serialize)]
struct PolicyJson<'a> {
    #[serde(flatten)]
    policy: Policy<'a>,
    priority: Option<u16>,
    selects: &'a str,
    outcome: &'static str,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
struct NotApplying<'a> {
    #[serde(flatten)]
    policy: Policy<'a>,
    reason: &'static str,
    misses: Vec<MissJson<'a>>,
    source: Option<Source>,
}

#[derive(Serialize)]
struct Rule<'a> {
    rule: usize,
    name: &'a str,
    action: &'static str,
    answer: &'static str,
    peers: Vec<Entry<'a>>,
    ports: Vec<Entry<'a>>,
    source: Option<Source>,
}

#[derive(Serialize)]
struct Entry<'a> {
    index: usize,
    includes: &'a str,
    answer: &'static str,
    /// Why that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    caveat: Option<&'static str>,
    misses: Vec<MissJson<'a>>,
}

#[derive(Serialize)]
struct MissJson<'a> {
    wants: &'a str,
    has: &'a str,
}

/// The text of a field.
#[derive(Serialize)]
struct Source {
    file: String,
    /// Of the first one, from 1.
    line: usize,
    text: Vec<String>,
}

#[derive(Serialize)]
struct Change<'a> {
    direction: &'static str,
    change: &'a str,
    policy: Option<Policy<'a>>,
    /// Otherwise it takes one of the other direction too.
    is_enough: bool,
}

/// Writes the answer to one question as a line.
pub(crate) fn write(
    mut out: impl Write,
    answer: &question::Answer,
    told: &Told,
    quotes: &dyn Quotes,
) -> io::Result<()> {
    let writer = Writer { quotes };
    let story = Story {
        answer: Answered::from(answer),
        paths: told.paths.iter().map(|path| writer.path(path)).collect(),
    };
    serde_json::to_writer(&mut out, &story)?;
    out.write_all(b"\n")?;
    out.flush()
}

struct Writer<'q> {
    quotes: &'q dyn Quotes,
}

impl Writer<'_> {
    fn path<'a>(&self, path: &'a Path) -> PathJson<'a> {
        let walk = &path.walk;
        let tiers = |side: &'a Side| {
            let tiers = side.tiers.iter();
            tiers.map(|one| self.tier(one, side.direction)).collect()
        };
        PathJson {
            from: end(&walk.source),
            to: end(&walk.destination),
            judged: Judged::from(&path.verdict),
            tiers: Tiers {
                egress: tiers(&walk.egress),
                ingress: tiers(&walk.ingress),
            },
            same: path.same.iter().map(pair).collect(),
            remedies: walk.remedies.iter().map(change).collect(),
        }
    }

    fn tier<'a>(&self, walk: &'a TierWalk, direction: Direction) -> TierJson<'a> {
        let policies = walk.policies.iter();
        let others = walk.unselecting.iter();
        TierJson {
            tier: tier(walk.tier),
            outcome: walk.outcome.as_ref().map(outcome),
            policies: policies.map(|one| self.policy(one, direction)).collect(),
            not_applying: others.map(|one| self.not_applying(one)).collect(),
        }
    }

    fn policy<'a>(&self, walk: &'a PolicyWalk, direction: Direction) -> PolicyJson<'a> {
        let rules = walk.rules.iter();
        PolicyJson {
            policy: Policy::from(&walk.policy),
            priority: walk.priority,
            selects: &walk.selects,
            outcome: match walk.outcome {
                PolicyOutcome::NoRules => "no_rules",
                PolicyOutcome::NoMatch => "no_match",
                PolicyOutcome::Acts(Action::Accept) => "allowed",
                PolicyOutcome::Acts(Action::Deny) => "denied",
                PolicyOutcome::Acts(Action::Pass) => "passed",
                PolicyOutcome::Undecided => "undecided",
                PolicyOutcome::NotAsked => "not_asked",
            },
            rules: rules
                .map(|rule| self.rule(&walk.policy, rule, direction))
                .collect(),
        }
    }

    fn rule<'a>(&self, policy: &PolicyRef, walk: &'a RuleWalk, direction: Direction) -> Rule<'a> {
        Rule {
            rule: walk.index,
            name: &walk.name,
            action: match walk.action {
                Action::Accept => "accept",
                Action::Deny => "deny",
                Action::Pass => "pass",
            },
            answer: answer(walk.answer),
            peers: walk.peers.iter().map(entry).collect(),
            ports: walk.ports.iter().map(entry).collect(),
            source: self.source(policy, &rule_field(direction, walk.index)),
        }
    }

    fn not_applying<'a>(&self, walk: &'a Unselecting) -> NotApplying<'a> {
        let (reason, misses): (_, &[Miss]) = match &walk.why {
            WhyNot::OtherDirection => ("other_direction", &[]),
            WhyNot::OtherPods(misses) => ("other_pods", misses),
        };
        NotApplying {
            policy: Policy::from(&walk.policy),
            reason,
            misses: misses.iter().map(miss).collect(),
            source: self.source(&walk.policy, subjects_field(walk.policy.kind)),
        }
    }

    fn source(&self, policy: &PolicyRef, field: &str) -> Option<Source> {
        let quote = self.quotes.quote(policy, field)?;
        Some(Source {
            file: quote.source,
            line: quote.first,
            text: quote.lines,
        })
    }
}

fn pair(connection: &Connection) -> Pair {
    Pair {
        from: super::words::end(&connection.source),
        to: super::words::end(&connection.destination),
    }
}

fn end(facts: &EndFacts) -> End<'_> {
    End {
        name: &facts.name,
        kind: match facts.kind {
            EndKind::Pod => "pod",
            EndKind::Template => "template",
            EndKind::HostNetworkPod => "host_network_pod",
            EndKind::Node => "node",
            EndKind::Service => "service",
            EndKind::Outside => "outside",
            EndKind::Unknown => "unknown",
        },
        namespace: facts.namespace.as_deref(),
        labels: labels(&facts.labels),
        namespace_labels: labels(&facts.namespace_labels),
        node: facts.node.as_deref(),
        workload: facts
            .workload
            .as_ref()
            .map(|workload| format!("{} {}", workload.kind, workload.name)),
        address: facts.address.map(|address| address.to_string()),
    }
}

fn labels(labels: &Labels) -> BTreeMap<&str, &str> {
    labels.iter().collect()
}

fn change(remedy: &Remedy) -> Change<'_> {
    Change {
        direction: rules_list(remedy.direction),
        change: &remedy.words,
        policy: remedy.policy.as_ref().map(Policy::from),
        is_enough: remedy.is_enough,
    }
}

fn entry(walk: &EntryWalk) -> Entry<'_> {
    Entry {
        index: walk.index,
        includes: &walk.words,
        answer: answer(walk.answer),
        caveat: match walk.answer {
            Answer::Unknown(caveat) => Some(caveat.as_str()),
            Answer::Matches | Answer::Misses | Answer::NotAsked => None,
        },
        misses: walk.misses.iter().map(miss).collect(),
    }
}

fn miss(miss: &Miss) -> MissJson<'_> {
    MissJson {
        wants: &miss.wants,
        has: &miss.has,
    }
}

fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Matches => "matches",
        Answer::Misses => "misses",
        Answer::Unknown(_) => "unknown",
        Answer::NotAsked => "not_asked",
    }
}
