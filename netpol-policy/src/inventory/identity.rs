//! What policies can tell about a pod, and which of them select it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::{Labels, NamedPort, NetworkPolicy, Peer, TieredPeer, TieredPolicy};
use crate::verdict::{Direction, Tier};

/// Everything of a pod that a rule's peers and ports can be about, its addresses apart. Pods that agree in it are one to
/// every policy.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) namespace: Arc<str>,
    pub(crate) namespace_labels: Labels,
    pub(crate) labels: Labels,
    pub(crate) ports: Arc<[NamedPort]>,
}

/// An identity with the policies that select it.
#[derive(Debug)]
pub(crate) struct Subject {
    /// Never used for another subject, nor for this identity with other policies.
    pub(crate) id: u64,
    pub(crate) identity: Arc<Identity>,
    isolating_ingress: Vec<Arc<NetworkPolicy>>,
    isolating_egress: Vec<Arc<NetworkPolicy>>,
    /// In order of priority.
    pub(crate) admin: Vec<Arc<TieredPolicy>>,
    /// In order of priority; those without one last.
    pub(crate) baseline: Vec<Arc<TieredPolicy>>,
    ingress: Asks,
    egress: Asks,
}

/// What the policies of a subject look at in one direction.
#[derive(Clone, Copy, Debug, Default)]
struct Asks {
    anything: bool,
    addresses: bool,
    names: bool,
}

/// A number that nothing has had before, in any inventory.
pub(super) fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Identity {
    pub(super) fn new(
        namespace: Arc<str>,
        namespace_labels: Labels,
        labels: Labels,
        ports: Arc<[NamedPort]>,
    ) -> Self {
        Self {
            namespace,
            namespace_labels,
            labels,
            ports,
        }
    }
}

impl Subject {
    /// `policies` are those of its namespace, `tiered` all of both tiers in order.
    pub(super) fn new(
        identity: Arc<Identity>,
        policies: &[Arc<NetworkPolicy>],
        tiered: &[Arc<TieredPolicy>],
    ) -> Self {
        let isolating = |direction| {
            policies
                .iter()
                .filter(|policy| policy.rules(direction).is_some())
                .filter(|policy| policy.subjects.matches(&identity.labels))
                .cloned()
                .collect()
        };
        let of_tier = |tier| {
            tiered
                .iter()
                .filter(|policy| policy.tier == tier && selects(policy, &identity))
                .cloned()
                .collect()
        };
        let mut subject = Self {
            id: next_number(),
            isolating_ingress: isolating(Direction::Ingress),
            isolating_egress: isolating(Direction::Egress),
            admin: of_tier(Tier::Admin),
            baseline: of_tier(Tier::Baseline),
            ingress: Asks::default(),
            egress: Asks::default(),
            identity,
        };
        subject.ingress = subject.asked(Direction::Ingress);
        subject.egress = subject.asked(Direction::Egress);
        subject
    }

    fn asked(&self, direction: Direction) -> Asks {
        let isolating = self.isolating(direction);
        let mut blocks = isolating
            .iter()
            .flat_map(|policy| policy.rules(direction).unwrap_or_default())
            .flat_map(|rule| &rule.peers)
            .filter(|peer| matches!(peer, Peer::IpBlock(_)));
        let mut asks = Asks {
            anything: !isolating.is_empty(),
            addresses: blocks.next().is_some(),
            names: false,
        };
        let tiered = self.admin.iter().chain(&self.baseline);
        for peer in tiered
            .flat_map(|policy| policy.rules(direction))
            .flat_map(|rule| &rule.peers)
        {
            asks.anything = true;
            asks.addresses |= matches!(peer, TieredPeer::Networks(_));
            asks.names |= matches!(peer, TieredPeer::DomainNames(_));
        }
        asks
    }

    fn asks(&self, direction: Direction) -> Asks {
        match direction {
            Direction::Ingress => self.ingress,
            Direction::Egress => self.egress,
        }
    }

    /// The NetworkPolicies that isolate it in a direction, by name (rule 2).
    pub(crate) fn isolating(&self, direction: Direction) -> &[Arc<NetworkPolicy>] {
        match direction {
            Direction::Ingress => &self.isolating_ingress,
            Direction::Egress => &self.isolating_egress,
        }
    }

    /// Whether no policy says anything about a direction.
    pub(crate) fn is_free(&self, direction: Direction) -> bool {
        !self.asks(direction).anything
    }

    /// Whether the answer may depend on the address of the other end.
    pub(crate) fn compares_addresses(&self, direction: Direction) -> bool {
        self.asks(direction).addresses
    }

    /// Whether the answer may depend on the domain names of the other end.
    pub(crate) fn compares_names(&self, direction: Direction) -> bool {
        self.asks(direction).names
    }
}

/// Whether a tiered policy selects a pod.
pub(super) fn selects(policy: &TieredPolicy, identity: &Identity) -> bool {
    policy
        .subjects
        .namespaces
        .matches(&identity.namespace_labels)
        && policy.subjects.pods.matches(&identity.labels)
}
