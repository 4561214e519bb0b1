//! How well the nodes of some pods were watched over a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::report::Window;
use crate::history::{History, Interval, Loss, NodeHistory};

/// How well the nodes of a policy's pods were watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// From the first moment to the last that any of them was watched; `None` where none ever was.
    pub window: Option<Window>,
    /// Those that have a history, in order of name.
    pub nodes: Vec<NodeWatch>,
    /// Those that have none, with how many of the pods run there now, in order of name.
    pub without_history: Vec<(Arc<str>, u32)>,
    /// Nodes of the cluster that have no history either, where none of the pods is now, in order of name.
    pub others_without_history: Vec<Arc<str>>,
    /// What was lost on these nodes within intervals that touch the window.
    pub losses: Vec<Loss>,
    /// About how many connections these nodes saw in the window: what losses are compared with.
    pub connections: u64,
}

/// How well one node was watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeWatch {
    /// Its name.
    pub name: Arc<str>,
    /// How many of the pods run there now.
    pub pods: u32,
    /// How long it was watched within the window.
    pub watched: Duration,
    /// The most interfaces of pods at a time that could not be watched: what those pods did was not seen at all.
    pub blind: u64,
}

/// Why so many interfaces of pods were not watched; no count of events.
const BLIND: &str = "interfaces_not_watched";
/// Why so many kinds of pods are not remembered any more.
const FORGOTTEN: &str = "groups_evicted";
/// Stage and reason of lines of a history that could not be read.
const UNREADABLE: (&str, &str) = ("history", "unreadable_line");

/// Whether a history tells that it is not all there: lines could not be read, or it ends early. What stood there may have been
/// of any node, or of the cluster.
pub(crate) fn is_damaged(history: &History) -> bool {
    let intervals = history.nodes.iter().flat_map(|node| &node.intervals);
    let mut losses = intervals.flat_map(|interval| &interval.losses);
    losses.any(|loss| (&*loss.stage, &*loss.reason) == UNREADABLE)
        || history.missing.iter().any(|node| node.name.is_empty())
}

impl Watch {
    /// How many events were lost, of whatever kind.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let counts = self.losses.iter().map(|loss| loss.count);
        counts.fold(0, u64::saturating_add)
    }

    /// How much of the window was watched, over all nodes that have a history, in percent and rounded down. A node counts by
    /// how many of the pods it has; all alike where none has any.
    #[must_use]
    pub fn percent(&self) -> u8 {
        let has_pods = self.nodes.iter().any(|node| node.pods > 0);
        let weight = |node: &NodeWatch| match has_pods {
            true => f64::from(node.pods),
            false => 1.0,
        };
        let nodes: f64 = self.nodes.iter().map(weight).sum();
        let watched = self.nodes.iter();
        let watched: f64 = watched
            .map(|node| weight(node) * node.watched.as_secs_f64())
            .sum();
        let length = self.window.map(|window| window.length());
        percent(watched, nodes * length.unwrap_or_default().as_secs_f64())
    }

    /// How many of the pods may run behind interfaces that could not be watched.
    pub(super) fn blind(&self) -> u64 {
        let of = |node: &NodeWatch| node.blind.min(node.pods.into());
        self.nodes.iter().map(of).sum()
    }
}

/// Rounded down, so that 100 is all of it.
fn percent(part: f64, whole: f64) -> u8 {
    if whole <= 0.0 {
        return 0;
    }
    // Between 0 and 100, so nothing is cut off.
    (part / whole * 100.0).clamp(0.0, 100.0).floor() as u8
}

/// What nodes watched, looked up by their names.
pub(crate) struct Nodes<'a> {
    nodes: BTreeMap<&'a str, Watched<'a>>,
    /// All that are known of, with or without a history.
    all: BTreeSet<Arc<str>>,
}

struct Watched<'a> {
    intervals: &'a [Interval],
    /// Connections that it saw, ever.
    connections: u64,
}

impl<'a> Nodes<'a> {
    pub(crate) fn of(history: &'a History) -> Self {
        let mut connections: HashMap<&str, u64> = HashMap::new();
        for edge in &history.edges {
            let (sum, totals) = (connections.entry(&edge.key.node).or_default(), &edge.totals);
            *sum = totals
                .connections
                .saturating_add(totals.resumed)
                .saturating_add(*sum);
        }
        let watched = |node: &'a NodeHistory| {
            let name: &str = &node.name;
            let watched = Watched {
                intervals: &node.intervals,
                connections: connections.get(name).copied().unwrap_or_default(),
            };
            (name, watched)
        };
        let nodes = history.nodes.iter().filter(|one| one.has_watched());
        let missing = history.missing.iter().map(|one| one.name.as_str().into());
        let hosts = history.population.iter().flat_map(|one| one.pods.keys());
        // Pods that are on no node yet stand at an empty name, as a missing node without one does.
        let hosts = hosts.filter(|name| !name.is_empty()).cloned();
        Self {
            nodes: nodes.map(watched).collect(),
            all: history
                .nodes
                .iter()
                .map(|node| node.name.clone())
                .chain(history.cluster.iter().map(|node| node.name.clone()))
                .chain(missing)
                .chain(hosts)
                .collect(),
        }
    }

    /// All nodes that are known of, and no pod on any: where pods may have been that are gone.
    pub(crate) fn everywhere(&self) -> BTreeMap<Arc<str>, u32> {
        self.all.iter().map(|name| (name.clone(), 0)).collect()
    }

    /// The time that any node watched; who exists is known to all of them.
    pub(crate) fn any(&self) -> Option<Window> {
        let intervals = self.nodes.values().flat_map(|node| node.intervals);
        hull(intervals)
    }

    /// How much of a time any node watched, in percent and rounded down: what came and went in the rest nobody knows.
    pub(super) fn percent_of_any(&self, window: Window) -> u8 {
        let intervals = self.nodes.values().flat_map(|node| node.intervals);
        let watched = watched(intervals, window).as_secs_f64();
        percent(watched, window.length().as_secs_f64())
    }

    /// Kinds of pods that were forgotten within a time, for want of room; the most by a node, since all know the same pods.
    pub(super) fn forgotten(&self, window: Window) -> u64 {
        let nodes = self.nodes.values().map(|node| {
            let losses = losses(node.intervals, window);
            let forgotten = losses.filter(|loss| &*loss.reason == FORGOTTEN);
            forgotten.fold(0, |sum: u64, loss| sum.saturating_add(loss.count))
        });
        nodes.max().unwrap_or_default()
    }

    /// How well these nodes were watched from some moment on.
    pub(crate) fn watch(&self, hosts: &BTreeMap<Arc<str>, u32>, within: Window) -> Watch {
        let mut watch = Watch::default();
        let mut with_history = Vec::new();
        for (name, &pods) in hosts {
            match self.nodes.get(&**name) {
                Some(node) => with_history.push((name.clone(), pods, node)),
                None => watch.without_history.push((name.clone(), pods)),
            }
        }
        let is_known = |name: &Arc<str>| {
            let node = self.nodes.get(&**name);
            node.is_some_and(|node| node.intervals.iter().any(|one| touches(one, within)))
        };
        let others = self.all.iter();
        watch.others_without_history = others
            .filter(|name| !is_known(name) && !hosts.contains_key(*name))
            .cloned()
            .collect();
        let intervals = with_history.iter().flat_map(|(_, _, node)| node.intervals);
        let Some(hull) = hull(intervals) else {
            return watch;
        };
        let window = Window {
            from: hull.from.max(within.from),
            until: hull.until.min(within.until),
        };
        if window.from >= window.until {
            return watch;
        }
        watch.window = Some(window);
        let mut lost: BTreeMap<(Arc<str>, Arc<str>), u64> = BTreeMap::new();
        for (name, pods, node) in with_history {
            let watched = watched(node.intervals, window);
            let ever = self::watched(node.intervals, hull);
            let connections = share(node.connections, watched, ever);
            watch.connections = watch.connections.saturating_add(connections);
            let mut blind = 0;
            for loss in losses(node.intervals, window) {
                if &*loss.reason == BLIND {
                    blind = blind.max(loss.count);
                    continue;
                }
                let kind = (loss.stage.clone(), loss.reason.clone());
                let sum = lost.entry(kind).or_default();
                *sum = sum.saturating_add(loss.count);
            }
            watch.nodes.push(NodeWatch {
                name,
                pods,
                watched,
                blind,
            });
        }
        let lost = lost.into_iter().filter(|(_, count)| *count > 0);
        watch.losses = lost
            .map(|((stage, reason), count)| Loss {
                stage,
                reason,
                count,
            })
            .collect();
        watch
    }
}

impl NodeHistory {
    fn has_watched(&self) -> bool {
        self.intervals.iter().any(|one| one.from < one.until)
    }
}

/// What was lost in intervals that touch a time.
fn losses(intervals: &[Interval], window: Window) -> impl Iterator<Item = &Loss> {
    let touching = intervals.iter().filter(move |one| touches(one, window));
    touching.flat_map(|interval| &interval.losses)
}

fn touches(interval: &Interval, window: Window) -> bool {
    interval.from < window.until && interval.until > window.from
}

/// From the first moment to the last.
fn hull<'a>(intervals: impl Iterator<Item = &'a Interval>) -> Option<Window> {
    let mut all: Option<Window> = None;
    for interval in intervals.filter(|one| one.from < one.until) {
        let hull = all.get_or_insert(Window {
            from: interval.from,
            until: interval.until,
        });
        hull.from = hull.from.min(interval.from);
        hull.until = hull.until.max(interval.until);
    }
    all
}

/// How much of a window lies in intervals. A clock that was set back makes intervals overlap: what two of them hold counts
/// once.
fn watched<'a>(intervals: impl IntoIterator<Item = &'a Interval>, window: Window) -> Duration {
    let mut parts: Vec<(SystemTime, SystemTime)> = intervals
        .into_iter()
        .filter(|interval| touches(interval, window))
        .map(|one| (one.from.max(window.from), one.until.min(window.until)))
        .collect();
    parts.sort_unstable();
    let mut total = Duration::ZERO;
    let mut reached = window.from;
    for (from, until) in parts {
        let from = from.max(reached);
        total += until.duration_since(from).unwrap_or_default();
        reached = reached.max(until);
    }
    total
}

/// As much of a count as `part` is of `whole`.
fn share(count: u64, part: Duration, whole: Duration) -> u64 {
    if whole.is_zero() {
        return 0;
    }
    // Both are far below what a float holds exactly, and it is an estimate.
    (count as f64 * (part.as_secs_f64() / whole.as_secs_f64())) as u64
}
