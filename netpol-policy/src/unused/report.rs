//! The answer.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::limit::{Confidence, Limit};
use super::watch::Watch;
use crate::explain;
use crate::history::rule::{Part, UseTotals};
use crate::history::{MissingNode, PodGroup};
use crate::model::Action;
use crate::verdict::{Direction, PolicyKind, PolicyRef};

/// What is known of the use of policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// In the order in which they were given.
    pub policies: Vec<PolicyReport>,
    /// Nodes whose history could not be had.
    pub missing: Vec<MissingNode>,
    /// Lines of the history could not be read.
    pub is_damaged: bool,
}

/// One policy.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyReport {
    /// Which.
    pub policy: PolicyRef,
    /// Since when it says this; `None` where it was never seen in force.
    pub since: Option<SystemTime>,
    /// Whom it selects.
    pub subjects: Subjects,
    /// How well the nodes of these pods were watched since then.
    pub watch: Watch,
    /// Its parts, in order of direction, rule, peer and port.
    pub entries: Vec<Entry>,
}

/// The pods that a policy selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// How many there are now.
    pub pods: u32,
    /// Workloads that have pods now: `prod/web[Deployment]`.
    pub workloads: Vec<String>,
    /// Workloads that have none now, and had some within the time that is remembered.
    pub gone: Vec<String>,
}

/// A part of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Which of the policy's lists.
    pub direction: Direction,
    /// Rule, peer and port; [`Part::Isolation`] stands for a direction without any rule.
    pub part: Part,
    /// What the rule does; `None` for [`Part::Isolation`].
    pub action: Option<Action>,
    /// Its peer in words.
    pub peer: String,
    /// Its port in words.
    pub port: String,
    /// What is to be said of it.
    pub status: Status,
    /// What it would be, if the evidence were enough; `None` but for [`Status::InsufficientEvidence`].
    pub if_evidence_held: Option<Status>,
    /// Why, in a sentence without its full stop.
    pub because: String,
    /// How much the status can be relied on.
    pub confidence: Confidence,
    /// What takes from the confidence, the worst first.
    pub limits: Vec<Limit>,
    /// The entries that allow all that it does; empty but for [`Status::Shadowed`].
    pub shadowed_by: Vec<EntryName>,
    /// What it was seen to match; `None` for nothing.
    pub totals: Option<UseTotals>,
    /// The time that it is judged by; `None` where nobody watched.
    pub window: Option<Window>,
}

/// A time that was watched, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when on.
    pub from: SystemTime,
    /// Until when.
    pub until: SystemTime,
}

impl Window {
    /// How long it is; nothing where it ends before it begins.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.until.duration_since(self.from).unwrap_or_default()
    }
}

/// Names a part of a policy among several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName {
    /// The policy.
    pub policy: PolicyRef,
    /// Which of its lists.
    pub direction: Direction,
    /// Rule, peer and port.
    pub part: Part,
}

/// `prod/db ingress[0] from[1] ports[0]`.
impl fmt::Display for EntryName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = path(self.policy.kind, self.direction, self.part);
        write!(out, "{} {path}", explain::policy(&self.policy))
    }
}

/// Where in a policy's spec a part stands: `ingress[0] from[1] ports[0]`.
#[must_use]
pub fn path(kind: PolicyKind, direction: Direction, part: Part) -> String {
    let mut path = explain::rules_list(direction).to_owned();
    let Part::Entry { rule, peer, port } = part else {
        return path;
    };
    path.push_str(&format!("[{rule}]"));
    if let Some(peer) = peer {
        path.push_str(&format!(" {}[{peer}]", explain::peers_list(direction)));
    }
    if let Some(port) = port {
        path.push_str(&format!(" {}[{port}]", explain::ports_list(kind)));
    }
    path
}

/// What is said of a part of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// The policy selects no pod.
    DanglingSubject,
    /// Its peer matches nobody.
    DanglingPeer,
    /// It names a port that no pod has which it could be about.
    UnresolvedNamedPort,
    /// By the words of the policies alone it never is the only one that allows, or it never is asked.
    Shadowed,
    /// It could match, and nothing was seen that it matches.
    Idle,
    /// It matched, and others would have allowed all of it.
    RedundantUse,
    /// Something was seen that it alone allowed or denied.
    Used,
    /// It denies, and nothing was seen that it had to deny: which is no sign that it is not needed.
    Deny,
    /// Too little is known.
    InsufficientEvidence,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::DanglingSubject,
        Self::DanglingPeer,
        Self::UnresolvedNamedPort,
        Self::Shadowed,
        Self::Idle,
        Self::RedundantUse,
        Self::Used,
        Self::Deny,
        Self::InsufficientEvidence,
    ];

    /// Its word in files and output, such as `dangling_peer`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DanglingSubject => "dangling_subject",
            Self::DanglingPeer => "dangling_peer",
            Self::UnresolvedNamedPort => "unresolved_named_port",
            Self::Shadowed => "shadowed",
            Self::Idle => "idle",
            Self::RedundantUse => "redundant_use",
            Self::Used => "used",
            Self::Deny => "deny",
            Self::InsufficientEvidence => "insufficient_evidence",
        }
    }

    /// By its word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// Whether it says that nothing would miss the entry.
    #[must_use]
    pub fn is_unused(self) -> bool {
        matches!(
            self,
            Self::DanglingSubject
                | Self::DanglingPeer
                | Self::UnresolvedNamedPort
                | Self::Shadowed
                | Self::Idle
        )
    }
}

/// `prod/web[Deployment]`.
pub(super) fn workload(group: &PodGroup) -> String {
    let workload = &group.workload;
    format!("{}/{}[{}]", group.namespace, workload.name, workload.kind)
}
