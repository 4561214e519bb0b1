//! Which traffic policies that changed can concern. Most of it they cannot, and nothing needs to be asked about it.

use std::collections::HashMap;

use super::ends::{Finder, Known};
use super::known_pods::may_select;
use super::now::Present;
use super::vocabulary::Vocabulary;
use crate::history::{Party, PolicyName, RememberedPolicy, Traffic, fingerprint};
use crate::verdict::Direction;

/// The policies that are in one of two sets alone, or say different things in each.
pub(super) struct Touched {
    policies: Vec<RememberedPolicy>,
    vocabulary: Vocabulary,
    finder: Finder,
    /// By the number of the known pods: whether one may concern their ingress, and their egress.
    pods: HashMap<usize, [bool; 2], foldhash::fast::RandomState>,
}

impl Touched {
    pub(super) fn of(
        before: &[RememberedPolicy],
        after: &[RememberedPolicy],
        present: Option<Present>,
    ) -> Self {
        let prints = |policies: &[RememberedPolicy]| {
            let prints = policies.iter().map(|one| (one.name(), fingerprint(one)));
            prints.collect::<HashMap<PolicyName, u64>>()
        };
        let (old, new) = (prints(before), prints(after));
        let differs = |policy: &&RememberedPolicy| {
            let name = policy.name();
            old.get(&name) != new.get(&name)
        };
        let policies = before.iter().chain(after).filter(differs);
        let policies: Vec<RememberedPolicy> = policies.cloned().collect();
        Self {
            vocabulary: Vocabulary::of(&policies),
            finder: Finder::new(Vocabulary::default(), present),
            policies,
            pods: HashMap::default(),
        }
    }

    /// Whether any of them may concern this traffic. Where not, both sets say the same of it.
    pub(super) fn has(&mut self, traffic: &Traffic) -> bool {
        !self.policies.is_empty()
            && (self.concerns(&traffic.source, Direction::Egress)
                || self.concerns(&traffic.destination, Direction::Ingress)
                || is_labelled_anew(traffic))
    }

    fn concerns(&mut self, party: &Party, direction: Direction) -> bool {
        if let Some(known) = self.finder.known(party) {
            let (policies, vocabulary) = (&self.policies, &self.vocabulary);
            let concerned = self.pods.entry(known.id).or_insert_with(|| {
                [Direction::Ingress, Direction::Egress]
                    .map(|direction| concern_pods(policies, vocabulary, &known, direction))
            });
            return concerned[usize::from(direction == Direction::Egress)];
        }
        let mut speaking = self.policies.iter().filter(|one| speaks(one, direction));
        match party {
            Party::Node { .. } | Party::Outside(_) => false,
            Party::Service { namespace, .. } => speaking.any(|policy| is_about(policy, namespace)),
            Party::Pods(_) | Party::Unknown(_) | Party::Many => speaking.next().is_some(),
        }
    }
}

/// Whether the two ends were seen with different labels of one namespace. What selects the one may then select the other.
fn is_labelled_anew(traffic: &Traffic) -> bool {
    match (&traffic.source, &traffic.destination) {
        (Party::Pods(source), Party::Pods(destination)) => {
            source.namespace == destination.namespace
                && source.namespace_labels != destination.namespace_labels
        }
        _ => false,
    }
}

fn concern_pods(
    policies: &[RememberedPolicy],
    vocabulary: &Vocabulary,
    known: &Known,
    direction: Direction,
) -> bool {
    let mut speaking = policies.iter().filter(|one| speaks(one, direction));
    if known.groups.is_empty() {
        // Gone: whoever it was, it was there.
        return speaking.any(|policy| is_about(policy, &known.space.name));
    }
    speaking.any(|policy| {
        let mut groups = known.groups.iter();
        groups.any(|group| may_select(policy, group, vocabulary))
    })
}

/// Whether a policy may say anything of a direction.
fn speaks(policy: &RememberedPolicy, direction: Direction) -> bool {
    match policy {
        RememberedPolicy::Network(policy) => policy.rules(direction).is_some(),
        RememberedPolicy::Tiered(policy) => !policy.rules(direction).is_empty(),
    }
}

/// Whether it may select pods of a namespace.
fn is_about(policy: &RememberedPolicy, namespace: &str) -> bool {
    match policy {
        RememberedPolicy::Network(policy) => *policy.reference.namespace == *namespace,
        RememberedPolicy::Tiered(_) => true,
    }
}
