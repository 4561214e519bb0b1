//! Policies as they stood over time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;
use netpol_policy::history::edge::PolicyName;
use netpol_policy::history::policy::RememberedPolicy;
use netpol_policy::history::{PolicyRevision, fingerprint};
use netpol_policy::model::{NetworkPolicy, TieredPolicy};
use netpol_policy::verdict::PolicyRef;

use super::changes::RevisionKey;
use super::table::Table;
use crate::inventory::Snapshot;

/// Forms of policies that are in force no more and are remembered all the same, at some kilobytes each.
const MOST_CLOSED: usize = 4096;
/// Forms of one policy that a verdict may still name.
const MOST_FORMS: usize = 8;

/// What policies say, and said.
#[derive(Default)]
pub(super) struct Policies {
    revisions: Table<RevisionKey, PolicyRevision>,
    in_force: HashMap<PolicyName, InForce, RandomState>,
    forms: HashMap<PolicyName, Vec<Form>, RandomState>,
    /// Of the inventory that was looked at last.
    generation: u64,
}

struct InForce {
    key: RevisionKey,
    /// `None`: it was in force when the store was last written.
    policy: Option<Held>,
    /// Of the inventory that it was last seen in.
    seen: u64,
}

/// A policy as an inventory holds it: an equal one that is another allocation is another version.
#[derive(Clone)]
enum Held {
    Network(Arc<NetworkPolicy>),
    Tiered(Arc<TieredPolicy>),
}

/// What an object of this version says.
struct Form {
    reference: PolicyRef,
    fingerprint: u64,
    /// Of the inventory that it was first seen in.
    since: u64,
}

impl Held {
    fn reference(&self) -> &PolicyRef {
        match self {
            Self::Network(policy) => &policy.reference,
            Self::Tiered(policy) => &policy.reference,
        }
    }

    fn remembered(&self) -> RememberedPolicy {
        match self {
            Self::Network(policy) => RememberedPolicy::Network((**policy).clone()),
            Self::Tiered(policy) => RememberedPolicy::Tiered((**policy).clone()),
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Network(one), Self::Network(other)) => Arc::ptr_eq(one, other),
            (Self::Tiered(one), Self::Tiered(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Policies {
    /// Generation of the inventory that was looked at last.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes in which policies an inventory holds.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, now: SystemTime) {
        if snapshot.generation() == self.generation {
            return;
        }
        self.generation = snapshot.generation();
        let inventory = snapshot.inventory();
        let network = inventory.all_policies().cloned().map(Held::Network);
        let tiered = inventory.tiered_policies().cloned().map(Held::Tiered);
        for policy in network.chain(tiered) {
            self.see(policy, now);
        }
        let generation = self.generation;
        let gone = self.in_force.iter();
        let gone: Vec<PolicyName> = gone
            .filter(|(_, one)| one.seen != generation)
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            if let Some(one) = self.in_force.remove(&name) {
                self.close(&one.key, now);
            }
        }
        self.drop_oldest();
    }

    /// What a version of a policy says, as a verdict names it that was computed against the inventory of a generation.
    /// `None` for one that came and went between two looks.
    pub(super) fn fingerprint(&self, reference: &PolicyRef, generation: u64) -> Option<u64> {
        let forms = self.forms.get(&PolicyName::of(reference))?;
        let mut same = forms.iter().filter(|form| form.reference == *reference);
        let mut found = same.next()?;
        // Manifests without a generation look alike whatever they say.
        found = same
            .take_while(|form| form.since <= generation)
            .last()
            .unwrap_or(found);
        Some(found.fingerprint)
    }

    /// Takes in what the store holds.
    pub(super) fn load(&mut self, revision: PolicyRevision) {
        let key = RevisionKey {
            policy: revision.policy.name(),
            fingerprint: fingerprint(&revision.policy),
            since: revision.since,
        };
        let is_in_force = revision.until.is_none();
        self.revisions.load(key.clone(), revision);
        if !is_in_force {
            return;
        }
        match self.in_force.get_mut(&key.policy) {
            None => {
                let policy = key.policy.clone();
                let loaded = InForce {
                    key,
                    policy: None,
                    seen: 0,
                };
                self.in_force.insert(policy, loaded);
            }
            // Seen before the store could be opened.
            Some(known) if known.key.fingerprint == key.fingerprint => {
                self.revisions.remove(&known.key);
                known.key = key;
            }
            Some(known) => {
                let now = known.key.since;
                self.close(&key, now);
            }
        }
    }

    /// Nothing changed after a time: the clock was ahead when that was noted.
    pub(super) fn not_after(&mut self, now: SystemTime) {
        let later = self
            .revisions
            .extract(|key, one| key.since > now || one.until > Some(now));
        for (mut key, mut revision) in later {
            key.since = key.since.min(now);
            revision.since = key.since;
            revision.until = revision.until.min(Some(now));
            self.revisions.insert(key, revision);
        }
        for one in self.in_force.values_mut() {
            one.key.since = one.key.since.min(now);
        }
    }

    /// Forgets forms that were in force no more at a time.
    pub(super) fn forget_before(&mut self, horizon: SystemTime) {
        let is_over = |until: Option<SystemTime>| until.is_some_and(|until| until < horizon);
        self.revisions
            .extract(|_, revision| is_over(revision.until));
    }

    /// All of them, in order of name and time: last the one that is in force.
    pub(super) fn all(&self) -> Vec<PolicyRevision> {
        let revisions = self.revisions.iter().map(|(_, revision)| revision.clone());
        let mut revisions: Vec<PolicyRevision> = revisions.collect();
        revisions.sort_by_cached_key(|revision| {
            let until = revision.until;
            (
                revision.policy.name(),
                revision.since,
                until.is_none(),
                until,
            )
        });
        revisions
    }

    /// What is to be written.
    pub(super) fn take_changes(&mut self) -> Vec<(RevisionKey, Option<PolicyRevision>)> {
        self.revisions.take(PolicyRevision::clone)
    }

    /// The store holds nothing any more.
    pub(super) fn begin_anew(&mut self) {
        self.revisions.begin_anew();
    }

    /// Takes in whether that has been written.
    pub(super) fn settle(&mut self, is_written: bool) {
        self.revisions.settle(is_written);
    }

    fn see(&mut self, policy: Held, now: SystemTime) {
        let seen = self.generation;
        let name = PolicyName::of(policy.reference());
        let is_held = |known: &InForce| known.policy.as_ref().is_some_and(|held| held.is(&policy));
        if let Some(known) = self.in_force.get_mut(&name)
            && is_held(known)
        {
            known.seen = seen;
            return;
        }
        let remembered = policy.remembered();
        let fingerprint = fingerprint(&remembered);
        self.note_form(&name, policy.reference(), fingerprint);
        let before = self.in_force.remove(&name).map(|known| known.key);
        let key = match before {
            Some(key) if key.fingerprint == fingerprint => {
                self.refresh(&key, remembered);
                key
            }
            before => {
                if let Some(before) = before {
                    self.close(&before, now);
                }
                self.begin(&name, remembered, fingerprint, now)
            }
        };
        let policy = Some(policy);
        self.in_force.insert(name, InForce { key, policy, seen });
    }

    fn begin(
        &mut self,
        name: &PolicyName,
        policy: RememberedPolicy,
        fingerprint: u64,
        now: SystemTime,
    ) -> RevisionKey {
        let key = RevisionKey {
            policy: name.clone(),
            fingerprint,
            since: now,
        };
        let revision = PolicyRevision {
            policy,
            since: now,
            until: None,
        };
        self.revisions.insert(key.clone(), revision);
        key
    }

    /// Another version that says the same.
    fn refresh(&mut self, key: &RevisionKey, policy: RememberedPolicy) {
        let known = self.revisions.get(key);
        if known.is_some_and(|known| known.policy != policy)
            && let Some(known) = self.revisions.get_mut(key)
        {
            known.policy = policy;
        }
    }

    fn close(&mut self, key: &RevisionKey, now: SystemTime) {
        if let Some(revision) = self.revisions.get_mut(key) {
            revision.until = Some(now.max(revision.since));
        }
    }

    fn note_form(&mut self, name: &PolicyName, reference: &PolicyRef, fingerprint: u64) {
        let forms = self.forms.entry(name.clone()).or_default();
        if forms.len() == MOST_FORMS {
            forms.remove(0);
        }
        forms.push(Form {
            reference: reference.clone(),
            fingerprint,
            since: self.generation,
        });
    }

    /// Keeps what is over within bounds.
    fn drop_oldest(&mut self) {
        if self.revisions.len() > self.in_force.len() + MOST_CLOSED {
            let ends = self.revisions.iter().filter_map(|(_, one)| one.until);
            let mut ends: Vec<SystemTime> = ends.collect();
            ends.sort_unstable();
            if let Some(horizon) = ends.get(ends.len() / 10) {
                self.forget_before(*horizon);
            }
        }
        if self.forms.len() > self.in_force.len() + MOST_CLOSED {
            let in_force = &self.in_force;
            self.forms.retain(|name, _| in_force.contains_key(name));
        }
    }
}

#[cfg(test)]
mod tests;
