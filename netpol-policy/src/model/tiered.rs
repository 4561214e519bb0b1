//! Policies in tiers around NetworkPolicy: AdminNetworkPolicy and BaselineAdminNetworkPolicy (`v1alpha1`), and
//! ClusterNetworkPolicy (`v1alpha2`), which replaces both.

use std::fmt;

use super::{Cidr, PortRule, Selector};
use crate::verdict::{Direction, PolicyRef, Tier};

/// A cluster-scoped policy of the Admin or the Baseline tier, valid and compiled.
#[derive(Clone, Debug, PartialEq)]
pub struct TieredPolicy {
    /// Which object it is.
    pub reference: PolicyRef,
    /// [`Tier::Admin`] or [`Tier::Baseline`].
    pub tier: Tier,
    /// 0 to 1000; lower goes first. `None` for a BaselineAdminNetworkPolicy, which has none (rule 38).
    pub priority: Option<u16>,
    /// The pods it selects; never hostNetwork ones (rule 31).
    pub subjects: NamespacedPods,
    /// In order: the first that matches decides (rule 27).
    pub ingress: Vec<TieredRule>,
    /// As [`Self::ingress`].
    pub egress: Vec<TieredRule>,
}

impl TieredPolicy {
    /// The rules of a direction.
    #[must_use]
    pub fn rules(&self, direction: Direction) -> &[TieredRule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }
}

/// Pods by the labels of their namespace and their own; both have to match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespacedPods {
    /// Empty: every namespace.
    pub namespaces: Selector,
    /// Empty: every pod.
    pub pods: Selector,
}

/// One entry of `ingress` or `egress`.
#[derive(Clone, Debug, PartialEq)]
pub struct TieredRule {
    /// For people; may be empty.
    pub name: String,
    /// What happens to traffic that matches.
    pub action: Action,
    /// `from` or `to`: at least one.
    pub peers: Vec<TieredPeer>,
    /// Empty matches all traffic, of any protocol.
    pub ports: Vec<PortRule>,
}

/// What a rule does with traffic that matches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Lets it through in this direction; `Allow` in `v1alpha1` (rule 29).
    Accept,
    /// Stops it.
    Deny,
    /// Leaves it to the next tier.
    Pass,
}

/// One entry of `from` or `to`.
#[derive(Clone, Debug, PartialEq)]
pub enum TieredPeer {
    /// `namespaces` or `pods`.
    Pods(NamespacedPods),
    /// `nodes`: addresses of nodes by label; egress only (rule 32).
    Nodes(Selector),
    /// `networks`: address blocks; pods are not excluded (rule 32).
    Networks(Vec<Cidr>),
    /// `domainNames`: Accept on egress only (rule 35).
    DomainNames(Vec<DomainName>),
    /// No field of it is known, so the rule fails closed (rule 33). Holds the names of its fields, which may be none.
    Unsupported(Vec<String>),
}

/// A domain name, or all names below one (rule 35). Case and a final dot do not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DomainName {
    /// In lower case, without `*.` and without the final dot.
    name: String,
    is_wildcard: bool,
}

impl DomainName {
    /// From its text, such as `kubernetes.io` or `*.kubernetes.io`, which has to be valid.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let (name, is_wildcard) = match text.strip_prefix("*.") {
            Some(name) => (name, true),
            None => (text, false),
        };
        Self {
            name: normal(name),
            is_wildcard,
        }
    }

    /// Whether a name is this one, or below it by one or more labels where it begins with `*.`; never the apex then.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let name = normal(name);
        if !self.is_wildcard {
            return name == self.name;
        }
        name.strip_suffix(&self.name)
            .and_then(|below| below.strip_suffix('.'))
            .is_some_and(|below| !below.is_empty())
    }
}

fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl fmt::Display for DomainName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wildcard = if self.is_wildcard { "*." } else { "" };
        write!(out, "{wildcard}{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_35_a_wildcard_is_one_or_more_labels_and_never_the_apex() {
        let (exact, below) = (DomainName::new("k8s.io"), DomainName::new("*.K8s.io."));
        for (name, is_exact, is_below) in [
            ("k8s.io", true, false),
            ("K8S.io.", true, false),
            ("www.k8s.io", false, true),
            ("a.b.k8s.io.", false, true),
            ("my-k8s.io", false, false),
            (".k8s.io", false, false),
            ("io", false, false),
        ] {
            assert_eq!(exact.matches(name), is_exact, "{name}");
            assert_eq!(below.matches(name), is_below, "{name}");
        }
        assert_eq!(below.to_string(), "*.k8s.io");
    }
}
