//! Remembered traffic in words.

use std::time::SystemTime;

use jiff::Timestamp;
use netpol_policy::history::{Party, Port, Traffic};
use netpol_policy::model::Cidr;

/// In UTC to the second.
pub(crate) fn time(at: SystemTime) -> String {
    Timestamp::try_from(at).map_or_else(
        |_| "-".to_owned(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}

/// `prod/web[Deployment]`, `node n1`, `198.51.100.7`.
pub(crate) fn party(party: &Party) -> String {
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
pub(crate) fn block(block: Cidr) -> String {
    let net = block.net();
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

/// `TCP 5432`, `UDP, many ports`, `ICMP`.
pub(crate) fn port(traffic: &Traffic) -> String {
    match traffic.port {
        Port::One(port) => format!("{} {port}", traffic.protocol),
        Port::Many => format!("{}, many ports", traffic.protocol),
        Port::None => traffic.protocol.to_string(),
    }
}

/// `prod/web[Deployment] to prod/db[StatefulSet], TCP 5432`.
pub(crate) fn whole(traffic: &Traffic) -> String {
    format!(
        "{} to {}, {}",
        party(&traffic.source),
        party(&traffic.destination),
        port(traffic)
    )
}

/// `1 connection`, `2 connections`.
pub(crate) fn connections(count: u64) -> String {
    match count {
        1 => "1 connection".to_owned(),
        count => format!("{count} connections"),
    }
}

/// `a, b`, or `a, b and 4 more`.
pub(crate) fn some<T: ToString>(names: impl IntoIterator<Item = T>, most: usize) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    match names.len().checked_sub(most) {
        // One more takes no more room than saying so.
        Some(more @ 2..) => format!("{} and {more} more", names[..most].join(", ")),
        _ => names.join(", "),
    }
}
