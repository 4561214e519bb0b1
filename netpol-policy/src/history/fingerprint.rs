//! A number for what a policy says, the same wherever and whenever it is computed.

use super::policy::RememberedPolicy;
use crate::model::{
    Action, NamespacedPods, NetworkPolicy, Operator, Peer, PortMatch, PortRule, Protocol, Rule,
    Selector, TieredPeer, TieredPolicy, TieredRule,
};
use crate::verdict::Tier;

/// What a policy says, as a number: not its name, namespace, uid or generation, and not the names of rules, which are for
/// people. Two forms of one policy with one number decide alike, rule by rule and entry by entry.
///
/// It is kept in files, so it never changes: FNV-1a with 64 bits (the offset and the prime of its authors) over a form of
/// the policy in which each text and each list begins with its length and each choice with a number of its own. It tells
/// the forms of one policy apart; it is no protection against somebody who looks for two policies with one number.
#[must_use]
pub fn fingerprint(policy: &RememberedPolicy) -> u64 {
    let mut digest = Digest(0xcbf2_9ce4_8422_2325);
    match policy {
        RememberedPolicy::Network(policy) => {
            digest.choice(0);
            digest.network_policy(policy);
        }
        RememberedPolicy::Tiered(policy) => {
            digest.choice(1);
            digest.tiered_policy(policy);
        }
    }
    digest.0
}

/// FNV-1a.
struct Digest(u64);

impl Digest {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Which variant follows.
    fn choice(&mut self, number: u8) {
        self.bytes(&[number]);
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.list(text.as_bytes(), |digest, byte| digest.choice(*byte));
    }

    fn list<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Self, &T)) {
        // A usize has no more than 64 bits wherever this is built.
        self.number(items.len() as u64);
        for one in items {
            item(self, one);
        }
    }

    fn optional<T: ?Sized>(&mut self, value: Option<&T>, item: impl FnOnce(&mut Self, &T)) {
        match value {
            None => self.choice(0),
            Some(value) => {
                self.choice(1);
                item(self, value);
            }
        }
    }

    fn network_policy(&mut self, policy: &NetworkPolicy) {
        self.selector(&policy.subjects);
        for rules in [&policy.ingress, &policy.egress] {
            self.optional(rules.as_deref(), |digest, rules| {
                digest.list(rules, Self::rule);
            });
        }
    }

    fn rule(&mut self, rule: &Rule) {
        self.list(&rule.peers, Self::peer);
        self.list(&rule.ports, Self::port);
    }

    fn peer(&mut self, peer: &Peer) {
        match peer {
            Peer::Pods { namespaces, pods } => {
                self.choice(0);
                self.optional(namespaces.as_ref(), Self::selector);
                self.selector(pods);
            }
            Peer::IpBlock(block) => {
                self.choice(1);
                self.text(&block.cidr.to_string());
                self.list(&block.except, |digest, one| digest.text(&one.to_string()));
            }
        }
    }

    fn port(&mut self, port: &PortRule) {
        self.optional(port.protocol.as_ref(), |digest, protocol| {
            digest.choice(match protocol {
                Protocol::Tcp => 6,
                Protocol::Udp => 17,
                Protocol::Sctp => 132,
                Protocol::Other(number) => *number,
            });
        });
        match &port.port {
            PortMatch::Any => self.choice(0),
            PortMatch::Range(first, last) => {
                self.choice(1);
                self.number((*first).into());
                self.number((*last).into());
            }
            PortMatch::Name(name) => {
                self.choice(2);
                self.text(name);
            }
        }
    }

    fn selector(&mut self, selector: &Selector) {
        self.list(&selector.requirements, |digest, requirement| {
            digest.text(&requirement.key);
            match &requirement.operator {
                Operator::In(values) => {
                    digest.choice(0);
                    digest.list(values, |digest, value| digest.text(value));
                }
                Operator::NotIn(values) => {
                    digest.choice(1);
                    digest.list(values, |digest, value| digest.text(value));
                }
                Operator::Exists => digest.choice(2),
                Operator::DoesNotExist => digest.choice(3),
            }
        });
    }

    fn tiered_policy(&mut self, policy: &TieredPolicy) {
        self.choice(match policy.tier {
            Tier::Admin => 0,
            Tier::NetworkPolicy => 1,
            Tier::Baseline => 2,
        });
        self.optional(policy.priority.as_ref(), |digest, priority| {
            digest.number((*priority).into());
        });
        self.namespaced_pods(&policy.subjects);
        self.list(&policy.ingress, Self::tiered_rule);
        self.list(&policy.egress, Self::tiered_rule);
    }

    fn namespaced_pods(&mut self, pods: &NamespacedPods) {
        self.selector(&pods.namespaces);
        self.selector(&pods.pods);
    }

    fn tiered_rule(&mut self, rule: &TieredRule) {
        self.choice(match rule.action {
            Action::Accept => 0,
            Action::Deny => 1,
            Action::Pass => 2,
        });
        self.list(&rule.peers, Self::tiered_peer);
        self.list(&rule.ports, Self::port);
    }

    fn tiered_peer(&mut self, peer: &TieredPeer) {
        match peer {
            TieredPeer::Pods(pods) => {
                self.choice(0);
                self.namespaced_pods(pods);
            }
            TieredPeer::Nodes(selector) => {
                self.choice(1);
                self.selector(selector);
            }
            TieredPeer::Networks(networks) => {
                self.choice(2);
                self.list(networks, |digest, one| digest.text(&one.to_string()));
            }
            TieredPeer::DomainNames(names) => {
                self.choice(3);
                self.list(names, |digest, one| digest.text(&one.to_string()));
            }
            TieredPeer::Unsupported(fields) => {
                self.choice(4);
                self.list(fields, |digest, field| digest.text(field));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest;
    use crate::model::Object;

    fn policy(text: &str) -> RememberedPolicy {
        let mut read = manifest::parse(text);
        assert!(read.errors.is_empty(), "{:?}", read.errors);
        match read.objects.pop() {
            Some(Object::NetworkPolicy(policy)) => RememberedPolicy::Network(policy),
            Some(Object::TieredPolicy(policy)) => RememberedPolicy::Tiered(policy),
            other => panic!("{other:?}"),
        }
    }

    const DENY_ALL: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: prod}
spec: {podSelector: {}, policyTypes: [Ingress]}
";

    const WEB: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: prod, uid: abc, generation: 3}
spec:
  podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: Exists}]}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {team: a}}
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
    ports: [{port: 80, endPort: 90}, {port: http, protocol: UDP}]
";

    const GUARD: &str = "
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard}
spec:
  tier: Admin
  priority: 7
  subject: {namespaces: {}}
  egress:
  - {name: dns, action: Accept, to: [{domainNames: ['*.example.com']}]}
  - {name: rest, action: Deny, to: [{networks: [0.0.0.0/0]}]}
";

    /// Files hold these numbers: a change of one is a change of the format.
    #[test]
    fn the_numbers_stand() {
        let numbers = [DENY_ALL, WEB, GUARD].map(|text| fingerprint(&policy(text)));
        let expected = [
            6_772_860_866_150_212_398,
            7_862_191_506_037_988_102,
            291_329_687_381_612_550,
        ];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn names_and_generations_say_nothing() {
        for (text, from, to) in [
            (WEB, "name: web", "name: other"),
            (WEB, "namespace: prod", "namespace: stage"),
            (WEB, "generation: 3", "generation: 4"),
            (WEB, "uid: abc", "uid: def"),
            (GUARD, "name: dns", "name: names"),
        ] {
            let other = policy(&text.replace(from, to));
            assert_eq!(fingerprint(&policy(text)), fingerprint(&other), "{to}");
        }
    }

    #[test]
    fn all_that_decides_counts() {
        for (text, from, to) in [
            (DENY_ALL, "[Ingress]", "[Egress]"),
            (DENY_ALL, "[Ingress]", "[Ingress, Egress]"),
            (DENY_ALL, "[Ingress]}", "[Ingress], ingress: [{}]}"),
            (
                DENY_ALL,
                "podSelector: {}",
                "podSelector: {matchLabels: {a: b}}",
            ),
            (WEB, "{app: web}", "{app: w, eb: ''}"),
            (WEB, "operator: Exists", "operator: DoesNotExist"),
            (WEB, "namespaceSelector", "podSelector"),
            (WEB, "10.1.0.0/16", "10.2.0.0/16"),
            (WEB, "endPort: 90", "endPort: 91"),
            (WEB, "port: http", "port: https"),
            (WEB, "protocol: UDP", "protocol: TCP"),
            (GUARD, "priority: 7", "priority: 8"),
            (GUARD, "tier: Admin", "tier: Baseline"),
            (GUARD, "action: Deny", "action: Pass"),
            (GUARD, "*.example.com", "example.com"),
            (
                GUARD,
                "{namespaces: {}}",
                "{namespaces: {matchLabels: {a: b}}}",
            ),
        ] {
            assert!(text.contains(from), "{from}");
            let other = policy(&text.replace(from, to));
            assert_ne!(fingerprint(&policy(text)), fingerprint(&other), "{to}");
        }
    }
}
