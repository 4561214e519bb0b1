//! What stands above the parts of a suggested policy: what they were made for.

use netpol_policy::k8s::write::{Comments, Entry};
use netpol_policy::suggest::{
    PeerEvidence, RuleKind, Seen, Suggested, SuggestedKind, SuggestedRule, Suggestions,
};
use netpol_policy::verdict::Direction;

use crate::text::clean;
use crate::traffic::{self, connections, some, time};

/// Names that are told by themselves.
const TOLD: usize = 4;

/// All comments of a policy, one of these suggestions.
pub(super) fn of(suggested: &Suggested, suggestions: &Suggestions) -> Comments {
    let mut comments = Told(Comments::default());
    comments.policy(suggested, suggestions);
    for (direction, rules) in [
        (Direction::Ingress, &suggested.ingress),
        (Direction::Egress, &suggested.egress),
    ] {
        let is_isolated = suggested.policy.rules(direction).is_some();
        if is_isolated && rules.is_empty() && suggested.kind == SuggestedKind::Workloads {
            comments.add(
                Entry::Isolation(direction),
                "nothing was seen that is to be let through",
            );
        }
        for (index, rule) in rules.iter().enumerate() {
            comments.rule(direction, index, rule);
        }
    }
    comments.0
}

struct Told(Comments);

impl Told {
    fn add(&mut self, entry: Entry, text: &str) {
        self.0.add(entry, &clean(text));
    }

    fn policy(&mut self, suggested: &Suggested, suggestions: &Suggestions) {
        if suggested.kind == SuggestedKind::DefaultDeny {
            let words = "for pods without a policy of their own: nothing is let through";
            self.add(Entry::Policy, words);
            if !suggestions.without_rules.is_empty() {
                let names = some(&suggestions.without_rules, TOLD);
                let words = format!("nothing was seen that is to be let through of {names}");
                self.add(Entry::Policy, &words);
            }
            return;
        }
        let names = some(&suggested.workloads, TOLD);
        let words = match suggested.workloads.as_slice() {
            [_] => format!("for {names}"),
            _ => format!("for {names}, all of which its labels select"),
        };
        self.add(Entry::Policy, &words);
        let is_damaged = suggestions.evidence.is_damaged();
        match suggested.absent.as_slice() {
            [] => {}
            absent if is_damaged => {
                let words = format!(
                    "whether there are pods now is not known, since lines of the history could not be read: {}",
                    some(absent, TOLD)
                );
                self.add(Entry::Policy, &words);
            }
            [_] if suggested.workloads.len() == 1 => {
                self.add(
                    Entry::Policy,
                    "it has no pods now, and may be gone for good",
                );
            }
            absent => {
                let names = some(absent, TOLD);
                let words = format!("no pods now, and perhaps gone for good: {names}");
                self.add(Entry::Policy, &words);
            }
        }
        if suggested.is_of_now {
            let words = "by the labels that pods have now; some had others in that time";
            self.add(Entry::Policy, words);
        }
    }

    fn rule(&mut self, direction: Direction, index: usize, rule: &SuggestedRule) {
        let entry = Entry::Rule {
            direction,
            rule: index,
        };
        match rule.kind {
            RuleKind::Pods | RuleKind::Outside => {}
            RuleKind::Dns => {
                self.add(
                    entry,
                    "DNS; over TCP too, for answers that are too long for UDP",
                );
            }
            RuleKind::Nodes => {
                self.add(entry, "nodes, by address: not every network matches them so, and nodes to come have others");
            }
        }
        match rule.peers.as_slice() {
            [only] => {
                self.add(entry, &format!("{}: {}", who(only), seen(&rule.seen)));
                self.admitted(entry, only);
            }
            peers => {
                let seen = seen(&rule.seen);
                self.add(entry, &format!("{} peers: {seen}", peers.len()));
                for (index_of, peer) in peers.iter().enumerate() {
                    let entry = Entry::Peer {
                        direction,
                        rule: index,
                        peer: index_of,
                    };
                    let count = peer.seen.connections.saturating_add(peer.seen.resumed);
                    let count = connections(count);
                    // The block itself says who it is.
                    let words = match is_one_address(peer) {
                        true => count,
                        false => format!("{}: {count}", who(peer)),
                    };
                    self.add(entry, &words);
                    self.admitted(entry, peer);
                }
            }
        }
        if let Some(words) = through(direction, rule) {
            self.add(entry, &words);
        }
        for (port, span) in rule.ports.iter().enumerate() {
            if span.admitted() > u32::from(span.seen) {
                let entry = Entry::Port {
                    direction,
                    rule: index,
                    port,
                };
                let words = format!("{} ports, {} of them seen", span.admitted(), span.seen);
                self.add(entry, &words);
            }
        }
    }

    /// What a peer admits beside what was seen.
    fn admitted(&mut self, entry: Entry, peer: &PeerEvidence) {
        if let Some(workloads) = peer.whole_namespace {
            let words = format!(
                "the whole namespace: {workloads} workloads are known, {} of them seen",
                peer.called.len()
            );
            self.add(entry, &words);
        }
        if !peer.also.is_empty() {
            let words = format!("its labels select {} too", some(&peer.also, TOLD));
            self.add(entry, &words);
        }
        match &peer.block {
            Some(block) if block.seen.is_none() => {
                let words = format!(
                    "{} addresses; which of them were seen is not known",
                    block.addresses()
                );
                self.add(entry, &words);
            }
            Some(block) if block.seen != Some(block.addresses()) => {
                let seen = block.seen.unwrap_or_default();
                let words = format!("{} addresses, {seen} of them seen", block.addresses());
                self.add(entry, &words);
            }
            _ => {}
        }
    }
}

/// Whether the peer's block says all of who it is.
fn is_one_address(peer: &PeerEvidence) -> bool {
    let address = peer.block.as_ref().map(|block| traffic::block(block.cidr));
    address.is_some_and(|address| peer.called == [address])
}

fn who(peer: &PeerEvidence) -> String {
    some(&peer.called, TOLD)
}

/// `12 connections, last 2026-11-21T10:00:00Z, seen by n1`.
pub(super) fn seen(seen: &Seen) -> String {
    let mut words = connections(seen.connections.saturating_add(seen.resumed));
    words.push_str(&format!(", last {}", time(seen.last)));
    words.push_str(&format!(", seen by {}", some(&seen.nodes, TOLD)));
    words
}

/// What Services have to do with a rule.
fn through(direction: Direction, rule: &SuggestedRule) -> Option<String> {
    if rule.services.is_empty() {
        return None;
    }
    let services = some(&rule.services, TOLD);
    Some(match (direction, rule.kind) {
        (Direction::Ingress, RuleKind::Nodes) => format!(
            "through Service {services}: a node may stand for clients from outside, whose own addresses it replaced"
        ),
        (Direction::Ingress, RuleKind::Outside) => format!(
            "through Service {services}: an address may be that of a load balancer or a proxy"
        ),
        _ => format!("dialled as Service {services}; ports are those of its pods"),
    })
}
