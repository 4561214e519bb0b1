//! The NetworkPolicy tier: which rules allow the connection, or how each isolating policy falls short of it.

use std::sync::Arc;

use super::matching::Match;
use super::{Question, peer, port};
use crate::model::{NetworkPolicy, Peer, Rule};
use crate::verdict::{Caveat, Denial, DenyReason, NearestMiss, RuleRef};

/// What the isolating policies say together (rule 3).
pub(super) enum Answer {
    /// By these rules.
    Allowed {
        by: Vec<RuleRef>,
        /// All of them do so by address blocks.
        by_address_only: bool,
    },
    /// By none.
    Denied(Vec<Denial>),
    /// Some rule would allow it, if what is not known were known.
    Unknown(Caveat),
}

/// Asks every isolating policy.
pub(super) fn ask(question: &Question<'_>, isolating: &[Arc<NetworkPolicy>]) -> Answer {
    let mut found = Found {
        allowed_by: Vec::new(),
        by_address_only: true,
        undecided: None,
    };
    for policy in isolating {
        let rules = policy.rules(question.direction).unwrap_or_default();
        for (index, rule) in rules.iter().enumerate() {
            found.ask(question, policy, index, rule);
        }
    }
    if !found.allowed_by.is_empty() {
        return Answer::Allowed {
            by: found.allowed_by,
            by_address_only: found.by_address_only,
        };
    }
    if let Some(caveat) = found.undecided {
        return Answer::Unknown(caveat);
    }
    let denials = isolating.iter().map(|policy| denial(question, policy));
    Answer::Denied(denials.collect())
}

struct Found {
    allowed_by: Vec<RuleRef>,
    by_address_only: bool,
    undecided: Option<Caveat>,
}

impl Found {
    fn ask(&mut self, question: &Question<'_>, policy: &NetworkPolicy, index: usize, rule: &Rule) {
        for (peer, peer_match) in indexed(&rule.peers, |one| peer::matches(one, policy, question)) {
            if peer_match == Match::No {
                continue;
            }
            for (port, port_match) in indexed(&rule.ports, |one| question.port(one)) {
                match peer_match.and(port_match) {
                    Match::No => {}
                    Match::Unknown(caveat) => self.undecided = self.undecided.or(Some(caveat)),
                    Match::Yes => {
                        let by_address =
                            peer.is_some_and(|at| matches!(rule.peers[at], Peer::IpBlock(_)));
                        self.by_address_only &= by_address;
                        let reference = question.rule(&policy.reference, index, peer, port);
                        self.allowed_by.push(reference);
                    }
                }
            }
        }
    }
}

/// Each entry's index and match. Rule 6: an empty list matches everything, and has no index.
pub(super) fn indexed<T>(
    entries: &[T],
    matches: impl Fn(&T) -> Match,
) -> impl Iterator<Item = (Option<usize>, Match)> {
    let everything = entries.is_empty().then_some((None, Match::Yes));
    let each = entries.iter().enumerate();
    everything
        .into_iter()
        .chain(each.map(move |(index, one)| (Some(index), matches(one))))
}

fn denial(question: &Question<'_>, policy: &NetworkPolicy) -> Denial {
    let rules = policy.rules(question.direction).unwrap_or_default();
    let candidates = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| Miss::of(question, policy, index, rule));
    // The first of those that miss by the fewest conditions. A rule that includes the other end misses by one, its
    // port, and goes before others that miss by one: so the other end is said to be in no rule only where it is in none.
    let nearest = candidates.min_by_key(|miss| {
        (
            miss.peer_wants.len() + miss.port_wants.len(),
            !miss.peer_wants.is_empty(),
        )
    });
    let reason = match &nearest {
        None => DenyReason::NoRules,
        Some(miss) if !miss.peer_wants.is_empty() => DenyReason::PeerNotSelected,
        Some(miss) if miss.unresolved => DenyReason::NamedPortUnresolved,
        Some(_) => DenyReason::PortMismatch,
    };
    let nearest = nearest.map(|miss| {
        let mut wants = miss.peer_wants;
        wants.extend(miss.port_wants);
        NearestMiss {
            rule: question.rule(&policy.reference, miss.rule, miss.peer, miss.port),
            wants,
        }
    });
    Denial {
        policy: policy.reference.clone(),
        reason,
        rules: Vec::new(),
        nearest,
    }
}

/// What a rule wants beyond what the connection has, by the peer and the port that come nearest.
#[derive(Default)]
struct Miss {
    rule: usize,
    peer: Option<usize>,
    port: Option<usize>,
    peer_wants: Vec<String>,
    port_wants: Vec<String>,
    unresolved: bool,
}

impl Miss {
    fn of(question: &Question<'_>, policy: &NetworkPolicy, index: usize, rule: &Rule) -> Self {
        let mut miss = Self {
            rule: index,
            ..Self::default()
        };
        let nearest_peer = rule
            .peers
            .iter()
            .enumerate()
            .map(|(at, one)| match peer::matches(one, policy, question) {
                Match::No => (at, peer::misses(one, policy, question)),
                // What is not known does not count as missing.
                Match::Yes | Match::Unknown(_) => (at, Vec::new()),
            })
            .min_by_key(|(_, wants)| wants.len());
        if let Some((at, wants)) = nearest_peer {
            miss.peer = Some(at);
            miss.peer_wants = wants;
        }
        match rule
            .ports
            .iter()
            .position(|one| question.port(one) != Match::No)
        {
            Some(at) => miss.port = Some(at),
            None if rule.ports.is_empty() => {}
            None => miss.want_port(question, rule),
        }
        miss
    }

    fn want_port(&mut self, question: &Question<'_>, rule: &Rule) {
        let unresolved =
            |one| port::is_unresolved(one, question.connection, question.destination());
        let unresolved = rule.ports.iter().position(unresolved);
        self.unresolved = unresolved.is_some();
        let at = unresolved.unwrap_or(0);
        self.port = Some(at);
        let rest = rule.ports.len() - 1;
        let more = if rest > 0 {
            format!(" or {rest} more")
        } else {
            String::new()
        };
        self.port_wants
            .push(format!("{}{more}", port::words(&rule.ports[at])));
    }
}
