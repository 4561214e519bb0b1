//! The smallest changes that would allow what is denied. Each is tried out: none is offered that would not.

mod change;
mod trial;
mod wanted;

use self::change::Change;
use self::trial::Trial;
use super::rules::Asker;
use super::walk::{EntryWalk, Miss};
use crate::connection::Connection;
use crate::inventory::Inventory;
use crate::model::{Action, PortMatch};
use crate::verdict::{
    Decision, Denial, DenyReason, Direction, DirectionVerdict, PolicyRef, RuleRef, Tier, Verdict,
};

/// A change after which one direction allows the connection; the other direction stays as it is, or as one of its own
/// remedies makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// Which direction.
    pub direction: Direction,
    /// What to change, in words.
    pub words: String,
    /// The policy to change; `None` for a new one, and for other changes.
    pub policy: Option<PolicyRef>,
}

/// Remedies for every direction that denies, the most direct first. Where both deny it takes one of each.
pub(super) fn remedies(
    inventory: &Inventory,
    connection: &Connection,
    verdict: &Verdict,
) -> Vec<Remedy> {
    let trial = Trial::of(inventory, connection);
    let of = |direction, side: &DirectionVerdict| {
        let mut changes = match side.decision {
            Decision::Denied => Search {
                inventory,
                connection,
                direction,
            }
            .changes(side),
            Decision::Allowed | Decision::Unknown => Vec::new(),
        };
        changes.retain(|change| {
            let after = trial.with([change]);
            let (own, other, before) = match direction {
                Direction::Egress => (&after.egress, &after.ingress, &verdict.ingress),
                Direction::Ingress => (&after.ingress, &after.egress, &verdict.egress),
            };
            let is_worse = other.decision != Decision::Allowed && other.decision != before.decision;
            own.decision == Decision::Allowed && !is_worse
        });
        changes
    };
    let mut egress = of(Direction::Egress, &verdict.egress);
    let mut ingress = of(Direction::Ingress, &verdict.ingress);
    // Where it takes one of each, they have to work together.
    if let (Some(first), Decision::Denied) = (egress.first().cloned(), verdict.ingress.decision) {
        ingress.retain(|change| trial.with([&first, change]).decision() == Decision::Allowed);
    }
    if let (Some(first), Decision::Denied) = (ingress.first().cloned(), verdict.egress.decision) {
        egress.retain(|change| trial.with([change, &first]).decision() == Decision::Allowed);
    }
    let changes = egress.iter().chain(&ingress);
    changes.map(|change| change.remedy(&trial)).collect()
}

/// What might help in one direction.
struct Search<'a> {
    inventory: &'a Inventory,
    connection: &'a Connection,
    direction: Direction,
}

impl Search<'_> {
    fn changes(&self, verdict: &DirectionVerdict) -> Vec<Change> {
        let explicit = verdict
            .denied_by
            .iter()
            .flat_map(|denial| &denial.rules)
            .next();
        let Some(rule) = explicit else {
            return self.of_isolation(&verdict.denied_by);
        };
        let before = |action| Change::Before {
            rule: rule.clone(),
            action,
        };
        match verdict.path.last().map(|step| step.tier) {
            // What a NetworkPolicy allows is not denied by a later tier.
            Some(Tier::Baseline) => vec![Change::Policy(self.direction), before(Action::Accept)],
            _ => vec![before(Action::Pass), before(Action::Accept)],
        }
    }

    /// Around the rule that comes nearest.
    fn of_isolation(&self, denials: &[Denial]) -> Vec<Change> {
        let nearest = denials
            .iter()
            .filter_map(|denial| Some((denial, denial.nearest.as_ref()?)))
            .min_by_key(|(_, nearest)| nearest.wants.len());
        let Some((denial, nearest)) = nearest else {
            return vec![Change::Policy(self.direction)];
        };
        let rule = &nearest.rule;
        let Some((peers, ports)) = self.entries(rule) else {
            return Vec::new();
        };
        let peer = rule.peer.and_then(|at| peers.get(at));
        let port = rule.port.and_then(|at| ports.get(at));
        let misses = |entry: Option<&EntryWalk>| entry.map_or(0, |entry| entry.misses.len());
        match (misses(peer), misses(port)) {
            (0, _) => {
                let mut changes = vec![Change::Port(rule.clone())];
                changes.extend(self.other_port(rule, denial.reason));
                changes
            }
            (_, 0) => {
                let mut changes = vec![Change::Peer(rule.clone())];
                changes.extend(peer.and_then(|peer| self.labels(&peer.misses)));
                changes
            }
            _ => vec![Change::Rule(rule.clone())],
        }
    }

    fn entries(&self, rule: &RuleRef) -> Option<(Vec<EntryWalk>, Vec<EntryWalk>)> {
        let policies = self.inventory.policies(&rule.policy.namespace);
        let policy = policies.iter().find(|one| one.reference == rule.policy)?;
        let found = policy.rules(self.direction)?.get(rule.rule)?;
        let asker = Asker::new(self.inventory, self.connection, self.direction);
        let walk = asker.rule(policy, rule.rule, found);
        Some((walk.peers, walk.ports))
    }

    /// Another port, or a name for this one.
    fn other_port(&self, rule: &RuleRef, reason: DenyReason) -> Option<Change> {
        let policies = self.inventory.policies(&rule.policy.namespace);
        let policy = policies.iter().find(|one| one.reference == rule.policy)?;
        let ports = &policy.rules(self.direction)?.get(rule.rule)?.ports;
        let port = ports.get(rule.port?)?;
        match &port.port {
            PortMatch::Range(first, _) => Some(Change::OtherPort {
                direction: self.direction,
                protocol: port.protocol?,
                port: *first,
            }),
            PortMatch::Name(name) if reason == DenyReason::NamedPortUnresolved => {
                Some(Change::NamePort {
                    direction: self.direction,
                    name: name.as_str().into(),
                })
            }
            PortMatch::Name(_) | PortMatch::Any => None,
        }
    }

    /// The labels that the other end lacks; `None` where labels alone do not do it.
    fn labels(&self, misses: &[Miss]) -> Option<Change> {
        let labels: Option<Vec<_>> = misses.iter().map(change::Label::of).collect();
        labels.map(|labels| Change::Labels {
            of: self.direction,
            labels,
        })
    }
}
