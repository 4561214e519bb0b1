//! The library, asked what the oracle is asked, and whether both say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest;
use netpol_policy::model::{Object, Protocol};
use netpol_policy::verdict::{self, DecidedBy, DirectionVerdict, PolicyRef, RuleRef, Verdict};
use serde_json::Value;

use crate::generator::Request;
use crate::oracle::{Decision, Exempt, Reason, Reasons};

/// Objects of a world in force.
pub(super) struct Library(pub(super) Inventory);

impl Library {
    /// None where the library refuses or ignores one of them.
    pub(super) fn read(world: &[Value]) -> Option<Self> {
        let read = manifest::parse(&Value::from(world).to_string());
        (read.objects.len() == world.len()).then(|| Self::of(read.objects))
    }

    /// Panics where the library refuses or ignores one of them.
    pub(super) fn new(world: &[Value]) -> Self {
        let refused = || {
            let read = manifest::parse(&Value::from(world).to_string());
            panic!("refused {:?}, ignored {:?}", read.errors, read.ignored)
        };
        Self::read(world).unwrap_or_else(refused)
    }

    /// What a manifest holds of a world.
    pub(super) fn of(objects: Vec<Object>) -> Self {
        Self(Inventory::new(objects))
    }

    /// The same, with domain names.
    pub(super) fn names(self, names: &BTreeMap<IpAddr, Vec<String>>) -> Self {
        let shared = |names: &Vec<String>| names.iter().map(|name| name.as_str().into()).collect();
        let names = names
            .iter()
            .map(|(address, names)| (*address, shared(names)));
        Self(self.0.with_names(names.collect()))
    }

    pub(super) fn ask(&self, request: &Request) -> Verdict {
        evaluate(&self.0, &self.connection(request))
    }

    /// Whether the ends of a request are there; not said of requests for a named port.
    pub(super) fn knows(&self, request: &Request) -> bool {
        !request.port.is_string()
            && [&request.from, &request.to].into_iter().all(|end| {
                end.parse::<IpAddr>().is_ok()
                    || end.split_once('/').is_some_and(|(namespace, name)| {
                        self.0.pod(namespace, name).is_some()
                            || namespace == "node" && self.0.node(name).is_some()
                    })
            })
    }

    pub(super) fn connection(&self, request: &Request) -> Connection {
        let (sources, destinations) = (self.ends(&request.from), self.ends(&request.to));
        let is_v4 = |end: &End| end.address().map(|address| address.is_ipv4());
        let alike = sources.iter().find_map(|one| {
            let other = destinations
                .iter()
                .find(|other| is_v4(one) == is_v4(other))?;
            Some((one, other))
        });
        let (source, destination) = alike.unwrap_or((&sources[0], &destinations[0]));
        let protocol = match request.protocol {
            "ICMP" => Protocol::Other(1),
            defined => Protocol::from_api(defined).unwrap(),
        };
        let port = match (&request.port, destination) {
            (Value::String(name), End::Pod { pod, .. }) => {
                let mut ports = pod.ports.iter();
                let named = ports.find(|port| *port.name == **name && port.protocol == protocol);
                Some(named.unwrap().port)
            }
            (number, _) => number.as_u64().map(|number| u16::try_from(number).unwrap()),
        };
        Connection::new(source.clone(), destination.clone(), protocol, port)
    }

    /// An end with each of its addresses.
    fn ends(&self, written: &str) -> Vec<End> {
        if let Ok(address) = written.parse() {
            return vec![self.0.end_at(address)];
        }
        let (namespace, name) = written.split_once('/').unwrap();
        if namespace == "node" {
            let node = self.0.node(name).unwrap();
            let at = |address: &IpAddr| End::Node {
                node: node.clone(),
                address: *address,
            };
            return node.addresses.iter().map(at).collect();
        }
        let pod = self.0.pod(namespace, name).unwrap();
        let with = |address| End::Pod {
            pod: pod.clone(),
            address,
        };
        // A finished pod holds none of its addresses (rule 24).
        if pod.phase.is_finished() || pod.addresses.is_empty() {
            return vec![with(None)];
        }
        pod.addresses
            .iter()
            .map(|address| with(Some(*address)))
            .collect()
    }
}

/// Where the library's direction differs from the oracle's: in the decision, in who took it, or in what is named for it.
pub(super) fn difference(oracle: &Decision, library: &DirectionVerdict) -> Option<String> {
    let named = named(library);
    let names =
        |reasons: &Reasons| reasons.surely.is_subset(&named) && named.is_subset(&reasons.possibly);
    let agrees = match (oracle, library.decision) {
        (Decision::Allowed(reasons), verdict::Decision::Allowed) => {
            names(reasons) && may_allow(reasons).contains(&library.decided_by)
        }
        (Decision::Denied(reasons), verdict::Decision::Denied) => {
            names(reasons) && library.decided_by == DecidedBy::Policy
        }
        (Decision::Unknown, verdict::Decision::Unknown) => named.is_empty(),
        _ => false,
    };
    (!agrees).then(|| format!("oracle {oracle:?}\nlibrary {library:?}"))
}

/// Who is to be told as the one that allowed.
fn may_allow(reasons: &Reasons) -> &'static [DecidedBy] {
    match reasons.exempt {
        Some(Exempt::NotASubject) => &[DecidedBy::NotASubject],
        Some(Exempt::Itself) => &[DecidedBy::SelfTraffic],
        Some(Exempt::OwnNode) => &[DecidedBy::Node],
        None if !reasons.surely.is_empty() => &[DecidedBy::Policy],
        None if reasons.possibly.is_empty() => &[DecidedBy::Default],
        None => &[DecidedBy::Policy, DecidedBy::Default],
    }
}

/// Rules that allow, down to peer and port; policies that deny, those with deny rules down to the rule.
fn named(verdict: &DirectionVerdict) -> BTreeSet<Reason> {
    let allowing = verdict.allowed_by.iter().map(|rule| Reason {
        peer: rule.peer,
        port: rule.port,
        ..reason(&rule.policy, Some(rule))
    });
    let denying = verdict.denied_by.iter().flat_map(|denial| {
        let rules = denial
            .rules
            .iter()
            .map(|rule| reason(&rule.policy, Some(rule)));
        let policy = denial
            .rules
            .is_empty()
            .then(|| reason(&denial.policy, None));
        rules.chain(policy)
    });
    allowing.chain(denying).collect()
}

fn reason(policy: &PolicyRef, rule: Option<&RuleRef>) -> Reason {
    Reason {
        kind: policy.kind.as_str().to_owned(),
        namespace: policy.namespace.to_string(),
        name: policy.name.to_string(),
        rule: rule.map(|rule| rule.rule),
        peer: None,
        port: None,
    }
}
