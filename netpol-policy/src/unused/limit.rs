//! What takes from the confidence in what is said of an entry.

use std::fmt;
use std::time::Duration;

use super::options::Options;
use super::watch::Watch;
use super::words::{counted, some, span};

/// How much something can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// Nothing can be said.
    Insufficient,
    /// It is likely, and there are gaps.
    Low,
    /// Small gaps.
    Medium,
    /// Nothing is known that speaks against it.
    High,
}

impl Confidence {
    /// Its word in files and output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Insufficient => "insufficient",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a window begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Beginning {
    /// The policy says this since then.
    Policy,
    /// The nodes are watched since then.
    Watch,
    /// There are pods that the policy selects since then.
    Subjects,
    /// There are pods that the entry is about since then.
    Peers,
    /// The last of those it is about was there then.
    Absence,
}

/// One thing that takes from the confidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The policy was never seen in force as it stands.
    NeverInForce,
    /// No node that the policy's pods run on was watched.
    NobodyWatched,
    /// The window is shorter than asked.
    ShortWindow {
        /// How long it is.
        length: Duration,
        /// How long it should be.
        wanted: Duration,
        /// What it begins with.
        beginning: Beginning,
    },
    /// The window is less than twice as long as asked.
    BarelyLong {
        /// How long it is.
        length: Duration,
        /// What it begins with.
        beginning: Beginning,
    },
    /// Pods of the policy run on nodes that have no history.
    NodesWithoutHistory {
        /// Those nodes.
        nodes: Vec<String>,
        /// How many of the pods run there.
        pods: u64,
        /// How many there are on all nodes.
        of: u64,
    },
    /// Other nodes of the cluster have no history; the pods may have run there before.
    OthersWithoutHistory {
        /// Those nodes.
        nodes: Vec<String>,
    },
    /// The nodes were not watched for all of the window.
    Gaps {
        /// How much of it they were, rounded down.
        percent: u8,
    },
    /// Events were lost, and what was lost may have been a use.
    Lost {
        /// How many.
        events: u64,
        /// About how many connections were seen beside them.
        connections: u64,
    },
    /// Jobs and CronJobs that it is about did not run in the window.
    DidNotRun {
        /// Which.
        workloads: Vec<String>,
        /// Nobody else is at that end.
        is_all: bool,
    },
    /// The policy selects no pod now, and did in the window.
    NoPodsNow,
    /// A selector asks for labels that are not remembered.
    GeneratedLabels,
    /// It holds for all pods that are known, and not for any that may come.
    KnownPodsOnly,
    /// Connections that were open already when watching began matched it, and whether others would have allowed them is not
    /// known.
    OpenBefore {
        /// How many.
        connections: u64,
    },
}

impl Limit {
    /// The highest confidence that it leaves.
    #[must_use]
    pub fn leaves(&self) -> Confidence {
        match self {
            Self::NeverInForce | Self::NobodyWatched | Self::ShortWindow { .. } => {
                Confidence::Insufficient
            }
            // One pod in ten: the others would have to be used in another way.
            Self::NodesWithoutHistory { pods, of, .. } if pods.saturating_mul(10) > *of => {
                Confidence::Insufficient
            }
            Self::NodesWithoutHistory { .. } => Confidence::Low,
            Self::Gaps { percent: 0..50 } => Confidence::Insufficient,
            Self::Gaps { percent: 50..80 } => Confidence::Low,
            // More than one event lost for each hundred connections, or each thousand.
            Self::Lost {
                events,
                connections,
            } => match events {
                events if events.saturating_mul(100) > *connections => Confidence::Insufficient,
                events if events.saturating_mul(1000) > *connections => Confidence::Low,
                _ => Confidence::Medium,
            },
            Self::DidNotRun { is_all: true, .. } => Confidence::Insufficient,
            Self::DidNotRun { .. } | Self::OpenBefore { .. } | Self::NoPodsNow => Confidence::Low,
            Self::BarelyLong { .. }
            | Self::OthersWithoutHistory { .. }
            | Self::Gaps { .. }
            | Self::GeneratedLabels
            | Self::KnownPodsOnly => Confidence::Medium,
        }
    }

    /// What is wrong with a window.
    pub(crate) fn of_length(
        length: Duration,
        beginning: Beginning,
        options: &Options,
    ) -> Option<Self> {
        let wanted = options.min_window;
        if length < wanted {
            Some(Self::ShortWindow {
                length,
                wanted,
                beginning,
            })
        } else if length < wanted.saturating_mul(2) {
            Some(Self::BarelyLong { length, beginning })
        } else {
            None
        }
    }

    /// What is wrong with how nodes were watched.
    pub(crate) fn of_watch(watch: &Watch) -> Vec<Self> {
        let mut limits = Vec::new();
        let with: u64 = watch.nodes.iter().map(|node| u64::from(node.pods)).sum();
        let without = watch.without_history.iter();
        let pods: u64 = without.clone().map(|(_, pods)| u64::from(*pods)).sum();
        let names = |names: &mut dyn Iterator<Item = &std::sync::Arc<str>>| -> Vec<String> {
            names.map(ToString::to_string).collect()
        };
        let nodes = names(&mut without.map(|(name, _)| name));
        if !nodes.is_empty() {
            limits.push(if pods > 0 {
                let of = with + pods;
                Self::NodesWithoutHistory { nodes, pods, of }
            } else {
                Self::OthersWithoutHistory { nodes }
            });
        }
        let others = names(&mut watch.others_without_history.iter());
        if !others.is_empty() {
            limits.push(Self::OthersWithoutHistory { nodes: others });
        }
        let percent = watch.percent();
        // A restart of the agent takes some minutes.
        if percent < 98 {
            limits.push(Self::Gaps { percent });
        }
        let events = watch.lost();
        if events > 0 {
            limits.push(Self::Lost {
                events,
                connections: watch.connections,
            });
        }
        limits
    }
}

impl fmt::Display for Beginning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Policy => "the policy has said this",
            Self::Watch => "its nodes have been watched",
            Self::Subjects => "the policy has had pods",
            Self::Peers => "there have been pods that it is about",
            Self::Absence => "the last one it is about has been gone",
        })
    }
}

/// In a sentence without its full stop.
impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverInForce => out.write_str("the policy was never seen in force as it stands"),
            Self::NobodyWatched => {
                out.write_str("no node where the policy's pods run was watched since it says this")
            }
            Self::ShortWindow {
                length,
                wanted,
                beginning,
            } => write!(
                out,
                "{beginning} for {}, and {} are asked for",
                span(*length),
                span(*wanted)
            ),
            Self::BarelyLong { length, beginning } => {
                write!(out, "{beginning} for {} only", span(*length))
            }
            Self::NodesWithoutHistory { nodes, pods, of } => write!(
                out,
                "{pods} of {} run where nothing is remembered: {}",
                counted(*of, "pod"),
                some(nodes)
            ),
            Self::OthersWithoutHistory { nodes } => write!(
                out,
                "nothing is remembered of {}, where its pods may have run before",
                some(nodes)
            ),
            Self::Gaps { percent } => {
                write!(out, "its nodes were watched for {percent}% of the time")
            }
            Self::Lost {
                events,
                connections,
            } => write!(
                out,
                "{} lost beside about {}",
                counted(*events, "event"),
                counted(*connections, "connection")
            ),
            Self::DidNotRun { workloads, is_all } => {
                let only = if *is_all { "only " } else { "" };
                write!(
                    out,
                    "{only}{} did not run in that time, and may need it",
                    some(workloads)
                )
            }
            Self::NoPodsNow => out.write_str("the policy selects no pod now"),
            Self::GeneratedLabels => out.write_str(
                "a selector asks for labels that are not remembered, so its pods are not known",
            ),
            Self::KnownPodsOnly => {
                out.write_str("it holds for all pods that are known, others may come")
            }
            Self::OpenBefore { connections } => write!(
                out,
                "{} were open before watching began, and nothing is known of who else allowed them",
                counted(*connections, "connection")
            ),
        }
    }
}
