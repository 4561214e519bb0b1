//! Whether a line matches remembered traffic.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::history::interned::Groups;
use crate::history::{Party, PodGroup, Port};
use crate::model::{PortMatch, PortRule, Protocol, Service};
use crate::replay::Asked;
use crate::unused::lines::{Line, Who};
use crate::unused::pods::{Place, Pods};
use crate::unused::shadow::Shadows;
use crate::verdict::Direction;

/// Whether a line matches remembered traffic; of two conditions the lesser holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::unused) enum Bears {
    No,
    /// What is remembered is too coarse to tell.
    Perhaps,
    /// By a reading that the specification leaves open.
    Undefined,
    Yes,
}

/// The ends of some traffic.
#[derive(Clone, Copy)]
pub(in crate::unused) struct Ends<'a> {
    pub(super) source: End<'a>,
    pub(super) destination: End<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum End<'a> {
    Pods(Place, &'a PodGroup),
    Other(&'a Party),
}

impl Ends<'_> {
    /// The pods that policies of a direction select; `None` where it is not known which they are.
    pub(in crate::unused) fn own_group(&self, direction: Direction) -> Option<usize> {
        self.seen_from(direction).0.group()
    }

    /// The end that policies of a direction select, and the other one.
    pub(super) fn seen_from(&self, direction: Direction) -> (&End<'_>, &End<'_>) {
        match direction {
            Direction::Egress => (&self.source, &self.destination),
            Direction::Ingress => (&self.destination, &self.source),
        }
    }
}

impl End<'_> {
    pub(super) fn group(&self) -> Option<usize> {
        match self {
            Self::Pods(Place::Group(group), _) => Some(*group),
            _ => None,
        }
    }

    /// It may be any pod.
    pub(super) fn is_anybody(&self) -> bool {
        let Self::Other(party) = self else {
            return false;
        };
        matches!(
            party,
            Party::Unknown(_) | Party::Many | Party::Service { .. }
        )
    }
}

/// Looks ends up among all pods.
pub(in crate::unused) struct Finder<'a> {
    groups: Groups<'a>,
    places: HashMap<u32, Place>,
}

impl<'a> Finder<'a> {
    pub(in crate::unused) fn new(pods: &'a Pods<'a>) -> Self {
        let mut groups = Groups::default();
        let places = pods.places();
        let places = places
            .map(|(group, place)| (groups.group(group), place))
            .collect();
        Self { groups, places }
    }

    pub(in crate::unused) fn ends(
        &mut self,
        source: &'a Party,
        destination: &'a Party,
    ) -> Ends<'a> {
        Ends {
            source: self.end(source),
            destination: self.end(destination),
        }
    }

    fn end(&mut self, party: &'a Party) -> End<'a> {
        let Party::Pods(group) = party else {
            return End::Other(party);
        };
        match self.places.get(&self.groups.group(group)) {
            Some(place) => End::Pods(*place, group),
            // Everybody who was seen is among all pods.
            None => End::Other(party),
        }
    }
}

/// Whether lines match remembered traffic.
pub(in crate::unused) struct Bearing<'a> {
    pods: &'a Pods<'a>,
    shadows: &'a Shadows<'a>,
    services: HashMap<(&'a str, &'a str), &'a Service>,
}

impl<'a> Bearing<'a> {
    pub(in crate::unused) fn new(
        services: &'a [Service],
        pods: &'a Pods<'a>,
        shadows: &'a Shadows<'a>,
    ) -> Self {
        let services = services.iter();
        let named = services.map(|service| ((&*service.namespace, &*service.name), service));
        Self {
            pods,
            shadows,
            services: named.collect(),
        }
    }

    pub(super) fn line(&self, line: usize) -> &Line<'a> {
        self.shadows.line(line)
    }

    /// The pods that the line's policy selects.
    pub(in crate::unused) fn own(&self, line: usize) -> &[usize] {
        &self.shadows.subjects(self.line(line).policy).groups
    }

    /// Whether a line matches some traffic.
    pub(in crate::unused) fn on(&self, line: usize, ends: &Ends<'_>, asked: &Asked<'_>) -> Bears {
        let direction = self.line(line).direction;
        let (own, other) = ends.seen_from(direction);
        let own = match own.group() {
            Some(group) if self.own(line).binary_search(&group).is_ok() => Bears::Yes,
            None if own.is_anybody() => Bears::Perhaps,
            _ => Bears::No,
        };
        if own == Bears::No {
            return Bears::No;
        }
        let rule = self.line(line).port;
        let port = port(rule, asked.protocol, asked.port, &ends.destination);
        let as_is = self.peer(line, other).min(port);
        own.min(as_is.max(self.before_translation(line, asked)))
    }

    fn peer(&self, line: usize, other: &End<'_>) -> Bears {
        let who = self.line(line).who;
        let is_anybody = other.is_anybody();
        match (who, other) {
            (Who::Everyone, _) => Bears::Yes,
            (Who::Unsupported, _) => Bears::No,
            // Its blocks and names are told by what it is; of the rest it may be any.
            (Who::Pods { .. } | Who::Nodes(_), _) if is_anybody => Bears::Perhaps,
            (Who::Pods { .. }, _) => self.peer_of_pods(line, other),
            (Who::Nodes(_), End::Other(Party::Node { .. }) | End::Pods(Place::OnHost(_), _)) => {
                Bears::Perhaps
            }
            (Who::Nodes(_), _) => Bears::No,
            (Who::Block(_) | Who::Networks(_), End::Other(Party::Outside(block))) => {
                match self.shadows.holds(line, *block) {
                    Some(true) => Bears::Yes,
                    Some(false) => Bears::No,
                    None => Bears::Perhaps,
                }
            }
            (Who::Block(_) | Who::Networks(_), End::Other(Party::Unknown(block))) => {
                match self.shadows.holds(line, *block) {
                    Some(false) => Bears::No,
                    _ => Bears::Perhaps,
                }
            }
            // The addresses of pods and nodes are not remembered.
            (Who::Block(_) | Who::Networks(_), _) => Bears::Perhaps,
            (Who::Names(_), End::Other(Party::Outside(_))) => Bears::Perhaps,
            (Who::Names(_), _) if is_anybody => Bears::Perhaps,
            (Who::Names(_), _) => Bears::No,
        }
    }

    fn peer_of_pods(&self, line: usize, other: &End<'_>) -> Bears {
        let Some(peers) = self.shadows.peers(line) else {
            return Bears::No;
        };
        match other {
            End::Pods(Place::Group(group), _) if peers.has(*group) => {
                if peers.is_certain {
                    Bears::Yes
                } else {
                    Bears::Perhaps
                }
            }
            End::Pods(Place::OnHost(group), _) if peers.on_hosts.contains(group) => {
                Bears::Undefined
            }
            End::Other(Party::Node { name }) => {
                let mut on_hosts = peers.on_hosts.iter();
                let runs_there = on_hosts.any(|group| {
                    let present = self.pods.on_host(*group);
                    present.pods.contains_key(name) || present.pods.is_empty()
                });
                if runs_there {
                    Bears::Undefined
                } else {
                    Bears::No
                }
            }
            _ => Bears::No,
        }
    }

    /// Rule 18: whether a policy sees a Service's own address and port is undefined.
    fn before_translation(&self, line: usize, asked: &Asked<'_>) -> Bears {
        let rule = self.line(line).port;
        let service = asked.service.and_then(|(namespace, name)| {
            let key: (&str, &str) = (namespace, name);
            self.services.get(&key)
        });
        let (Direction::Egress, Some(service)) = (self.line(line).direction, service) else {
            return Bears::No;
        };
        let mut addresses = service.cluster_addresses.iter();
        let is_held = addresses.any(|address: &IpAddr| {
            let block = ipnet::IpNet::from(*address).into();
            self.shadows.holds(line, block) == Some(true)
        });
        let mut dialled = service.ports.iter().map(|port| Port::One(port.port));
        let covers = |port| is_number(rule, asked.protocol, port) > Bears::No;
        if is_held && (covers(asked.port) || dialled.any(covers)) {
            Bears::Undefined
        } else {
            Bears::No
        }
    }
}

/// Whether an entry of `ports` matches a port of the destination.
fn port(rule: Option<&PortRule>, protocol: Protocol, port: Port, destination: &End<'_>) -> Bears {
    let Some(PortMatch::Name(name)) = rule.map(|rule| &rule.port) else {
        return is_number(rule, protocol, port);
    };
    let is_protocol = |one: Option<Protocol>| one.is_none_or(|one| one == protocol);
    if !is_protocol(rule.and_then(|rule| rule.protocol)) {
        return Bears::No;
    }
    let End::Pods(place, group) = destination else {
        return match destination.is_anybody() {
            true => Bears::Perhaps,
            false => Bears::No,
        };
    };
    let ports = group.ports.iter();
    let named = ports.filter(|one| *one.name == **name && one.protocol == protocol);
    let is_it = named.map(|one| match port {
        Port::One(port) if port == one.port => Bears::Yes,
        Port::Many => Bears::Perhaps,
        Port::One(_) | Port::None => Bears::No,
    });
    let is_it = is_it.max().unwrap_or(Bears::No);
    match place {
        Place::Group(_) => is_it,
        Place::OnHost(_) => is_it.min(Bears::Undefined),
    }
}

/// The same of an entry without a name.
fn is_number(rule: Option<&PortRule>, protocol: Protocol, port: Port) -> Bears {
    let Some(rule) = rule else {
        return Bears::Yes;
    };
    if rule.protocol.is_some_and(|one| one != protocol) {
        return Bears::No;
    }
    match (&rule.port, port) {
        (PortMatch::Any, _) => Bears::Yes,
        (PortMatch::Range(first, last), Port::One(port)) if (*first..=*last).contains(&port) => {
            Bears::Yes
        }
        (PortMatch::Range(..), Port::Many) => Bears::Perhaps,
        (PortMatch::Range(..) | PortMatch::Name(_), _) => Bears::No,
    }
}
