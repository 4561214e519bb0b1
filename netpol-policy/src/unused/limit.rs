//! What takes from the confidence in what is said of an entry.

mod words;

use std::time::Duration;

use super::options::Options;
use super::watch::Watch;

/// As much of a time, in percent, counts as all of it: a restart of the agent takes some minutes.
pub(super) const WATCHED: u8 = 98;

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
    /// All of them, the highest first.
    pub const ALL: [Self; 4] = [Self::High, Self::Medium, Self::Low, Self::Insufficient];

    /// By its word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

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
    /// Who exists is known since then.
    Knowledge,
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
    /// Lines of the history could not be read: who or what is not known may have stood there.
    Unreadable,
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
    /// Pods of the policy may run behind interfaces that could not be watched.
    InterfacesNotWatched {
        /// How many of the pods, at the most.
        pods: u64,
        /// How many there are on all nodes that have a history.
        of: u64,
    },
    /// Nobody watched for all of the window, and who came and went then is not known.
    WhoUnknown {
        /// For how much of it somebody did, rounded down.
        percent: u8,
    },
    /// Pods that are gone were forgotten for want of room.
    Forgotten {
        /// How many kinds of them.
        kinds: u64,
    },
    /// It is about pods on the host network, and whether a NetworkPolicy means them is not defined.
    HostNetwork {
        /// Which.
        workloads: Vec<String>,
    },
    /// Its rule has a peer of a kind that is not known here.
    UnknownKind,
    /// Of traffic that may need it, it cannot be told what policies say.
    Undecided {
        /// How many connections.
        connections: u64,
        /// Beside about how many others; `None` where those at both ends are known, and it is about them.
        beside: Option<u64>,
    },
    /// Traffic that it matches was seen, at a node that does not count its uses.
    NotCounted {
        /// How many connections.
        connections: u64,
    },
    /// Policies that may have matched the same traffic have changed since.
    OthersChanged {
        /// Which.
        policies: Vec<String>,
        /// It was not used any more after that.
        is_last: bool,
    },
    /// Events were lost, and what was lost may have been a use.
    Lost {
        /// How many.
        events: u64,
        /// About how many connections were seen beside them.
        connections: u64,
    },
    /// Jobs and the like that it is about did not run in the window.
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
            Self::Unreadable
            | Self::NeverInForce
            | Self::NobodyWatched
            | Self::ShortWindow { .. }
            | Self::HostNetwork { .. }
            | Self::UnknownKind
            | Self::NotCounted { .. }
            | Self::Undecided { beside: None, .. }
            | Self::DidNotRun { is_all: true, .. }
            | Self::OthersChanged { is_last: true, .. } => Confidence::Insufficient,
            // One pod in ten: the others would have to be used in another way.
            Self::NodesWithoutHistory { pods, of, .. }
            | Self::InterfacesNotWatched { pods, of }
                if pods.saturating_mul(10) > *of =>
            {
                Confidence::Insufficient
            }
            Self::Gaps { percent } | Self::WhoUnknown { percent } => match percent {
                0..50 => Confidence::Insufficient,
                50..80 => Confidence::Low,
                _ => Confidence::Medium,
            },
            Self::Undecided {
                connections,
                beside: Some(others),
            } if is_one_in(100, *connections, *others) => Confidence::Insufficient,
            Self::Lost {
                events,
                connections,
            } => match events {
                events if is_one_in(100, *events, *connections) => Confidence::Insufficient,
                events if is_one_in(1000, *events, *connections) => Confidence::Low,
                _ => Confidence::Medium,
            },
            Self::NodesWithoutHistory { .. }
            | Self::InterfacesNotWatched { .. }
            | Self::Undecided { .. }
            | Self::OthersChanged { .. }
            | Self::Forgotten { .. }
            | Self::DidNotRun { .. }
            | Self::OpenBefore { .. }
            | Self::NoPodsNow => Confidence::Low,
            Self::BarelyLong { .. }
            | Self::OthersWithoutHistory { .. }
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
        let name = |name: &std::sync::Arc<str>| match &**name {
            "" => "a node without a name".to_owned(),
            name => name.to_owned(),
        };
        let names = |names: &mut dyn Iterator<Item = &std::sync::Arc<str>>| -> Vec<String> {
            names.map(name).collect()
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
        let blind = watch.blind();
        if blind > 0 {
            limits.push(Self::InterfacesNotWatched {
                pods: blind,
                of: with,
            });
        }
        let percent = watch.percent();
        if percent < WATCHED {
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

/// More than one for each so many of the others.
fn is_one_in(each: u64, few: u64, others: u64) -> bool {
    u128::from(few) * u128::from(each) > u128::from(others)
}
