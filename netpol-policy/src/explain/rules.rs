//! Rules against the connection: each peer and each port, and what it wants that is not there.

use super::walk::{Answer, EntryWalk, LabelOwner, Miss, RuleWalk, WantedLabel};
use super::{EndFacts, EndKind, words};
use crate::connection::{Connection, End};
use crate::evaluate::{Entries, Match, block_words, port_words};
use crate::inventory::Inventory;
use crate::model::{
    Action, IpBlock, Labels, NetworkPolicy, Peer, PortMatch, PortRule, Rule, Selector, TieredPeer,
    TieredRule,
};
use crate::verdict::{Caveat, Direction};

/// A connection, asked about from one of its sides.
pub(super) struct Asker<'a> {
    inventory: &'a Inventory,
    connection: &'a Connection,
    entries: Entries<'a>,
    other: EndFacts,
}

impl<'a> Asker<'a> {
    pub(super) fn new(
        inventory: &'a Inventory,
        connection: &'a Connection,
        direction: Direction,
    ) -> Self {
        let other = match direction {
            Direction::Egress => &connection.destination,
            Direction::Ingress => &connection.source,
        };
        Self {
            inventory,
            connection,
            entries: Entries::new(inventory, connection, direction),
            other: EndFacts::of(other, inventory),
        }
    }

    /// A rule of a NetworkPolicy.
    pub(super) fn rule(&self, policy: &NetworkPolicy, index: usize, rule: &Rule) -> RuleWalk {
        let peers = entries(&rule.peers, |peer| {
            let answer = self.entries.peer(peer, policy);
            (
                words::peer(peer, policy),
                answer,
                self.peer_misses(peer, policy),
            )
        });
        self.walk(index, "", Action::Accept, peers, &rule.ports)
    }

    /// A rule of another tier.
    pub(super) fn tiered_rule(&self, index: usize, rule: &TieredRule) -> RuleWalk {
        let peers = entries(&rule.peers, |peer| {
            let misses = self.tiered_misses(peer);
            let answer = self.entries.tiered_peer(peer);
            (words::tiered_peer(peer), answer, misses)
        });
        let mut walk = self.walk(index, &rule.name, rule.action, peers, &rule.ports);
        // Rule 33.
        walk.is_unsupported = rule
            .peers
            .iter()
            .any(|peer| matches!(peer, TieredPeer::Unsupported(_)));
        if walk.is_unsupported {
            walk.answer = match rule.action {
                Action::Accept => Answer::Misses,
                Action::Deny | Action::Pass => Answer::Matches,
            };
        }
        walk
    }

    fn walk(
        &self,
        index: usize,
        name: &str,
        action: Action,
        peers: Vec<EntryWalk>,
        ports: &[PortRule],
    ) -> RuleWalk {
        let ports = entries(ports, |port| {
            let answer = self.entries.port(port);
            (port_words(port), answer, vec![self.port_miss(port)])
        });
        RuleWalk {
            index,
            name: name.to_owned(),
            action,
            answer: both(any(&peers), any(&ports)),
            is_unsupported: false,
            peers,
            ports,
        }
    }

    fn peer_misses(&self, peer: &Peer, policy: &NetworkPolicy) -> Vec<Miss> {
        match peer {
            Peer::IpBlock(block) => vec![self.block_miss(block)],
            Peer::Pods { namespaces, pods } => {
                let own = &policy.reference.namespace;
                self.pod_misses(namespaces.as_ref(), own, pods)
            }
        }
    }

    fn tiered_misses(&self, peer: &TieredPeer) -> Vec<Miss> {
        let wants = words::tiered_peer(peer);
        let name = &self.other.name;
        let has = match peer {
            TieredPeer::Pods(selected) => {
                return self.pod_misses(Some(&selected.namespaces), "", &selected.pods);
            }
            TieredPeer::Nodes(selector) => match self.other.kind {
                EndKind::Node => {
                    return label_misses(LabelOwner::Node, name, selector, &self.other.labels)
                        .collect();
                }
                _ => format!("{name} is no node"),
            },
            TieredPeer::Networks(_) => self.address(),
            TieredPeer::DomainNames(_) => self.domain_names(),
            // It is the rule that says what becomes of it (rule 33).
            TieredPeer::Unsupported(_) => return Vec::new(),
        };
        vec![Miss::of(wants, has)]
    }

    /// Pods by namespace and label; without a namespace selector those of `own` (rule 8).
    fn pod_misses(&self, namespaces: Option<&Selector>, own: &str, pods: &Selector) -> Vec<Miss> {
        let other = &self.other;
        let (EndKind::Pod | EndKind::Template, Some(namespace)) = (other.kind, &other.namespace)
        else {
            let wants = words::pods(namespaces, own, pods);
            let has = match other.kind {
                EndKind::HostNetworkPod => {
                    format!("{} has hostNetwork, which no selector matches", other.name)
                }
                _ => format!("{} is no pod", other.name),
            };
            return vec![Miss::of(wants, has)];
        };
        let mut misses = Vec::new();
        match namespaces {
            None if **namespace != *own => misses.push(Miss::of(
                format!("namespace {own}"),
                format!("{} is in {namespace}", other.name),
            )),
            None => {}
            Some(selector) => misses.extend(label_misses(
                LabelOwner::Namespace,
                namespace,
                selector,
                &other.namespace_labels,
            )),
        }
        misses.extend(label_misses(
            LabelOwner::Pod,
            &other.name,
            pods,
            &other.labels,
        ));
        misses
    }

    fn block_miss(&self, block: &IpBlock) -> Miss {
        let address = self.other.address;
        let counts = self.inventory.dialect().ip_block_matches_cluster;
        let is_outside = self.other.kind == EndKind::Outside;
        let except = block
            .except
            .iter()
            .find(|except| address.is_some_and(|address| except.contains(address)));
        let has = match except {
            Some(except) => format!("{}, which {except} excepts", self.address()),
            None if !counts && !is_outside => {
                format!(
                    "{} is in the cluster, where ipBlock does not count",
                    self.other.name
                )
            }
            None => self.address(),
        };
        Miss::of(block_words(block), has)
    }

    fn port_miss(&self, rule: &PortRule) -> Miss {
        let destination = &self.connection.destination;
        let protocol = self.connection.protocol;
        let mut has = match self.connection.destination_port {
            Some(port) => format!("it is {protocol} port {port}"),
            None => format!("it is {protocol}"),
        };
        let is_protocol = rule.protocol.is_none_or(|one| one == protocol);
        if let (PortMatch::Name(name), true) = (&rule.port, is_protocol) {
            has = match named(destination, name, |port| port.protocol == protocol).as_slice() {
                [] => format!("{destination} has no {protocol} port named {name}"),
                numbers => format!(
                    "{has}, and {name} is {} at {destination}",
                    words::list(numbers, "and")
                ),
            };
        }
        Miss::of(port_words(rule), has)
    }

    /// The address that blocks are compared with.
    fn address(&self) -> String {
        match self.other.address {
            Some(address) if address.to_string() == self.other.name => format!("it is {address}"),
            Some(address) => format!("{} is {address}", self.other.name),
            None => format!("{} has no address", self.other.name),
        }
    }

    fn domain_names(&self) -> String {
        let name = &self.other.name;
        if self.other.kind != EndKind::Outside {
            return format!("{name} is in the cluster");
        }
        let known = self
            .other
            .address
            .and_then(|address| self.inventory.names_of(address));
        match known {
            Some([]) | None => format!("{name} has no name that is known"),
            Some(names) => format!("{name} is {}", words::list(names, "and")),
        }
    }
}

/// The numbers of a destination's ports of a name (rule 14).
fn named(
    destination: &End,
    name: &str,
    is_wanted: impl Fn(&crate::model::NamedPort) -> bool,
) -> Vec<u16> {
    let End::Pod { pod, .. } = destination else {
        return Vec::new();
    };
    let ports = pod.ports.iter();
    ports
        .filter(|port| &*port.name == name && is_wanted(port))
        .map(|port| port.port)
        .collect()
}

/// Labels that are wanted of a pod, a namespace or a node, and what it has of the same key.
pub(super) fn label_misses<'a>(
    owner: LabelOwner,
    name: &'a str,
    selector: &'a Selector,
    labels: &'a Labels,
) -> impl Iterator<Item = Miss> + 'a {
    let what = match owner {
        LabelOwner::Pod => "pod",
        LabelOwner::Namespace => "namespace",
        LabelOwner::Node => "node",
    };
    selector.misses(labels).map(move |requirement| Miss {
        wants: format!("{what} {requirement}"),
        has: words::label(name, labels, &requirement.key),
        label: Some(WantedLabel {
            owner,
            requirement: requirement.clone(),
        }),
    })
}

impl Miss {
    fn of(wants: String, has: String) -> Self {
        Self {
            wants,
            has,
            label: None,
        }
    }
}

fn entries<T>(list: &[T], ask: impl Fn(&T) -> (String, Match, Vec<Miss>)) -> Vec<EntryWalk> {
    let indexed = list.iter().enumerate();
    indexed
        .map(|(index, one)| {
            let (words, found, misses) = ask(one);
            let answer = answer(found);
            EntryWalk {
                index,
                words,
                answer,
                misses: if answer == Answer::Misses {
                    misses
                } else {
                    Vec::new()
                },
            }
        })
        .collect()
}

fn answer(found: Match) -> Answer {
    match found {
        Match::Yes => Answer::Matches,
        Match::No => Answer::Misses,
        Match::Unknown(caveat) => Answer::Unknown(caveat),
    }
}

/// Whether one entry includes the connection; an empty list does (rule 6).
fn any(entries: &[EntryWalk]) -> Answer {
    if entries.is_empty() || entries.iter().any(|entry| entry.answer == Answer::Matches) {
        return Answer::Matches;
    }
    unknown(entries.iter().map(|entry| entry.answer)).unwrap_or(Answer::Misses)
}

fn both(one: Answer, other: Answer) -> Answer {
    match (one, other) {
        (Answer::Misses, _) | (_, Answer::Misses) => Answer::Misses,
        _ => unknown([one, other]).unwrap_or(Answer::Matches),
    }
}

fn unknown(answers: impl IntoIterator<Item = Answer>) -> Option<Answer> {
    let caveat = |answer| match answer {
        Answer::Unknown(caveat) => Some(caveat),
        Answer::Matches | Answer::Misses | Answer::NotAsked => None,
    };
    let found: Option<Caveat> = answers.into_iter().find_map(caveat);
    found.map(Answer::Unknown)
}
