//! One policy in each of the forms that the API has for it.

use netpol_policy::model::Protocol::{self, Sctp, Tcp, Udp};
use netpol_policy::verdict::Direction;

use crate::support::cluster::Cluster;
use crate::support::reachability::Reachability;

/// Kind, version and tier of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicyOfAdmin,
    ClusterNetworkPolicyOfBaseline,
}

pub(super) const ADMIN: [Form; 2] = [Form::AdminNetworkPolicy, Form::ClusterNetworkPolicyOfAdmin];

pub(super) const BASELINE: [Form; 2] = [
    Form::BaselineAdminNetworkPolicy,
    Form::ClusterNetworkPolicyOfBaseline,
];

pub(super) const ALL: [Form; 4] = [ADMIN[0], ADMIN[1], BASELINE[0], BASELINE[1]];

/// Both directions.
pub(super) const DIRECTIONS: [Direction; 2] = [Direction::Ingress, Direction::Egress];

/// A policy in no form yet.
pub(super) struct Tiered {
    name: &'static str,
    priority: u16,
    subject: String,
    ingress: Vec<Rule>,
    egress: Vec<Rule>,
}

/// One rule: what it does, with whom, on which ports.
#[derive(Clone)]
pub(super) struct Rule {
    action: Action,
    peers: String,
    ports: Vec<Ports>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Accept,
    Deny,
    Pass,
}

#[derive(Clone, Copy)]
enum Ports {
    Number(Protocol, u16),
    Range(Protocol, u16, u16),
    Name(&'static str),
}

/// A policy for all pods of a house.
pub(super) fn of_house(name: &'static str, house: &str) -> Tiered {
    of_subject(
        name,
        &format!("{{namespaces: {{matchLabels: {{house: {house}}}}}}}"),
    )
}

/// A policy for a `subject`, as YAML.
pub(super) fn of_subject(name: &'static str, subject: &str) -> Tiered {
    Tiered {
        name,
        priority: 10,
        subject: subject.to_owned(),
        ingress: Vec::new(),
        egress: Vec::new(),
    }
}

/// `Allow` in the older version. Peers are a list, as YAML.
pub(super) fn accept(peers: &str) -> Rule {
    rule(Action::Accept, peers)
}

pub(super) fn deny(peers: &str) -> Rule {
    rule(Action::Deny, peers)
}

pub(super) fn pass(peers: &str) -> Rule {
    rule(Action::Pass, peers)
}

fn rule(action: Action, peers: &str) -> Rule {
    Rule {
        action,
        peers: peers.to_owned(),
        ports: Vec::new(),
    }
}

impl Rule {
    /// Only on this port, and on those that were named before.
    pub(super) fn on(self, protocol: Protocol, port: u16) -> Self {
        self.with(Ports::Number(protocol, port))
    }

    /// As [`Self::on`], for a range.
    pub(super) fn on_range(self, protocol: Protocol, start: u16, end: u16) -> Self {
        self.with(Ports::Range(protocol, start, end))
    }

    /// As [`Self::on`], for a named port.
    pub(super) fn on_name(self, name: &'static str) -> Self {
        self.with(Ports::Name(name))
    }

    fn with(mut self, ports: Ports) -> Self {
        self.ports.push(ports);
        self
    }
}

impl Tiered {
    pub(super) fn priority(mut self, priority: u16) -> Self {
        self.priority = priority;
        self
    }

    pub(super) fn rules(mut self, direction: Direction, rules: impl Into<Vec<Rule>>) -> Self {
        match direction {
            Direction::Ingress => self.ingress = rules.into(),
            Direction::Egress => self.egress = rules.into(),
        }
        self
    }

    /// Puts the policy into a cluster. There is one BaselineAdminNetworkPolicy at most, named `default`.
    pub(super) fn put(&self, cluster: Cluster, form: Form) -> Cluster {
        let (version, kind, name, head) = match form {
            Form::AdminNetworkPolicy => (
                "v1alpha1",
                "AdminNetworkPolicy",
                self.name,
                format!("priority: {}, ", self.priority),
            ),
            Form::BaselineAdminNetworkPolicy => (
                "v1alpha1",
                "BaselineAdminNetworkPolicy",
                "default",
                String::new(),
            ),
            Form::ClusterNetworkPolicyOfAdmin => (
                "v1alpha2",
                "ClusterNetworkPolicy",
                self.name,
                format!("tier: Admin, priority: {}, ", self.priority),
            ),
            Form::ClusterNetworkPolicyOfBaseline => (
                "v1alpha2",
                "ClusterNetworkPolicy",
                self.name,
                format!("tier: Baseline, priority: {}, ", self.priority),
            ),
        };
        let rules = |rules: &[Rule], peers: &str| {
            let rules: Vec<_> = rules.iter().map(|rule| rule.text(version, peers)).collect();
            rules.join(", ")
        };
        let manifest = format!(
            "{{apiVersion: policy.networking.k8s.io/{version}, kind: {kind}, metadata: {{name: {name}}}, spec: {{{head}subject: {}, ingress: [{}], egress: [{}]}}}}",
            self.subject,
            rules(&self.ingress, "from"),
            rules(&self.egress, "to")
        );
        cluster.cluster_policy(&format!("{kind} {name}"), &manifest)
    }
}

impl Rule {
    fn text(&self, version: &str, peers: &str) -> String {
        let is_first_version = version == "v1alpha1";
        let action = match self.action {
            Action::Accept if is_first_version => "Allow",
            Action::Accept => "Accept",
            Action::Deny => "Deny",
            Action::Pass => "Pass",
        };
        let mut text = format!("{{action: {action}, {peers}: {}", self.peers);
        if !self.ports.is_empty() {
            let list = if is_first_version {
                "ports"
            } else {
                "protocols"
            };
            let ports: Vec<_> = self
                .ports
                .iter()
                .map(|ports| ports.text(is_first_version))
                .collect();
            text.push_str(&format!(", {list}: [{}]", ports.join(", ")));
        }
        text.push('}');
        text
    }
}

impl Ports {
    fn text(self, is_first_version: bool) -> String {
        match (self, is_first_version) {
            (Self::Number(protocol, port), true) => {
                format!("{{portNumber: {{protocol: {protocol}, port: {port}}}}}")
            }
            (Self::Range(protocol, start, end), true) => {
                format!("{{portRange: {{protocol: {protocol}, start: {start}, end: {end}}}}}")
            }
            (Self::Name(name), true) => format!("{{namedPort: {name}}}"),
            (Self::Number(protocol, port), false) => {
                let field = field(protocol);
                format!("{{{field}: {{destinationPort: {{number: {port}}}}}}}")
            }
            (Self::Range(protocol, start, end), false) => {
                let field = field(protocol);
                format!(
                    "{{{field}: {{destinationPort: {{range: {{start: {start}, end: {end}}}}}}}}}"
                )
            }
            (Self::Name(name), false) => format!("{{destinationNamedPort: {name}}}"),
        }
    }
}

fn field(protocol: Protocol) -> &'static str {
    match protocol {
        Tcp => "tcp",
        Udp => "udp",
        Sctp => "sctp",
        other => unreachable!("{other} has no ports"),
    }
}

/// What holds between a subject and its peers, whichever of them connects.
pub(super) trait Towards {
    /// Ingress: the peer does not reach the subject; egress: the other way round.
    fn denied_by(self, direction: Direction, subject: &str, peer: &str) -> Self;

    /// As [`Self::denied_by`], for what is allowed after all.
    fn allowed_by(self, direction: Direction, subject: &str, peer: &str) -> Self;
}

impl Towards for Reachability {
    fn denied_by(self, direction: Direction, subject: &str, peer: &str) -> Self {
        match direction {
            Direction::Ingress => self.denied(peer, subject),
            Direction::Egress => self.denied(subject, peer),
        }
    }

    fn allowed_by(self, direction: Direction, subject: &str, peer: &str) -> Self {
        match direction {
            Direction::Ingress => self.allowed(peer, subject),
            Direction::Egress => self.allowed(subject, peer),
        }
    }
}
