//! Parts of findings in words.

use std::time::Duration;

use netpol_policy::drift::{Enforcement, Kind};
use netpol_policy::history::{DropKind, PolicyName};

/// `prod/db, prod/web`.
pub(super) fn policies(policies: &[PolicyName]) -> String {
    let names: Vec<String> = policies.iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// `NETFILTER_DROP (firewall)`.
pub(super) fn drop(drop: Option<&DropKind>) -> String {
    match drop {
        Some(drop) if drop.reason.is_empty() => drop.class.to_string(),
        Some(drop) => format!("{} ({})", drop.reason, drop.class),
        None => "rejected, the drop itself was not seen".to_owned(),
    }
}

/// `0.3s`, `12.0s`.
pub(super) fn seconds(length: Duration) -> String {
    format!("{:.1}s", length.as_secs_f64())
}

/// What stands above the findings of a kind.
pub(super) fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::NotEnforced => "Denied by policy, and it went through",
        Kind::HostNetwork => {
            "Denied by policy, and it went through; an end is a node or a hostNetwork pod, where network plugins differ"
        }
        Kind::LateEnforcement => "Denied by policy, and it went through around a change",
        Kind::AlreadyOpen => {
            "Denied by policy, and open when the agent started; whether policies end what is open is undefined"
        }
        Kind::Dropped => "Allowed by policy, and a firewall of the node stopped it",
        Kind::LateAdmission => {
            "Allowed by policy, and a firewall of the node stopped it around a change"
        }
    }
}

/// What was seen of a node, in words.
pub(super) fn enforcement(enforcement: Enforcement) -> &'static str {
    match enforcement {
        Enforcement::Seen => "enforces what was seen",
        Enforcement::InPart => "enforces in part",
        Enforcement::Nothing => "seems to enforce nothing",
        Enforcement::TooFew => "too few connections to tell",
        Enforcement::NothingSeen => "nothing denied was seen here",
    }
}

/// Says that lines of the history could not be read, where there are any.
pub(super) fn unread(damaged: u64) -> Option<String> {
    let lines = if damaged == 1 { "line" } else { "lines" };
    (damaged > 0).then(|| format!("{damaged} {lines} of the history could not be read"))
}
