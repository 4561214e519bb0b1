//! One change: what it is in words, and what it does.

use std::sync::Arc;

use super::super::walk::{LabelOwner, Miss};
use super::super::{peers_list, ports_list, rules_list, words};
use super::Remedy;
use super::trial::Trial;
use super::wanted::Wanted;
use crate::connection::End;
use crate::evaluate::port_words;
use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::model::{
    Action, Labels, NamedPort, NetworkPolicy, Operator, Pod, PortMatch, PortRule, Protocol, Rule,
};
use crate::verdict::{Direction, PolicyRef, RuleRef};

/// Something that may let the connection through in one direction.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A rule lists the other end too.
    Peer(RuleRef),
    /// A rule lists the port too.
    Port(RuleRef),
    /// The policy has another rule, for exactly this connection.
    Rule(RuleRef),
    /// There is another NetworkPolicy, for exactly this connection.
    Policy(Direction),
    /// Another rule goes before one that denies.
    Before { rule: RuleRef, action: Action },
    /// The other end, or its namespace, has other labels.
    Labels { of: Direction, labels: Vec<Label> },
    /// The connection goes to another port.
    OtherPort {
        direction: Direction,
        protocol: Protocol,
        port: u16,
    },
    /// The destination's container port has a name.
    NamePort {
        direction: Direction,
        name: Arc<str>,
    },
}

/// A label that is wanted, or not.
#[derive(Clone, Debug)]
pub(super) struct Label {
    owner: LabelOwner,
    key: String,
    /// `None`: the key has to be absent.
    value: Option<String>,
}

impl Label {
    /// What would make a miss good; `None` where it is not about a label, or where any of many values would do.
    pub(super) fn of(miss: &Miss) -> Option<Self> {
        let wanted = miss.label.as_ref()?;
        let requirement = &wanted.requirement;
        let value = match &requirement.operator {
            Operator::In(values) => Some(values.first()?.clone()),
            Operator::DoesNotExist => None,
            Operator::Exists | Operator::NotIn(_) => return None,
        };
        // A namespace cannot change its name.
        let is_free = requirement.key != NAMESPACE_NAME_LABEL;
        is_free.then(|| Self {
            owner: wanted.owner,
            key: requirement.key.clone(),
            value,
        })
    }

    fn words(&self, pod: &Pod) -> String {
        let owner = match self.owner {
            LabelOwner::Namespace => format!("namespace {}", pod.namespace),
            _ => format!("pod {}/{}", pod.namespace, pod.name),
        };
        match &self.value {
            Some(value) => format!("set label {}={value} on {owner}", self.key),
            None => format!("remove label {} from {owner}", self.key),
        }
    }

    fn set(&self, labels: &mut Labels) {
        *labels = match &self.value {
            Some(value) => std::mem::take(labels).with(&self.key, value),
            None => labels.iter().filter(|(key, _)| *key != self.key).collect(),
        };
    }
}

impl Change {
    pub(super) fn direction(&self) -> Direction {
        match self {
            Self::Peer(rule) | Self::Port(rule) | Self::Rule(rule) | Self::Before { rule, .. } => {
                rule.direction
            }
            Self::Policy(direction)
            | Self::Labels { of: direction, .. }
            | Self::OtherPort { direction, .. }
            | Self::NamePort { direction, .. } => *direction,
        }
    }

    fn policy(&self) -> Option<&PolicyRef> {
        match self {
            Self::Peer(rule) | Self::Port(rule) | Self::Rule(rule) | Self::Before { rule, .. } => {
                Some(&rule.policy)
            }
            _ => None,
        }
    }

    pub(super) fn remedy(&self, trial: &Trial, is_enough: bool) -> Remedy {
        Remedy {
            direction: self.direction(),
            words: self.words(trial),
            policy: self.policy().cloned(),
            is_enough,
        }
    }

    fn words(&self, trial: &Trial) -> String {
        let direction = self.direction();
        let wanted = Wanted::of(trial, direction);
        let list = rules_list(direction);
        match self {
            Self::Peer(rule) => format!(
                "add {} to {list}[{}].{} of {}",
                wanted.peer_words(),
                rule.rule,
                peers_list(direction),
                words::policy(&rule.policy)
            ),
            Self::Port(rule) => format!(
                "add {} to {list}[{}].{} of {}",
                wanted.port_words(),
                rule.rule,
                ports_list(rule.policy.kind),
                words::policy(&rule.policy)
            ),
            Self::Rule(rule) => {
                format!(
                    "add an {list} rule to {}: {}",
                    words::policy(&rule.policy),
                    wanted.words()
                )
            }
            Self::Policy(_) => format!(
                "add a NetworkPolicy that isolates {} for {list} and allows it {}",
                wanted.own,
                wanted.words()
            ),
            Self::Before { rule, action } => format!(
                "add a rule that {} before {list}[{}] of {}: {}",
                words::acts(*action),
                rule.rule,
                words::policy(&rule.policy),
                wanted.words()
            ),
            Self::Labels { labels, .. } => {
                let End::Pod { pod, .. } = trial.other(direction) else {
                    return String::new();
                };
                let labels: Vec<_> = labels.iter().map(|label| label.words(pod)).collect();
                words::list(&labels, "and")
            }
            Self::OtherPort { protocol, port, .. } => {
                let port = PortRule {
                    protocol: Some(*protocol),
                    port: PortMatch::Range(*port, *port),
                };
                format!(
                    "use {} in place of {}",
                    port_words(&port),
                    wanted.port_words()
                )
            }
            Self::NamePort { name, .. } => format!(
                "give {} of {} the name {name}",
                wanted.port_words(),
                trial.connection.destination
            ),
        }
    }

    /// Does it to `trial`, for the connection that `asked` is about.
    pub(super) fn apply(&self, asked: &Trial, trial: &mut Trial) {
        let wanted = Wanted::of(asked, self.direction());
        match self {
            Self::Peer(at) => trial.edit_policy(&at.policy, |policy| {
                if let Some(rule) = rule_mut(policy, at) {
                    rule.peers.extend(wanted.peer.clone());
                }
            }),
            Self::Port(at) => trial.edit_policy(&at.policy, |policy| {
                if let Some(rule) = rule_mut(policy, at) {
                    rule.ports.extend(wanted.port.clone());
                }
            }),
            Self::Rule(at) => trial.edit_policy(&at.policy, |policy| {
                if let Some(rules) = rules_mut(policy, at.direction) {
                    rules.extend(wanted.rule());
                }
            }),
            Self::Policy(direction) => {
                if let End::Pod { pod, .. } = trial.own(*direction) {
                    let policy = wanted.policy(pod, *direction);
                    trial.add(policy);
                }
            }
            Self::Before { rule: at, action } => trial.edit_tiered(&at.policy, |policy| {
                let rules = match at.direction {
                    Direction::Ingress => &mut policy.ingress,
                    Direction::Egress => &mut policy.egress,
                };
                if let (Some(peer), true) = (wanted.tiered_peer(), at.rule <= rules.len()) {
                    rules.insert(at.rule, wanted.tiered_rule(*action, peer));
                }
            }),
            Self::Labels { of, labels } => {
                let End::Pod { pod, .. } = trial.other(*of).clone() else {
                    return;
                };
                for label in labels {
                    match label.owner {
                        LabelOwner::Namespace => {
                            trial.edit_namespace(&pod.namespace, |one| label.set(&mut one.labels))
                        }
                        _ => trial.edit_pod(&pod, |one| label.set(&mut one.labels)),
                    }
                }
            }
            Self::OtherPort { protocol, port, .. } => {
                trial.connection.protocol = *protocol;
                trial.connection.destination_port = Some(*port);
            }
            Self::NamePort { name, .. } => {
                let connection = &trial.connection;
                let (End::Pod { pod, .. }, Some(port)) =
                    (connection.destination.clone(), connection.destination_port)
                else {
                    return;
                };
                let protocol = connection.protocol;
                trial.edit_pod(&pod, |pod| {
                    pod.ports.push(NamedPort {
                        name: name.clone(),
                        protocol,
                        port,
                    });
                });
            }
        }
    }
}

fn rules_mut(policy: &mut NetworkPolicy, direction: Direction) -> Option<&mut Vec<Rule>> {
    match direction {
        Direction::Ingress => policy.ingress.as_mut(),
        Direction::Egress => policy.egress.as_mut(),
    }
}

fn rule_mut<'a>(policy: &'a mut NetworkPolicy, at: &RuleRef) -> Option<&'a mut Rule> {
    rules_mut(policy, at.direction)?.get_mut(at.rule)
}
