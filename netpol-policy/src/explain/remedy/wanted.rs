//! What a rule for exactly one connection would say.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::{peers_list, words};
use super::trial::Trial;
use crate::connection::End;
use crate::evaluate::{block_words, port_words};
use crate::inventory::NAMESPACE_NAME_LABEL;
use crate::model::{
    Action, Cidr, IpBlock, NamespacedPods, NetworkPolicy, Operator, Peer, Pod, PortMatch, PortRule,
    Requirement, Rule, Selector, TieredPeer, TieredRule,
};
use crate::verdict::{Direction, PolicyKind, PolicyRef};

/// Labels that name one generation of pods, or one pod: no rule should hold on to them.
const PASSING_LABELS: [&str; 6] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
];

/// The other end and the port of a connection, as a policy can name them.
pub(super) struct Wanted {
    /// The pod whose policies are asked, in words.
    pub(super) own: String,
    /// The other end; `None` where no peer can name it.
    pub(super) peer: Option<Peer>,
    /// The same for a policy in another namespace than that of the other end.
    namespace: Option<Arc<str>>,
    /// `None`: all.
    pub(super) port: Option<PortRule>,
    direction: Direction,
}

impl Wanted {
    pub(super) fn of(trial: &Trial, direction: Direction) -> Self {
        let own_namespace = match trial.own(direction) {
            End::Pod { pod, .. } => Some(&pod.namespace),
            _ => None,
        };
        let mut namespace = None;
        let peer = match trial.other(direction) {
            End::Pod { pod, .. } if !pod.host_network => {
                namespace = Some(pod.namespace.clone());
                let namespaces = (own_namespace != Some(&pod.namespace))
                    .then(|| selector([(NAMESPACE_NAME_LABEL, &*pod.namespace)]));
                let lasting = pod
                    .labels
                    .iter()
                    .filter(|(key, _)| !PASSING_LABELS.contains(key));
                Some(Peer::Pods {
                    namespaces,
                    pods: selector(lasting),
                })
            }
            End::Pod { address, .. } => address.and_then(block),
            End::Node { address, .. } | End::Address(address) => block(*address),
            End::Service { .. } | End::Unknown(_) => None,
        };
        let connection = &trial.connection;
        let is_defined = connection.protocol.is_defined();
        Self {
            own: trial.own(direction).to_string(),
            peer,
            namespace,
            port: is_defined.then(|| PortRule {
                protocol: Some(connection.protocol),
                port: connection
                    .destination_port
                    .map_or(PortMatch::Any, |port| PortMatch::Range(port, port)),
            }),
            direction,
        }
    }

    pub(super) fn peer_words(&self) -> String {
        match (&self.peer, &self.namespace) {
            (Some(Peer::Pods { pods, .. }), Some(namespace)) => words::pods(None, namespace, pods),
            (Some(Peer::IpBlock(block)), _) => block_words(block),
            _ => "nobody".to_owned(),
        }
    }

    pub(super) fn port_words(&self) -> String {
        self.port
            .as_ref()
            .map_or_else(|| "any protocol".to_owned(), port_words)
    }

    /// The whole rule: `from pods app=build of namespace ci, TCP port 5432`.
    pub(super) fn words(&self) -> String {
        let to = peers_list(self.direction);
        format!("{to} {}, {}", self.peer_words(), self.port_words())
    }

    /// None where no peer can name the other end: one without peers would name everyone.
    pub(super) fn rule(&self) -> Option<Rule> {
        Some(Rule {
            peers: vec![self.peer.clone()?],
            ports: self.port.iter().cloned().collect(),
        })
    }

    pub(super) fn policy(&self, pod: &Pod, direction: Direction) -> NetworkPolicy {
        let rules = Some(self.rule().into_iter().collect());
        let (ingress, egress) = match direction {
            Direction::Ingress => (rules, None),
            Direction::Egress => (None, rules),
        };
        NetworkPolicy {
            reference: PolicyRef {
                kind: PolicyKind::NetworkPolicy,
                namespace: pod.namespace.clone(),
                // No name of an object, so none that exists.
                name: "".into(),
                uid: "".into(),
                generation: 0,
            },
            subjects: selector(pod.labels.iter()),
            ingress,
            egress,
        }
    }

    pub(super) fn tiered_peer(&self) -> Option<TieredPeer> {
        match self.peer.as_ref()? {
            Peer::Pods { pods, .. } => {
                let namespace = self.namespace.as_deref()?;
                Some(TieredPeer::Pods(NamespacedPods {
                    namespaces: selector([(NAMESPACE_NAME_LABEL, namespace)]),
                    pods: pods.clone(),
                }))
            }
            Peer::IpBlock(block) => Some(TieredPeer::Networks(vec![block.cidr])),
        }
    }

    pub(super) fn tiered_rule(&self, action: Action, peer: TieredPeer) -> TieredRule {
        TieredRule {
            name: String::new(),
            action,
            peers: vec![peer],
            ports: self.port.iter().cloned().collect(),
        }
    }
}

fn selector<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Selector {
    let requirements = labels.into_iter().map(|(key, value)| Requirement {
        key: key.to_owned(),
        operator: Operator::In(vec![value.to_owned()]),
    });
    Selector {
        requirements: requirements.collect(),
    }
}

/// One address.
fn block(address: IpAddr) -> Option<Peer> {
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let (cidr, _) = Cidr::parse_lenient(&format!("{address}/{bits}")).ok()?;
    Some(Peer::IpBlock(IpBlock {
        cidr,
        except: Vec::new(),
    }))
}
