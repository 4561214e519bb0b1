//! Traffic that bears on a line although it is no use of it: uses are counted by what policies surely say, and only on the
//! node of the pod that the policy selects.
//!
//! ```text
//!  edges ─┬─ allowed by a policy ─► does the line match?         seen at the other end alone, or the count was lost
//!         ├─ undecided ───────────► may it?                      an end, a name or a port was not known, or not kept
//!         └─ denied, and forwarded ► may it, by another reading?  what the specification leaves undefined (rules 18, 21)
//! ```

mod bearing;

use std::collections::HashMap;
use std::time::SystemTime;

pub(super) use self::bearing::{Bearing, Bears, Finder};
use self::bearing::{End, Ends};
use super::limit::Limit;
use super::pods::Pods;
use super::shadow::Shadows;
use crate::history::{Edge, History, Observed, PolicyName};
use crate::replay::Asked;
use crate::verdict::{Decision, Direction};

/// Traffic with its ends looked up.
struct Known<'a> {
    edge: &'a Edge,
    ends: Ends<'a>,
}

/// All such traffic.
pub(super) struct Seen<'a> {
    bearing: Bearing<'a>,
    allowed: HashMap<&'a PolicyName, Vec<Known<'a>>>,
    /// By the pods that policies of a direction select; none where they are not known.
    open: HashMap<(Option<usize>, Direction), Vec<Known<'a>>>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(history: &'a History, pods: &'a Pods<'a>, shadows: &'a Shadows<'a>) -> Self {
        let mut seen = Self {
            bearing: Bearing::new(&history.services, pods, shadows),
            allowed: HashMap::new(),
            open: HashMap::new(),
        };
        let mut finder = Finder::new(pods);
        for edge in &history.edges {
            let key = &edge.key;
            let is_open = match key.computed {
                Decision::Unknown => !key.observed.is_blocked(),
                Decision::Denied => key.observed == Observed::Forwarded,
                Decision::Allowed => false,
            };
            if !is_open && (key.computed != Decision::Allowed || key.policies.is_empty()) {
                continue;
            }
            let ends = finder.ends(&key.source, &key.destination);
            let known = || Known { edge, ends };
            if is_open {
                for direction in [Direction::Ingress, Direction::Egress] {
                    let (own, _) = ends.seen_from(direction);
                    if own.group().is_some() || own.is_anybody() {
                        let open = self::list(&mut seen.open, (own.group(), direction));
                        open.push(known());
                    }
                }
                continue;
            }
            for policy in &key.policies {
                list(&mut seen.allowed, policy).push(known());
            }
        }
        seen
    }

    /// What takes from nothing, or nothing alone, having been seen to need a line of a policy since some moment. `beside` are
    /// the connections that its pods' nodes saw.
    pub(super) fn limits(
        &self,
        line: usize,
        policy: &PolicyName,
        from: SystemTime,
        beside: u64,
    ) -> Vec<Limit> {
        let mut limits = Vec::new();
        let connections = self.not_counted(line, policy, from);
        if connections > 0 {
            limits.push(Limit::NotCounted { connections });
        }
        let (known, unknown) = self.undecided(line, from);
        if known > 0 {
            let (connections, beside) = (known, None);
            limits.push(Limit::Undecided {
                connections,
                beside,
            });
        }
        if unknown > 0 {
            let (connections, beside) = (unknown, Some(beside));
            limits.push(Limit::Undecided {
                connections,
                beside,
            });
        }
        limits
    }

    /// Connections that the policy allowed and that the line matches.
    fn not_counted(&self, line: usize, policy: &PolicyName, from: SystemTime) -> u64 {
        let allowed = self.allowed.get(policy).into_iter().flatten();
        let matched = allowed.filter(|known| {
            is_since(known.edge, from)
                && self.bearing.on(line, &known.ends, &known.asked()) == Bears::Yes
        });
        connections(matched)
    }

    /// Connections that may need the line: between ends that are known, and others.
    fn undecided(&self, line: usize, from: SystemTime) -> (u64, u64) {
        let direction = self.bearing.line(line).direction;
        let owns = self.bearing.own(line);
        let owns = owns.iter().map(|group| Some(*group)).chain([None]);
        let open = owns.filter_map(|own| self.open.get(&(own, direction)));
        let may_need = |known: &&Known<'_>| {
            let bears = || self.bearing.on(line, &known.ends, &known.asked());
            is_since(known.edge, from)
                && match known.edge.key.computed {
                    Decision::Denied => bears() == Bears::Undefined,
                    _ => bears() != Bears::No,
                }
        };
        let may_need = open.flatten().filter(may_need);
        let (unknown, known): (Vec<_>, Vec<_>) = may_need.partition(|known| {
            let ends = [&known.ends.source, &known.ends.destination];
            ends.into_iter().any(End::is_anybody)
        });
        (
            connections(known.into_iter()),
            connections(unknown.into_iter()),
        )
    }
}

impl<'a> Known<'a> {
    fn asked(&self) -> Asked<'a> {
        Asked::from(&self.edge.key)
    }
}

fn is_since(edge: &Edge, from: SystemTime) -> bool {
    edge.totals.last_seen > from
}

fn connections<'b>(known: impl Iterator<Item = &'b Known<'b>>) -> u64 {
    let counts = known.map(|known| {
        let totals = &known.edge.totals;
        totals.connections.saturating_add(totals.resumed)
    });
    counts.fold(0, u64::saturating_add)
}

fn list<K: Eq + std::hash::Hash, V>(lists: &mut HashMap<K, Vec<V>>, key: K) -> &mut Vec<V> {
    lists.entry(key).or_default()
}
