//! Kinds of disagreement: what was seen, and what explains it where anything does.

use crate::history::{Agreement, EdgeTotals, Party, Traffic};

/// Kinds of disagreement, in the order in which they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Denied by policy and let through, with nothing that would explain it.
    NotEnforced,
    /// Denied by policy and let through, and an end is in a node's own network namespace: what policies do about it is
    /// undefined (rule 21), and firewalls of pods often do not reach it.
    HostNetwork,
    /// Denied by policy and let through, all within the grace window of a change: enforcement was not there yet, or the agent had
    /// not heard yet that it is allowed.
    LateEnforcement,
    /// Denied by policy and let through, all of it perhaps open before the agent started: whether a policy ends what is open is
    /// undefined (rule 22).
    AlreadyOpen,
    /// Allowed by policy and stopped by a firewall of the node.
    Dropped,
    /// The same, all within the grace window of a change: what lets it through was not there yet, or the agent had not heard yet
    /// that it is denied.
    LateAdmission,
}

impl Kind {
    /// In the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::NotEnforced,
        Self::HostNetwork,
        Self::LateEnforcement,
        Self::AlreadyOpen,
        Self::Dropped,
        Self::LateAdmission,
    ];

    /// `None` where nothing disagrees.
    #[must_use]
    pub fn of(traffic: &Traffic) -> Option<Self> {
        let ends = [&traffic.source, &traffic.destination];
        Self::of_parts(traffic.agreement, ends, &traffic.totals)
    }

    pub(super) fn of_parts(
        agreement: Agreement,
        ends: [&Party; 2],
        totals: &EdgeTotals,
    ) -> Option<Self> {
        let beyond = totals.connections > totals.after_change;
        match agreement {
            Agreement::Undetermined | Agreement::Agree => None,
            Agreement::DeniedButForwarded => Some(if ends.into_iter().any(is_on_host_network) {
                Self::HostNetwork
            } else if beyond {
                Self::NotEnforced
            } else if totals.after_change > 0 {
                Self::LateEnforcement
            } else {
                Self::AlreadyOpen
            }),
            // What was open already and is dropped although it is allowed has no such excuse.
            Agreement::AllowedButDropped if beyond || totals.resumed > 0 => Some(Self::Dropped),
            Agreement::AllowedButDropped => Some(Self::LateAdmission),
        }
    }

    /// Its word in output, such as `not-enforced`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotEnforced => "not-enforced",
            Self::HostNetwork => "host-network",
            Self::LateEnforcement => "late-enforcement",
            Self::AlreadyOpen => "already-open",
            Self::Dropped => "dropped",
            Self::LateAdmission => "late-admission",
        }
    }

    /// Denied by policy and let through, rather than allowed and dropped.
    #[must_use]
    pub fn is_denied(self) -> bool {
        !matches!(self, Self::Dropped | Self::LateAdmission)
    }

    /// Whether neither a change nor an agent's start explains it.
    #[must_use]
    pub fn is_beyond_lag(self) -> bool {
        matches!(self, Self::NotEnforced | Self::HostNetwork | Self::Dropped)
    }
}

/// Whether it is in a node's own network namespace.
fn is_on_host_network(party: &Party) -> bool {
    match party {
        Party::Pods(group) => group.host_network,
        Party::Node { .. } => true,
        Party::Service { .. } | Party::Outside(_) | Party::Unknown(_) | Party::Many => false,
    }
}
