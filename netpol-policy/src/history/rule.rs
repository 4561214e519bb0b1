//! Which parts of policies allowed connections, and how often nothing else would have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::History;
use super::edge::PolicyName;
use crate::verdict::Direction;

/// What one part of a policy did, on one node. Counted on the node of the pod that the policy selects alone, so that sums
/// over nodes count nothing twice.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleUse {
    /// Which part.
    pub key: RuleKey,
    /// How often.
    pub totals: UseTotals,
}

/// A part of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RuleKey {
    /// The node that counted.
    pub node: Arc<str>,
    /// The policy.
    pub policy: PolicyName,
    /// What the policy said: [`super::fingerprint`]. A policy that changed counts anew.
    pub fingerprint: u64,
    /// Which of its lists.
    pub direction: Direction,
    /// Rule, peer and port.
    pub part: Part,
}

/// What of a policy was decisive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// An entry that matched. Indices as in [`crate::verdict::RuleRef`]. Of a tiered policy's rule whatever its action.
    Entry {
        /// Index in `spec.ingress` or `spec.egress`.
        rule: u32,
        /// Index in `from` or `to`; `None` where the rule lists no peers.
        peer: Option<u32>,
        /// Index in `ports`; `None` where the rule lists no ports.
        port: Option<u32>,
    },
    /// It isolates the pod, and none of its rules allows the connection.
    Isolation,
}

/// How often and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UseTotals {
    /// Connections whose opening was seen that it matched.
    pub hits: u64,
    /// Those of them that it alone allowed (or, where it denies, denied) in its direction.
    pub sole: u64,
    /// Connections that it matched and that were already open when the agent started.
    pub resumed: u64,
    /// Of all of these, those that got through.
    pub forwarded: u64,
    /// Network-layer bytes of both directions.
    pub bytes: u64,
    /// First packet of the first.
    pub first_seen: SystemTime,
    /// Latest packet.
    pub last_seen: SystemTime,
}

impl UseTotals {
    /// Adds what was counted elsewhere, or at another time.
    pub fn add(&mut self, other: &Self) {
        self.hits = self.hits.saturating_add(other.hits);
        self.sole = self.sole.saturating_add(other.sole);
        self.resumed = self.resumed.saturating_add(other.resumed);
        self.forwarded = self.forwarded.saturating_add(other.forwarded);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
    }
}

/// A part of a policy, whoever counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId {
    /// The policy.
    pub policy: PolicyName,
    /// What the policy said: [`super::fingerprint`].
    pub fingerprint: u64,
    /// Which of its lists.
    pub direction: Direction,
    /// Rule, peer and port.
    pub part: Part,
}

/// What one part of a policy did, on all nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTotals {
    /// How often and when.
    pub totals: UseTotals,
    /// Who counted, in order of name.
    pub nodes: Vec<Arc<str>>,
}

/// All uses of a history, added up over nodes. What never matched is not there.
#[must_use]
pub fn rule_totals(history: &History) -> BTreeMap<RuleId, RuleTotals> {
    let mut sums: BTreeMap<RuleId, RuleTotals> = BTreeMap::new();
    for RuleUse { key, totals } in &history.uses {
        let id = RuleId {
            policy: key.policy.clone(),
            fingerprint: key.fingerprint,
            direction: key.direction,
            part: key.part,
        };
        match sums.get_mut(&id) {
            Some(sum) => {
                sum.totals.add(totals);
                if let Err(place) = sum.nodes.binary_search(&key.node) {
                    sum.nodes.insert(place, key.node.clone());
                }
            }
            None => {
                let nodes = vec![key.node.clone()];
                let totals = totals.clone();
                sums.insert(id, RuleTotals { totals, nodes });
            }
        }
    }
    sums
}
