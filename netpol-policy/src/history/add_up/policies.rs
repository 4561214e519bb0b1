//! Forms of policies, as several nodes saw them come and go.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::read_at;
use super::readings::Readings;
use crate::history::edge::PolicyName;
use crate::history::{History, PolicyRevision, fingerprint};

/// All forms of all policies, each time that a policy was in one of them told once; in order of names and times.
///
/// Nodes see a change at different moments, and start at different times: of a form, times that overlap are one. A policy is
/// in force in at most one form, the one that was seen last. What an earlier history says to be in force was so when that was
/// read: it is in force now only where one says so that knows the present.
pub(super) fn merge(histories: &[History], readings: &Readings) -> Vec<PolicyRevision> {
    let mut by_name: BTreeMap<PolicyName, Vec<Seen>> = BTreeMap::new();
    for (index, history) in histories.iter().enumerate() {
        let read_at = read_at(history);
        let is_current = readings.is_current(index);
        for revision in &history.policies {
            let mut seen = Seen::of(revision, read_at, readings.now());
            if !is_current {
                let since = revision.since;
                seen.revision.until.get_or_insert(seen.end.max(since));
            }
            let name = revision.policy.name();
            by_name.entry(name).or_default().push(seen);
        }
    }
    let merged = by_name.into_values().flat_map(in_order);
    merged.map(|seen| seen.revision).collect()
}

/// A form, from when until when it was seen.
struct Seen {
    revision: PolicyRevision,
    fingerprint: u64,
    end: SystemTime,
}

impl Seen {
    fn of(revision: &PolicyRevision, read_at: Option<SystemTime>, now: Option<SystemTime>) -> Self {
        let since = revision.since;
        let end = revision.until.or(read_at).unwrap_or(since).max(since);
        Self {
            revision: revision.clone(),
            fingerprint: fingerprint(&revision.policy),
            // What is later was told by a clock that has been set back.
            end: now.map_or(end, |now| end.min(now)),
        }
    }

    fn is_open(&self) -> bool {
        self.revision.until.is_none()
    }

    /// By what is the same in whichever order histories are given.
    fn order(&self) -> (u64, SystemTime, SystemTime, bool, i64, &str) {
        let reference = self.revision.policy.reference();
        (
            self.fingerprint,
            self.revision.since,
            self.end,
            self.is_open(),
            reference.generation,
            &reference.uid,
        )
    }
}

/// The forms of one policy.
fn in_order(mut seen: Vec<Seen>) -> Vec<Seen> {
    seen.sort_by(|one, other| one.order().cmp(&other.order()));
    let mut forms: Vec<Seen> = Vec::new();
    for next in seen {
        match forms.last_mut() {
            Some(form)
                if form.fingerprint == next.fingerprint && next.revision.since <= form.end =>
            {
                join(form, next);
            }
            _ => forms.push(next),
        }
    }
    let last = forms.iter().map(|form| form.end).max();
    // In force is what was seen last; of two forms that were, the one that came later.
    let standing = forms
        .iter()
        .enumerate()
        .filter(|(_, form)| form.is_open() && Some(form.end) == last)
        .max_by_key(|(_, form)| (form.revision.since, form.fingerprint))
        .map(|(index, _)| index);
    for (index, form) in forms.iter_mut().enumerate() {
        if form.is_open() && standing != Some(index) {
            form.revision.until = Some(form.end);
        }
    }
    forms.sort_by_key(|form| (form.revision.since, form.fingerprint));
    forms
}

/// Two times of one form that overlap. The object is that of the one that was seen later.
fn join(form: &mut Seen, next: Seen) {
    let is_later = (next.end, next.is_open()) >= (form.end, form.is_open());
    if is_later {
        let since = form.revision.since;
        *form = next;
        form.revision.since = since;
    }
}
