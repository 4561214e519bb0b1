//! What kind of thing drops a packet with a given reason at a given place in the kernel.
//!
//! Reasons are names, never numbers: the numbers move between kernels. A name that is not in the table is
//! [`DropClass::Other`]; it is shown, and blamed on nobody.
//!
//! | reason | at | class |
//! |---|---|---|
//! | `NETFILTER_DROP`, `TC_INGRESS`, `TC_EGRESS`, `XDP` | anywhere | firewall |
//! | `NOT_SPECIFIED` | `nfqnl_reinject`, `nf_queue`, `__nf_queue`, `veth_xdp_rcv_skb`, `do_xdp_generic` | firewall |
//! | `NOT_SPECIFIED` | `ip_error`, `ip6_pkt_drop` and its callers, `dst_discard_out` | routing |
//! | `IP_INNOROUTES`, `IP_OUTNOROUTES`, `IP_RPFILTER`, `IP_INHDR`… | anywhere | routing |
//! | `NEIGH_…` | anywhere | neighbour |
//! | `NO_SOCKET` | anywhere | no socket |
//!
//! `NETFILTER_DROP` of a TCP packet that is not an opening one and has no conntrack entry is what a rule for
//! `ctstate INVALID` does: it is taken out, since it says nothing about policy.

use std::borrow::Cow;

use crate::flow::DropClass;

/// Names of the running kernel.
pub trait Names: Send + Sync {
    /// Name of a `enum skb_drop_reason` value, without the `SKB_DROP_REASON_` prefix.
    fn reason(&self, number: u32) -> Cow<'_, str>;
    /// Function that an address lies in; `None` where symbols cannot be read.
    fn location(&self, address: u64) -> Option<&str>;
}

/// What is known of a drop, names resolved.
#[derive(Clone, Copy, Debug)]
pub struct DropFacts<'a> {
    /// Reason as the running kernel names it, without the `SKB_DROP_REASON_` prefix.
    pub reason: &'a str,
    /// Kernel function, where symbols could be read.
    pub location: Option<&'a str>,
    /// Conntrack had an entry.
    pub tracked: bool,
    /// An opening packet, or of a protocol without one.
    pub opening: bool,
    /// It was TCP.
    pub tcp: bool,
}

/// Classifies a drop.
#[must_use]
pub fn classify(facts: &DropFacts) -> DropClass {
    match facts.reason {
        "NETFILTER_DROP" if facts.tcp && !facts.tracked && !facts.opening => {
            DropClass::ConntrackInvalid
        }
        "NETFILTER_DROP" | "TC_INGRESS" | "TC_EGRESS" | "XDP" => DropClass::Firewall,
        "NOT_SPECIFIED" => unspecified(facts.location),
        "NO_SOCKET" => DropClass::NoSocket,
        "IP_INNOROUTES"
        | "IP_OUTNOROUTES"
        | "IP_RPFILTER"
        | "IP_INHDR"
        | "IP_INADDRERRORS"
        | "IP_INVALID_SOURCE"
        | "IP_INVALID_DEST"
        | "IP_LOCALNET"
        | "IP_LOCAL_SOURCE"
        | "IP_INVALID_SOURCE_ADDR"
        | "UNICAST_IN_L2_MULTICAST" => DropClass::Routing,
        "PKT_TOO_SMALL" | "HDR_TRUNC" | "TCP_CSUM" | "UDP_CSUM" | "ICMP_CSUM" | "IP_CSUM"
        | "SKB_CSUM" | "SKB_BAD_GSO" | "IPV6_BAD_EXTHDR" | "UNHANDLED_PROTO" | "IP_NOPROTO" => {
            DropClass::Malformed
        }
        "SOCKET_RCVBUFF" | "SOCKET_BACKLOG" | "CPU_BACKLOG" | "FULL_RING" | "NOMEM"
        | "PROTO_MEM" | "QDISC_DROP" | "QDISC_OVERLIMIT" | "SKB_UCOPY_FAULT" | "FRAG_TOO_FAR"
        | "FRAG_REASM_TIMEOUT" => DropClass::Resources,
        reason if reason.starts_with("NEIGH_") => DropClass::Neighbour,
        _ => DropClass::Other,
    }
}

/// Mechanisms that free a packet without naming a reason are told by the function that did it.
fn unspecified(location: Option<&str>) -> DropClass {
    match location {
        Some(
            "nfqnl_reinject" | "nf_queue" | "__nf_queue" | "veth_xdp_rcv_skb" | "do_xdp_generic",
        ) => DropClass::Firewall,
        Some(
            "ip_error" | "ip6_pkt_drop" | "ip6_pkt_discard" | "ip6_pkt_prohibit"
            | "dst_discard_out",
        ) => DropClass::Routing,
        _ => DropClass::Other,
    }
}

/// Whether a packet with this reason was freed behind the tc egress hook of `skb->dev`, where it had already been
/// counted as delivered.
#[must_use]
pub fn is_after_egress_hook(reason: &str) -> bool {
    reason == "TC_EGRESS" || reason == "XDP" || reason.starts_with("QDISC_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts<'a>(reason: &'a str, location: Option<&'a str>) -> DropFacts<'a> {
        DropFacts {
            reason,
            location,
            tracked: true,
            opening: true,
            tcp: true,
        }
    }

    #[test]
    fn every_row_of_the_table() {
        let rows = [
            ("NETFILTER_DROP", Some("nft_do_chain"), DropClass::Firewall),
            ("NETFILTER_DROP", Some("nf_hook_slow"), DropClass::Firewall),
            ("NETFILTER_DROP", None, DropClass::Firewall),
            ("TC_INGRESS", None, DropClass::Firewall),
            ("TC_EGRESS", None, DropClass::Firewall),
            ("XDP", None, DropClass::Firewall),
            ("NOT_SPECIFIED", Some("nfqnl_reinject"), DropClass::Firewall),
            ("NOT_SPECIFIED", Some("nf_queue"), DropClass::Firewall),
            (
                "NOT_SPECIFIED",
                Some("veth_xdp_rcv_skb"),
                DropClass::Firewall,
            ),
            ("NOT_SPECIFIED", Some("do_xdp_generic"), DropClass::Firewall),
            ("NOT_SPECIFIED", Some("ip_error"), DropClass::Routing),
            (
                "NOT_SPECIFIED",
                Some("ip6_pkt_prohibit"),
                DropClass::Routing,
            ),
            ("NOT_SPECIFIED", Some("dst_discard_out"), DropClass::Routing),
            (
                "NOT_SPECIFIED",
                Some("unix_dgram_sendmsg"),
                DropClass::Other,
            ),
            ("NOT_SPECIFIED", None, DropClass::Other),
            ("IP_INNOROUTES", None, DropClass::Routing),
            ("IP_RPFILTER", None, DropClass::Routing),
            ("IP_INHDR", None, DropClass::Routing),
            ("NEIGH_FAILED", None, DropClass::Neighbour),
            ("NEIGH_QUEUEFULL", None, DropClass::Neighbour),
            ("NO_SOCKET", None, DropClass::NoSocket),
            ("TCP_CSUM", None, DropClass::Malformed),
            ("SOCKET_RCVBUFF", None, DropClass::Resources),
            ("A_REASON_OF_TOMORROW", None, DropClass::Other),
        ];
        for (reason, location, class) in rows {
            assert_eq!(
                classify(&facts(reason, location)),
                class,
                "{reason} at {location:?}"
            );
        }
    }

    #[test]
    fn an_untracked_tcp_packet_that_opens_nothing_is_conntrack_invalid() {
        let invalid = DropFacts {
            tracked: false,
            opening: false,
            ..facts("NETFILTER_DROP", None)
        };
        assert_eq!(classify(&invalid), DropClass::ConntrackInvalid);
        let udp = DropFacts {
            tcp: false,
            ..invalid
        };
        assert_eq!(classify(&udp), DropClass::Firewall);
        let raw_table = DropFacts {
            opening: true,
            ..invalid
        };
        assert_eq!(classify(&raw_table), DropClass::Firewall);
    }
}
