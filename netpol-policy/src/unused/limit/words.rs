//! Limits in words.

use std::fmt;

use super::{Beginning, Limit};
use crate::unused::words::{counted, some, span};

impl fmt::Display for Beginning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Policy => "the policy has said this",
            Self::Watch => "its nodes have been watched",
            Self::Knowledge => "it has been known who exists",
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
            Self::Unreadable => out.write_str("lines of the history could not be read"),
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
            Self::InterfacesNotWatched { pods, of } => write!(
                out,
                "{pods} of {} may run behind interfaces that could not be watched",
                counted(*of, "pod")
            ),
            Self::WhoUnknown { percent } => {
                write!(out, "who exists is known for {percent}% of the time")
            }
            Self::Forgotten { kinds } => write!(
                out,
                "pods that are gone were forgotten for want of room: {}",
                counted(*kinds, "kind")
            ),
            Self::HostNetwork { workloads } => write!(
                out,
                "{} on the host network would match, and whether a NetworkPolicy means such pods is not defined",
                some(workloads)
            ),
            Self::UnknownKind => {
                out.write_str("its rule has a peer of a kind that is not known here")
            }
            Self::Undecided {
                connections,
                beside: None,
            } => write!(
                out,
                "it cannot be told whether {} needed it",
                counted(*connections, "connection")
            ),
            Self::Undecided {
                connections,
                beside: Some(others),
            } => write!(
                out,
                "it cannot be told whether {} by somebody unknown needed it, beside about {others} others",
                counted(*connections, "connection")
            ),
            Self::NotCounted { connections } => write!(
                out,
                "{} that it matches were seen, where its uses are not counted",
                counted(*connections, "connection")
            ),
            Self::OthersChanged { policies, is_last } => {
                let since = if *is_last {
                    ", and it was not used since"
                } else {
                    ""
                };
                write!(
                    out,
                    "of the others, {} may have been some that say something else now{since}",
                    some(policies)
                )
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
