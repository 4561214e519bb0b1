//! Parts of findings in words.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use netpol_policy::drift::{Enforcement, Kind};
use netpol_policy::history::{DropKind, Party, PolicyName, Port, Traffic};
use netpol_policy::model::Cidr;

/// `prod/web[Deployment]`, `node n1`, `198.51.100.7`.
pub(super) fn party(party: &Party) -> String {
    match party {
        Party::Pods(group) => format!(
            "{}/{}[{}]",
            group.namespace, group.workload.name, group.workload.kind
        ),
        Party::Node { name } => format!("node {name}"),
        Party::Service { namespace, name } => format!("{namespace}/{name}[Service]"),
        Party::Outside(block) => self::block(*block),
        Party::Unknown(block) => format!("{} (nobody known)", self::block(*block)),
        Party::Many => "many".to_owned(),
    }
}

/// A block of one address is the address.
fn block(block: Cidr) -> String {
    let net = block.net();
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

/// `TCP 5432`, `UDP many`, `ICMP`.
pub(super) fn port(traffic: &Traffic) -> String {
    match traffic.port {
        Port::One(port) => format!("{} {port}", traffic.protocol),
        Port::Many => format!("{} many", traffic.protocol),
        Port::None => traffic.protocol.to_string(),
    }
}

/// `prod/db`; of cluster-scoped kinds the name alone.
pub(super) fn policy(policy: &PolicyName) -> String {
    if policy.namespace.is_empty() {
        policy.name.to_string()
    } else {
        format!("{}/{}", policy.namespace, policy.name)
    }
}

pub(super) fn policies(policies: &[PolicyName]) -> String {
    policies.iter().map(policy).collect::<Vec<_>>().join(", ")
}

/// `NETFILTER_DROP (firewall)`.
pub(super) fn drop(drop: Option<&DropKind>) -> String {
    match drop {
        Some(drop) if drop.reason.is_empty() => drop.class.to_string(),
        Some(drop) => format!("{} ({})", drop.reason, drop.class),
        None => "rejected, the drop itself was not seen".to_owned(),
    }
}

/// In UTC, to the second.
pub(super) fn time(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| "?".to_owned(), |time| format!("{time:.0}"))
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
            "Denied by policy, and it went through; an end is in a node's own network namespace, for which policies are undefined"
        }
        Kind::LateEnforcement => "Denied by policy, and it went through just after a change",
        Kind::AlreadyOpen => {
            "Denied by policy, and open when the agent started; whether policies end what is open is undefined"
        }
        Kind::Dropped => "Allowed by policy, and a firewall of the node stopped it",
        Kind::LateAdmission => {
            "Allowed by policy, and a firewall of the node stopped it just after a change"
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
