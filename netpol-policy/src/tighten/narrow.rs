//! One policy, narrowed rule by rule.

use super::finding::{Finding, Place, Unseen, few};
use super::peers::{Known, others};
use super::ports;
use super::uses::{Use, Uses};
use crate::history::Traffic;
use crate::model::{NetworkPolicy, Peer, Rule};
use crate::suggest::{Kept, Other, Sieve, Surroundings, WorkloadName, peers_of};
use crate::verdict::Direction;

/// All that a rule is narrowed by.
pub(super) struct Narrowing<'a> {
    pub(super) traffic: &'a [Traffic],
    pub(super) uses: &'a Uses,
    pub(super) known: &'a Known<'a>,
    pub(super) around: &'a Surroundings<'a>,
}

impl Narrowing<'_> {
    /// The policy as it should be, and what is too wide about it; `None` where nothing is.
    pub(super) fn policy(
        &self,
        index: usize,
        policy: &NetworkPolicy,
        sieve: &mut Sieve<'_>,
    ) -> Option<(NetworkPolicy, Vec<Finding>)> {
        let mut after = policy.clone();
        let mut findings = Vec::new();
        for direction in [Direction::Ingress, Direction::Egress] {
            let rules = match direction {
                Direction::Ingress => &mut after.ingress,
                Direction::Egress => &mut after.egress,
            };
            for (number, rule) in rules.iter_mut().flatten().enumerate() {
                let Some(uses) = self.uses.wanted.get(&(index, direction, number)) else {
                    continue;
                };
                let case = Case {
                    policy,
                    direction,
                    number,
                    uses,
                };
                findings.extend(self.rule(&case, rule, sieve));
            }
        }
        (!findings.is_empty()).then_some((after, findings))
    }

    fn rule(&self, case: &Case<'_>, rule: &mut Rule, sieve: &mut Sieve<'_>) -> Vec<Finding> {
        let before = rule.clone();
        let mut findings = Vec::new();
        if before.peers.is_empty() {
            if let Some((peers, finding)) = self.everyone(case, sieve) {
                rule.peers = peers;
                findings.push(finding);
            }
        } else {
            (rule.peers, findings) = self.peers(case, &before, sieve);
        }
        let dns = self.dns(case, sieve);
        let narrowed = ports::narrow(
            case.direction,
            case.number,
            &before,
            case.uses,
            self.traffic,
            &dns,
        );
        if let Some((ports, found)) = narrowed {
            rule.ports = ports;
            findings.extend(found);
        }
        findings
    }

    /// The ports at which the cluster's DNS was asked.
    fn dns(&self, case: &Case<'_>, sieve: &mut Sieve<'_>) -> Vec<u16> {
        let kept = case.uses.iter().filter_map(|one| {
            let traffic = &self.traffic[one.traffic];
            sieve.sift(one.traffic, traffic, case.direction).ok()
        });
        let ports = kept.filter(|one| one.is_dns).flat_map(|one| one.ports);
        ports.collect()
    }

    /// Peers for a rule that lists none; `None` where some of those that used it have no name.
    fn everyone(&self, case: &Case<'_>, sieve: &mut Sieve<'_>) -> Option<(Vec<Peer>, Finding)> {
        let mut kept: Vec<Kept> = Vec::new();
        for one in case.uses {
            let traffic = &self.traffic[one.traffic];
            match sieve.sift(one.traffic, traffic, case.direction) {
                // Nodes to come have other addresses.
                Ok(found) if matches!(found.other, Other::Node(_)) => return None,
                Ok(found) => kept.push(found),
                Err(reason) if reason.needs_no_rule() => {}
                Err(_) => return None,
            }
        }
        let kept: Vec<&Kept> = kept.iter().collect();
        let own = &case.policy.reference.namespace;
        let found = peers_of(own, &kept, self.traffic, self.around).ok()?;
        let mut called: Vec<&String> = Vec::new();
        for (_, evidence) in &found {
            called.extend(&evidence.called);
        }
        let used = few(called.iter().map(|name| (*name).clone()));
        let population = self.known.history.population.iter();
        let mut unseen: Vec<String> = population
            .filter(|present| !present.group.host_network)
            .map(|present| WorkloadName::of(&present.group).to_string())
            .filter(|name| !called.contains(&name))
            .collect();
        unseen.sort();
        unseen.dedup();
        let finding = Finding {
            place: Place::Everyone {
                direction: case.direction,
                rule: case.number,
            },
            permits: "everyone".to_owned(),
            used,
            unseen: Unseen::Everyone(unseen),
        };
        let peers: Vec<Peer> = found.into_iter().map(|(peer, _)| peer).collect();
        (!peers.is_empty()).then_some((peers, finding))
    }

    /// The peers of a rule, each narrowed if that is possible.
    fn peers(
        &self,
        case: &Case<'_>,
        rule: &Rule,
        sieve: &mut Sieve<'_>,
    ) -> (Vec<Peer>, Vec<Finding>) {
        let mut peers = Vec::new();
        let mut findings = Vec::new();
        for (index, peer) in rule.peers.iter().enumerate() {
            // What selectors let through needs no block (rule 17), and they go on to.
            let is_selected = |one: &&Use| {
                let mut peers = one.peers.iter().map(|peer| &rule.peers[*peer]);
                peers.any(|peer| matches!(peer, Peer::Pods { .. }))
            };
            let is_block = matches!(peer, Peer::IpBlock(_));
            let own = case.uses.iter().filter(|one| one.peers.contains(&index));
            let own = own.filter(|one| !(is_block && is_selected(one)));
            let own = own.map(|one| &self.traffic[one.traffic]);
            let others = others(own, case.direction);
            let narrowed = match others.as_slice() {
                [] => None,
                others => self.known.narrow(case.policy, peer, others, sieve),
            };
            let Some(narrowed) = narrowed else {
                add(&mut peers, [peer.clone()]);
                continue;
            };
            add(&mut peers, narrowed.peers);
            findings.push(Finding {
                place: Place::Peer {
                    direction: case.direction,
                    rule: case.number,
                    peer: index,
                },
                permits: narrowed.permits,
                used: narrowed.used,
                unseen: narrowed.unseen,
            });
        }
        (peers, findings)
    }
}

/// Adds what is not there yet: two wide entries may come to the same.
pub(super) fn add<T: PartialEq>(list: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}

/// One rule, and what it let through.
struct Case<'a> {
    policy: &'a NetworkPolicy,
    direction: Direction,
    number: usize,
    uses: &'a [Use],
}
