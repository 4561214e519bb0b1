//! Lines that go, as rules, peers and ports that are taken out of a policy.

use std::collections::BTreeSet;

use super::super::lines::Line;
use super::Cut;
use crate::history::{Part, RememberedPolicy};
use crate::verdict::Direction;

/// A policy without some of its parts.
#[derive(Debug, Default)]
pub(super) struct Trimmed {
    /// `None` where nothing is left of it.
    pub(super) after: Option<RememberedPolicy>,
    /// What was taken out, with the places of the lines that went with it.
    pub(super) cuts: Vec<(Cut, Vec<usize>)>,
    /// Places of lines that were to go and cannot by themselves.
    pub(super) stays: Vec<usize>,
    /// Directions that have no rule left and are isolated.
    pub(super) closed: Vec<Direction>,
}

/// Takes lines out of a policy; `None` where none of them is to go. `gone` says so of each line. A NetworkPolicy of which
/// nothing is left goes itself only where it `selects_nobody`, since it isolates the pods that it selects.
pub(super) fn trim(
    policy: &RememberedPolicy,
    lines: &[Line<'_>],
    gone: &[bool],
    selects_nobody: bool,
) -> Option<Trimmed> {
    if !gone.contains(&true) {
        return None;
    }
    let mut trimmed = Trimmed::default();
    let is_tiered = matches!(policy, RememberedPolicy::Tiered(_));
    if !gone.contains(&false) && (is_tiered || selects_nobody) {
        trimmed.cuts.push((Cut::Policy, (0..lines.len()).collect()));
        return Some(trimmed);
    }
    for direction in [Direction::Ingress, Direction::Egress] {
        let is_own = |line: &&Line<'_>| line.direction == direction;
        let rules = lines.iter().filter(is_own).filter_map(Line::rule);
        for rule in rules.collect::<BTreeSet<u32>>() {
            let entries = entries(lines, gone, direction, rule);
            trimmed.cut_rule(direction, rule, &entries);
        }
    }
    let cuts: Vec<Cut> = trimmed.cuts.iter().map(|(cut, _)| *cut).collect();
    trimmed.after = Some(trimmed.without(policy, &cuts));
    Some(trimmed)
}

/// A line of one rule.
struct EntryOfRule {
    place: usize,
    peer: Option<u32>,
    port: Option<u32>,
    is_gone: bool,
}

fn entries(
    lines: &[Line<'_>],
    gone: &[bool],
    direction: Direction,
    wanted: u32,
) -> Vec<EntryOfRule> {
    let places = lines.iter().zip(gone).enumerate();
    places
        .filter_map(|(place, (line, is_gone))| match line.part {
            Part::Entry { rule, peer, port } if line.direction == direction && rule == wanted => {
                Some(EntryOfRule {
                    place,
                    peer,
                    port,
                    is_gone: *is_gone,
                })
            }
            _ => None,
        })
        .collect()
}

impl Trimmed {
    /// Takes the whole rule where nothing of it stays; else peers that go with every port, then ports that go with every peer
    /// that is left. So one peer and one port stay at least.
    fn cut_rule(&mut self, direction: Direction, rule: u32, entries: &[EntryOfRule]) {
        if entries.iter().all(|entry| entry.is_gone) {
            let places = entries.iter().map(|entry| entry.place).collect();
            self.cuts.push((Cut::Rule { direction, rule }, places));
            return;
        }
        let mut left: Vec<&EntryOfRule> = entries.iter().collect();
        for peer in numbers(entries, |entry| entry.peer) {
            let cut = Cut::Peer {
                direction,
                rule,
                peer,
            };
            self.cut_all(&mut left, cut, |entry| entry.peer == Some(peer));
        }
        for port in numbers(entries, |entry| entry.port) {
            let cut = Cut::Port {
                direction,
                rule,
                port,
            };
            self.cut_all(&mut left, cut, |entry| entry.port == Some(port));
        }
        let stays = left.iter().filter(|entry| entry.is_gone);
        self.stays.extend(stays.map(|entry| entry.place));
    }

    /// Cuts some entries where all of them are to go.
    fn cut_all(
        &mut self,
        left: &mut Vec<&EntryOfRule>,
        cut: Cut,
        is_one: impl Fn(&EntryOfRule) -> bool,
    ) {
        let (these, others): (Vec<&EntryOfRule>, Vec<&EntryOfRule>) =
            left.iter().partition(|entry| is_one(entry));
        if these.iter().all(|entry| entry.is_gone) {
            let places = these.iter().map(|entry| entry.place).collect();
            self.cuts.push((cut, places));
            *left = others;
        }
    }

    /// The policy without what is cut, and notes where it has no rule left.
    fn without(&mut self, policy: &RememberedPolicy, cuts: &[Cut]) -> RememberedPolicy {
        let mut policy = policy.clone();
        match &mut policy {
            RememberedPolicy::Network(policy) => {
                let both = [
                    (Direction::Ingress, &mut policy.ingress),
                    (Direction::Egress, &mut policy.egress),
                ];
                for (direction, rules) in both {
                    let Some(rules) = rules else { continue };
                    let had_rules = !rules.is_empty();
                    let of = |rule| (direction, rule);
                    keep(rules, |rule| !cuts.contains(&rule_cut(of(rule))));
                    let kept = kept_rules(cuts, direction, rules.len());
                    for (rule, number) in rules.iter_mut().zip(kept) {
                        keep(&mut rule.peers, |peer| {
                            !cuts.contains(&peer_cut(of(number), peer))
                        });
                        keep(&mut rule.ports, |port| {
                            !cuts.contains(&port_cut(of(number), port))
                        });
                    }
                    if had_rules && rules.is_empty() {
                        self.closed.push(direction);
                    }
                }
            }
            RememberedPolicy::Tiered(policy) => {
                let both = [
                    (Direction::Ingress, &mut policy.ingress),
                    (Direction::Egress, &mut policy.egress),
                ];
                for (direction, rules) in both {
                    let of = |rule| (direction, rule);
                    keep(rules, |rule| !cuts.contains(&rule_cut(of(rule))));
                    let kept = kept_rules(cuts, direction, rules.len());
                    for (rule, number) in rules.iter_mut().zip(kept) {
                        keep(&mut rule.peers, |peer| {
                            !cuts.contains(&peer_cut(of(number), peer))
                        });
                        keep(&mut rule.ports, |port| {
                            !cuts.contains(&port_cut(of(number), port))
                        });
                    }
                }
            }
        }
        policy
    }
}

fn numbers(entries: &[EntryOfRule], of: impl Fn(&EntryOfRule) -> Option<u32>) -> BTreeSet<u32> {
    entries.iter().filter_map(of).collect()
}

/// The numbers that the rules which are left had before.
fn kept_rules(cuts: &[Cut], direction: Direction, count: usize) -> Vec<u32> {
    let is_kept = |rule: &u32| !cuts.contains(&rule_cut((direction, *rule)));
    (0..).filter(is_kept).take(count).collect()
}

fn rule_cut((direction, rule): (Direction, u32)) -> Cut {
    Cut::Rule { direction, rule }
}

fn peer_cut((direction, rule): (Direction, u32), peer: u32) -> Cut {
    Cut::Peer {
        direction,
        rule,
        peer,
    }
}

fn port_cut((direction, rule): (Direction, u32), port: u32) -> Cut {
    Cut::Port {
        direction,
        rule,
        port,
    }
}

/// Keeps items by their place.
fn keep<T>(items: &mut Vec<T>, is_kept: impl Fn(u32) -> bool) {
    let mut place = 0;
    items.retain(|_| {
        let kept = is_kept(place);
        place += 1;
        kept
    });
}
