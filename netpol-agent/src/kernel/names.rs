//! What numbers and addresses in drop records mean on the running kernel, and which of them are worth recording.

use std::borrow::Cow;

use netpol_common::layout::{CodeRange, LOCATIONS, REASONS, reason_action};

use super::symbols::Symbols;
use crate::drop_class::Names;

/// Functions in which a packet freed without a reason (`NOT_SPECIFIED`) was dropped by a firewall or for want of a route.
/// Everywhere else that reason stands for ordinary frees too.
const LOCATED: [&str; 10] = [
    "nfqnl_reinject",
    "nf_queue",
    "__nf_queue",
    "veth_xdp_rcv_skb",
    "do_xdp_generic",
    "ip_error",
    "ip6_pkt_drop",
    "ip6_pkt_discard",
    "ip6_pkt_prohibit",
    "dst_discard_out",
];

/// Reasons recorded wherever they happen: a connection that fails for them fails in a pod's namespace as well.
const EVERYWHERE: [&str; 5] = [
    "NETFILTER_DROP",
    "NO_SOCKET",
    "SOCKET_FILTER",
    "BPF_CGROUP_EGRESS",
    "TCP_LISTEN_OVERFLOW",
];

/// Reasons recorded in the node's namespace. What is not listed is part of a protocol's normal life (duplicate segments,
/// full receive buffers), not a connection that was stopped.
const ON_NODE: [&str; 31] = [
    "TC_INGRESS",
    "TC_EGRESS",
    "XDP",
    "IP_RPFILTER",
    "IP_INNOROUTES",
    "IP_OUTNOROUTES",
    "IP_INHDR",
    "IP_INADDRERRORS",
    "IP_INVALID_SOURCE",
    "IP_INVALID_DEST",
    "IP_LOCALNET",
    "IP_LOCAL_SOURCE",
    "IP_NOPROTO",
    "IP_CSUM",
    "IPV6_BAD_EXTHDR",
    "IPV6DISABLED",
    "NEIGH_FAILED",
    "NEIGH_QUEUEFULL",
    "NEIGH_DEAD",
    "NEIGH_CREATEFAIL",
    "QDISC_DROP",
    "CPU_BACKLOG",
    "FULL_RING",
    "NOMEM",
    "DEV_READY",
    "PKT_TOO_SMALL",
    "PKT_TOO_BIG",
    "UNHANDLED_PROTO",
    "TTL_EXCEEDED",
    "BRIDGE_INGRESS_STP_STATE",
    "TUNNEL_TXINFO",
];

/// Names of the running kernel.
#[derive(Debug)]
pub struct KernelNames {
    reasons: Vec<Option<Box<str>>>,
    symbols: Symbols,
}

impl KernelNames {
    /// From the kernel's own enumeration and symbol table.
    #[must_use]
    pub fn new(reasons: Vec<(u32, String)>, symbols: Symbols) -> Self {
        let mut by_number = vec![None; REASONS];
        for (number, name) in reasons {
            if let Some(place) = by_number.get_mut(number as usize) {
                *place = Some(name.into_boxed_str());
            }
        }
        Self {
            reasons: by_number,
            symbols,
        }
    }

    /// Whether the kernel names drop reasons at all (5.17).
    #[must_use]
    pub fn has_reasons(&self) -> bool {
        self.reasons.iter().any(Option::is_some)
    }

    /// Whether functions can be named.
    #[must_use]
    pub fn has_symbols(&self) -> bool {
        !self.symbols.is_empty()
    }

    /// The kernel side's table, by reason number.
    #[must_use]
    pub fn actions(&self) -> [u8; REASONS] {
        let mut actions = [0; REASONS];
        for (action, name) in actions.iter_mut().zip(&self.reasons) {
            let Some(name) = name.as_deref() else {
                continue;
            };
            *action = if EVERYWHERE.contains(&name) {
                reason_action::NODE | reason_action::OTHER
            } else if ON_NODE.contains(&name) {
                reason_action::NODE
            } else if name == "NOT_SPECIFIED" && self.has_symbols() {
                reason_action::NODE | reason_action::LOCATED
            } else {
                0
            };
        }
        actions
    }

    /// Code in which `NOT_SPECIFIED` counts.
    #[must_use]
    pub fn located(&self) -> [CodeRange; LOCATIONS] {
        let mut ranges = [CodeRange::default(); LOCATIONS];
        let found = LOCATED.iter().flat_map(|name| self.symbols.ranges(name));
        for (place, range) in ranges.iter_mut().zip(found) {
            *place = range;
        }
        ranges
    }
}

impl Names for KernelNames {
    fn reason(&self, number: u32) -> Cow<'_, str> {
        match self.reasons.get(number as usize) {
            Some(Some(name)) => Cow::Borrowed(name),
            _ => Cow::Owned(format!("REASON_{number}")),
        }
    }

    fn location(&self, address: u64) -> Option<&str> {
        self.symbols.function(address)
    }
}

#[cfg(test)]
mod tests {
    use netpol_common::layout::reason_action;

    use super::{KernelNames, Names as _, Symbols};

    fn names() -> KernelNames {
        let reasons = [
            (2, "NOT_SPECIFIED"),
            (9, "NETFILTER_DROP"),
            (11, "TCP_OLD_DATA"),
            (20, "TC_EGRESS"),
        ];
        let reasons = reasons.map(|(number, name)| (number, name.to_owned()));
        KernelNames::new(reasons.to_vec(), Symbols::default())
    }

    #[test]
    fn a_number_without_a_name_keeps_its_number() {
        assert_eq!(names().reason(9), "NETFILTER_DROP");
        assert_eq!(names().reason(77), "REASON_77");
        assert_eq!(names().reason(u32::MAX), "REASON_4294967295");
    }

    #[test]
    fn protocol_noise_is_not_recorded_and_firewalls_are() {
        let actions = names().actions();
        assert_eq!(actions[11], 0);
        assert_eq!(actions[9], reason_action::NODE | reason_action::OTHER);
        assert_eq!(actions[20], reason_action::NODE);
    }

    #[test]
    fn unspecified_drops_need_symbols() {
        assert_eq!(names().actions()[2], 0);
    }
}
