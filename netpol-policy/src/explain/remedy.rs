//! The smallest changes that would allow what is denied. Each is tried out: none is offered that would not.

mod change;
mod trial;
mod wanted;

use self::change::Change;
use self::trial::Trial;
use super::rules::Asker;
use super::walk::{EntryWalk, Miss};
use crate::connection::{Connection, End};
use crate::inventory::Inventory;
use crate::model::{Action, NetworkPolicy, PortMatch, Protocol, Rule};
use crate::verdict::{
    Decision, Denial, DenyReason, Direction, DirectionVerdict, PolicyRef, RuleRef, Tier, Verdict,
};

/// A change after which one direction allows the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// Which direction.
    pub direction: Direction,
    /// What to change, in words.
    pub words: String,
    /// The policy to change; `None` for a new one, and for other changes.
    pub policy: Option<PolicyRef>,
    /// The connection as a whole is allowed then. Otherwise it takes a remedy of the other direction too, if there are
    /// any, and any two of both do.
    pub is_enough: bool,
}

/// Remedies for every direction that denies, the most direct first.
pub(super) fn remedies(
    inventory: &Inventory,
    connection: &Connection,
    verdict: &Verdict,
) -> Vec<Remedy> {
    if verdict.decision() != Decision::Denied {
        return Vec::new();
    }
    let trial = Trial::of(inventory, connection);
    // It holds all that the verdict depends on.
    debug_assert_eq!(trial.with([]).decision(), verdict.decision());
    let [mut egress, mut ingress] = [
        (Direction::Egress, &verdict.egress, &verdict.ingress),
        (Direction::Ingress, &verdict.ingress, &verdict.egress),
    ]
    .map(|(direction, own, other)| {
        let search = Search {
            inventory,
            connection,
            direction,
        };
        if own.decision != Decision::Denied {
            return Vec::new();
        }
        let near = tried(&trial, search.changes(own), other.decision);
        if !near.is_empty() {
            return near;
        }
        tried(&trial, search.far_changes(own), other.decision)
    });
    let are_both_denied = [&verdict.egress, &verdict.ingress]
        .iter()
        .all(|side| side.decision == Decision::Denied);
    if are_both_denied {
        pair(&trial, &mut egress, &mut ingress);
    }
    let mut remedies: Vec<Remedy> = Vec::new();
    for (change, is_enough) in egress.into_iter().chain(ingress) {
        let remedy = change.remedy(&trial, is_enough);
        let is_new = remedies.iter().all(|one| one.words != remedy.words);
        if is_new {
            remedies.push(remedy);
        }
    }
    remedies
}

/// Changes that make their own direction allow it and the other one, which says `other` now, no worse; and whether they
/// are enough.
fn tried(trial: &Trial, changes: Vec<Change>, other: Decision) -> Vec<(Change, bool)> {
    let tried = changes.into_iter().filter_map(|change| {
        let after = trial.with([&change]);
        let (own_after, other_after) = match change.direction() {
            Direction::Egress => (&after.egress, &after.ingress),
            Direction::Ingress => (&after.ingress, &after.egress),
        };
        let is_no_worse = [Decision::Allowed, other].contains(&other_after.decision);
        let is_enough = after.decision() == Decision::Allowed;
        (own_after.decision == Decision::Allowed && is_no_worse).then_some((change, is_enough))
    });
    tried.collect()
}

/// Keeps of two directions that both deny what is enough, and what works with everything of the other that is kept.
fn pair(trial: &Trial, egress: &mut Vec<(Change, bool)>, ingress: &mut Vec<(Change, bool)>) {
    let works =
        |one: &Change, other: &Change| trial.with([one, other]).decision() == Decision::Allowed;
    let partial = |changes: &[(Change, bool)]| {
        let partial = changes.iter().filter(|(_, is_enough)| !is_enough);
        partial
            .map(|(change, _)| change.clone())
            .collect::<Vec<_>>()
    };
    if let Some(first) = partial(egress).first() {
        ingress.retain(|(change, is_enough)| *is_enough || works(first, change));
    }
    let others = partial(ingress);
    egress.retain(|(change, is_enough)| {
        *is_enough || others.iter().all(|other| works(change, other))
    });
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

    /// Where none around the nearest rule helps: a rule or a policy for this connection alone.
    fn far_changes(&self, verdict: &DirectionVerdict) -> Vec<Change> {
        let mut nearest = verdict
            .denied_by
            .iter()
            .filter_map(|one| one.nearest.as_ref());
        let rule = nearest
            .next()
            .map(|nearest| Change::Rule(nearest.rule.clone()));
        rule.into_iter()
            .chain([Change::Policy(self.direction)])
            .collect()
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
                changes.extend(self.other_port(rule));
                if denial.reason == DenyReason::NamedPortUnresolved {
                    changes.extend(self.name_port(rule));
                }
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

    fn rule(&self, at: &RuleRef) -> Option<(&NetworkPolicy, &Rule)> {
        let policies = self.inventory.policies(&at.policy.namespace);
        let policy = policies.iter().find(|one| one.reference == at.policy)?;
        let rule = policy.rules(self.direction)?.get(at.rule)?;
        Some((policy, rule))
    }

    fn entries(&self, at: &RuleRef) -> Option<(Vec<EntryWalk>, Vec<EntryWalk>)> {
        let (policy, rule) = self.rule(at)?;
        let asker = Asker::new(self.inventory, self.connection, self.direction);
        let walk = asker.rule(policy, at.rule, rule);
        Some((walk.peers, walk.ports))
    }

    /// The first port of the rule that the destination may listen on.
    fn other_port(&self, at: &RuleRef) -> Option<Change> {
        let (_, rule) = self.rule(at)?;
        let numbered = rule.ports.iter().filter_map(|port| {
            let number = match &port.port {
                PortMatch::Range(first, _) => Some(*first),
                PortMatch::Name(name) => self.named_port(name, port.protocol),
                PortMatch::Any => None,
            };
            Some((port.protocol?, number?))
        });
        let (protocol, port) = numbered.into_iter().next()?;
        Some(Change::OtherPort {
            direction: self.direction,
            protocol,
            port,
        })
    }

    fn named_port(&self, name: &str, protocol: Option<Protocol>) -> Option<u16> {
        let End::Pod { pod, .. } = &self.connection.destination else {
            return None;
        };
        let mut ports = pod.ports.iter();
        ports
            .find(|port| &*port.name == name && Some(port.protocol) == protocol)
            .map(|port| port.port)
    }

    fn name_port(&self, at: &RuleRef) -> Option<Change> {
        let (_, rule) = self.rule(at)?;
        match &rule.ports.get(at.port?)?.port {
            PortMatch::Name(name) => Some(Change::NamePort {
                direction: self.direction,
                name: name.as_str().into(),
            }),
            PortMatch::Range(..) | PortMatch::Any => None,
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
