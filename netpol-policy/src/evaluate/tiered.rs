//! The Admin and the Baseline tier: the first rule that matches decides (rule 27).

use std::sync::Arc;

use super::Question;
use super::block::Blocks;
use super::matching::Match;
use super::network_policy::indexed;
use super::party::Who;
use crate::model::{Action, TieredPeer, TieredPolicy, TieredRule};
use crate::verdict::{Caveat, RuleRef};

/// What a tier, or a part of it, may do with a connection: more than one thing where a match is not decidable, or where
/// the specification leaves open which policy counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Possible {
    pub(super) accept: Vec<RuleRef>,
    pub(super) deny: Vec<RuleRef>,
    pub(super) pass: Vec<RuleRef>,
    /// Nothing matches.
    pub(super) nothing: bool,
    /// Why there is more than one possibility, and what else to know.
    pub(super) caveats: Vec<Caveat>,
}

impl Possible {
    /// How many different things may happen.
    pub(super) fn count(&self) -> usize {
        let acts = [&self.accept, &self.deny, &self.pass];
        acts.iter().filter(|rules| !rules.is_empty()).count() + usize::from(self.nothing)
    }

    fn nothing() -> Self {
        Self {
            nothing: true,
            ..Self::default()
        }
    }

    fn rules(&mut self, action: Action) -> &mut Vec<RuleRef> {
        match action {
            Action::Accept => &mut self.accept,
            Action::Deny => &mut self.deny,
            Action::Pass => &mut self.pass,
        }
    }

    fn add(&mut self, other: Self) {
        self.accept.extend(other.accept);
        self.deny.extend(other.deny);
        self.pass.extend(other.pass);
        self.caveats.extend(other.caveats);
    }

    /// What may happen where others are asked only if nothing here matches.
    fn then(mut self, next: impl FnOnce() -> Self) -> Self {
        if self.nothing {
            let next = next();
            self.nothing = next.nothing;
            self.add(next);
        }
        self
    }

    /// What may happen where any of those that match may count (rule 28).
    fn any_of(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::nothing();
        let mut matching = 0;
        for part in parts {
            matching += usize::from(part.count() > usize::from(part.nothing));
            all.nothing &= part.nothing;
            all.add(part);
        }
        if matching > 1 && all.count() - usize::from(all.nothing) > 1 {
            all.caveats.push(Caveat::EqualPriority);
        }
        all
    }
}

/// Asks the policies of one tier that select the pod, which are in order of their priority. One without a priority may
/// come before or after any other.
pub(super) fn ask(question: &Question<'_>, policies: &[Arc<TieredPolicy>]) -> Possible {
    let without = policies.partition_point(|policy| policy.priority.is_some());
    let (ordered, unordered) = policies.split_at(without);
    let mut groups = ordered.chunk_by(|a, b| a.priority == b.priority);
    let first = groups.next().map_or_else(Possible::nothing, |group| {
        Possible::any_of(group.iter().map(|policy| one(question, policy)))
    });
    let in_order = groups.fold(first, |before, group| {
        before.then(|| Possible::any_of(group.iter().map(|policy| one(question, policy))))
    });
    if unordered.is_empty() {
        return in_order;
    }
    let unordered = unordered.iter().map(|policy| one(question, policy));
    Possible::any_of(std::iter::once(in_order).chain(unordered))
}

/// One policy's rules, in order.
fn one(question: &Question<'_>, policy: &TieredPolicy) -> Possible {
    let mut possible = Possible::default();
    for (index, rule) in policy.rules(question.direction).iter().enumerate() {
        if self::rule(question, policy, index, rule, &mut possible) {
            return possible;
        }
    }
    possible.nothing = true;
    possible
}

/// Adds what a rule may do; true where it surely matches.
fn rule(
    question: &Question<'_>,
    policy: &TieredPolicy,
    index: usize,
    rule: &TieredRule,
    possible: &mut Possible,
) -> bool {
    let unsupported = rule
        .peers
        .iter()
        .position(|peer| matches!(peer, TieredPeer::Unsupported(_)));
    if let Some(peer) = unsupported {
        // Rule 33: the rule matches nothing if it accepts, else it denies everything.
        possible.caveats.push(Caveat::UnsupportedPeer);
        if rule.action == Action::Accept {
            return false;
        }
        let reference = question.rule(&policy.reference, index, Some(peer), None);
        possible.deny.push(reference);
        return true;
    }
    let (mut surely, mut perhaps) = (Vec::new(), Vec::new());
    let mut why = None;
    for (peer, peer_match) in indexed(&rule.peers, |one| self::peer(one, question)) {
        if peer_match == Match::No {
            continue;
        }
        for (port, port_match) in indexed(&rule.ports, |one| question.port(one)) {
            let reference = || question.rule(&policy.reference, index, peer, port);
            match peer_match.and(port_match) {
                Match::No => {}
                Match::Unknown(caveat) => {
                    why = why.or(Some(caveat));
                    perhaps.push(reference());
                }
                Match::Yes => surely.push(reference()),
            }
        }
    }
    if !surely.is_empty() {
        possible.rules(rule.action).extend(surely);
        return true;
    }
    possible.caveats.extend(why);
    possible.rules(rule.action).extend(perhaps);
    false
}

pub(super) fn peer(peer: &TieredPeer, question: &Question<'_>) -> Match {
    let other = &question.other;
    let opaque = || other.opaque().map_or(Match::No, Match::Unknown);
    match peer {
        TieredPeer::Pods(selected) => other.pod().map_or_else(opaque, |pod| {
            Match::of(
                selected.namespaces.matches(&pod.namespace_labels)
                    && selected.pods.matches(&pod.labels),
            )
        }),
        TieredPeer::Nodes(selector) => match other.is {
            Who::Node(Some(node)) => Match::of(selector.matches(&node.labels)),
            Who::Node(None) => Match::Unknown(Caveat::EndUnknown),
            Who::Pod(_) | Who::Outside | Who::Service | Who::Unknown => opaque(),
        },
        TieredPeer::Networks(blocks) => Blocks {
            of: blocks,
            except: &[],
        }
        .hold_other(question),
        TieredPeer::DomainNames(wanted) => match (&other.is, other.address) {
            (Who::Outside, Some(address)) => match question.inventory.names_of(address) {
                Some(names) => Match::of(
                    wanted
                        .iter()
                        .any(|wanted| names.iter().any(|name| wanted.matches(name))),
                ),
                None => Match::Unknown(Caveat::DomainNamesUnknown),
            },
            _ => opaque(),
        },
        TieredPeer::Unsupported(_) => Match::No,
    }
}
