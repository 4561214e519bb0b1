//! One policy's rules against one connection: what allows it, or what comes nearest.

use super::{Match, peer, port};
use crate::connection::{Connection, End};
use crate::inventory::Inventory;
use crate::model::{NetworkPolicy, Peer, Rule};
use crate::verdict::{Denial, DenyReason, Direction, NearestMiss, RuleRef};

/// A connection seen from one of its sides.
pub(super) struct Question<'a> {
    pub(super) inventory: &'a Inventory,
    pub(super) connection: &'a Connection,
    /// The side that peers are about.
    pub(super) other: &'a End,
    pub(super) direction: Direction,
}

/// One policy's answer.
pub(super) struct Answer {
    pub(super) allowed_by: Vec<RuleRef>,
    /// Set when no rule allows it.
    pub(super) denial: Option<Denial>,
    /// Some rule would allow it, if what is not known were known.
    pub(super) undecided: bool,
    /// All that allows it for sure does so by address blocks.
    pub(super) by_address_only: bool,
}

impl Question<'_> {
    /// Goes through every rule of an isolating policy.
    pub(super) fn ask(&self, policy: &NetworkPolicy) -> Answer {
        let rules = policy.rules(self.direction).unwrap_or_default();
        let mut answer = Answer {
            allowed_by: Vec::new(),
            denial: None,
            undecided: false,
            by_address_only: true,
        };
        for (index, rule) in rules.iter().enumerate() {
            self.ask_rule(policy, index, rule, &mut answer);
        }
        if answer.allowed_by.is_empty() {
            answer.denial = Some(self.denial(policy, rules));
        }
        answer
    }

    fn ask_rule(&self, policy: &NetworkPolicy, index: usize, rule: &Rule, answer: &mut Answer) {
        // Rule 6: a missing list matches everything, and has no index.
        let peers: Vec<(Option<usize>, Match)> = if rule.peers.is_empty() {
            vec![(None, Match::Yes)]
        } else {
            let indexed = rule.peers.iter().enumerate();
            indexed
                .map(|(index, one)| (Some(index), self.peer(policy, one)))
                .collect()
        };
        let ports: Vec<(Option<usize>, Match)> = if rule.ports.is_empty() {
            vec![(None, Match::Yes)]
        } else {
            let indexed = rule.ports.iter().enumerate();
            indexed
                .map(|(index, one)| (Some(index), port::matches(one, self.connection)))
                .collect()
        };
        for (peer, peer_match) in &peers {
            for (port, port_match) in &ports {
                match peer_match.and(*port_match) {
                    Match::No => {}
                    Match::Unknown => answer.undecided = true,
                    Match::Yes => {
                        let by_address =
                            peer.is_some_and(|at| matches!(rule.peers[at], Peer::IpBlock(_)));
                        answer.by_address_only &= by_address;
                        answer
                            .allowed_by
                            .push(self.reference(policy, index, *peer, *port));
                    }
                }
            }
        }
    }

    fn peer(&self, policy: &NetworkPolicy, one: &Peer) -> Match {
        peer::matches(one, policy, self.other, self.inventory)
    }

    fn reference(
        &self,
        policy: &NetworkPolicy,
        rule: usize,
        peer: Option<usize>,
        port: Option<usize>,
    ) -> RuleRef {
        RuleRef {
            policy: policy.reference.clone(),
            direction: self.direction,
            rule,
            peer,
            port,
        }
    }

    fn denial(&self, policy: &NetworkPolicy, rules: &[Rule]) -> Denial {
        let candidates = rules
            .iter()
            .enumerate()
            .map(|(index, rule)| self.miss(policy, index, rule));
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
        let policy_reference = policy.reference.clone();
        let nearest = nearest.map(|miss| {
            let mut wants = miss.peer_wants;
            wants.extend(miss.port_wants);
            NearestMiss {
                rule: self.reference(policy, miss.rule, miss.peer, miss.port),
                wants,
            }
        });
        Denial {
            policy: policy_reference,
            reason,
            rules: Vec::new(),
            nearest,
        }
    }

    /// What a rule wants beyond what the connection has, by the peer and the port that come nearest.
    fn miss(&self, policy: &NetworkPolicy, index: usize, rule: &Rule) -> Miss {
        let mut miss = Miss {
            rule: index,
            ..Miss::default()
        };
        let nearest_peer = rule
            .peers
            .iter()
            .enumerate()
            .map(|(at, one)| match self.peer(policy, one) {
                Match::No => (at, peer::misses(one, policy, self.other, self.inventory)),
                // What is not known does not count as missing.
                Match::Yes | Match::Unknown => (at, Vec::new()),
            })
            .min_by_key(|(_, wants)| wants.len());
        if let Some((at, wants)) = nearest_peer {
            miss.peer = Some(at);
            miss.peer_wants = wants;
        }
        let fits = |one| port::matches(one, self.connection) != Match::No;
        let unresolved = |one| port::is_unresolved(one, self.connection);
        match rule.ports.iter().position(fits) {
            Some(at) => miss.port = Some(at),
            None if rule.ports.is_empty() => {}
            None => {
                let unresolved = rule.ports.iter().position(unresolved);
                miss.unresolved = unresolved.is_some();
                let at = unresolved.unwrap_or(0);
                miss.port = Some(at);
                let rest = rule.ports.len() - 1;
                let more = if rest > 0 {
                    format!(" or {rest} more")
                } else {
                    String::new()
                };
                miss.port_wants
                    .push(format!("{}{more}", port::words(&rule.ports[at])));
            }
        }
        miss
    }
}

#[derive(Default)]
struct Miss {
    rule: usize,
    peer: Option<usize>,
    port: Option<usize>,
    peer_wants: Vec<String>,
    port_wants: Vec<String>,
    unresolved: bool,
}
