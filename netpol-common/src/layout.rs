//! What the kernel side must know of the running kernel, found in its BTF at load and passed as read-only globals.

/// Byte offsets of the fields that the kernel side reads.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelLayout {
    /// `sk_buff.dev`.
    pub skb_dev: u32,
    /// `sk_buff.skb_iif`.
    pub skb_iif: u32,
    /// `sk_buff.sk`.
    pub skb_sk: u32,
    /// `sk_buff.head`.
    pub skb_head: u32,
    /// `sk_buff.tail`.
    pub skb_tail: u32,
    /// `sk_buff.len`.
    pub skb_len: u32,
    /// `sk_buff.network_header`.
    pub skb_network_header: u32,
    /// `sk_buff._nfct`; 0 on a kernel without conntrack.
    pub skb_nfct: u32,
    /// `net_device.ifindex`.
    pub dev_ifindex: u32,
    /// `net_device.nd_net.net`.
    pub dev_net: u32,
    /// `sock.__sk_common.skc_net.net`.
    pub sock_net: u32,
    /// `net.ns.inum`.
    pub net_inum: u32,
    /// `nf_conn.tuplehash[IP_CT_DIR_ORIGINAL].tuple`; 0 when its layout is not the known one.
    pub ct_original: u32,
    /// `nf_conn.tuplehash[IP_CT_DIR_REPLY].tuple`.
    pub ct_reply: u32,
    /// 1 where conntrack tuples can be read.
    pub ct_readable: u32,
}

/// `struct nf_conntrack_tuple` (include/net/netfilter/nf_conntrack_tuple.h). Checked against BTF before it is relied on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ConntrackTuple {
    /// `src.u3`: IPv4 in the first four bytes.
    pub source: [u8; 16],
    /// `src.u`: port or ICMP identifier, network byte order.
    pub source_port: [u8; 2],
    /// `src.l3num`: `AF_INET` or `AF_INET6`, host byte order.
    pub family: u16,
    /// `dst.u3`.
    pub destination: [u8; 16],
    /// `dst.u`: port, or ICMP type and code.
    pub destination_port: [u8; 2],
    /// `dst.protonum`.
    pub protocol: u8,
    /// `dst.dir`.
    pub direction: u8,
}

/// `AF_INET`.
const AF_INET: u16 = 2;

impl ConntrackTuple {
    /// As a [`crate::record::Tuple`]; an ICMP identifier stands for both ports.
    #[inline(always)]
    #[must_use]
    pub fn to_tuple(&self) -> crate::record::Tuple {
        use crate::packet::{network::mapped, transport};
        let v4 = self.family == AF_INET;
        let address = |bytes: [u8; 16]| {
            if v4 {
                mapped([bytes[0], bytes[1], bytes[2], bytes[3]])
            } else {
                bytes
            }
        };
        let source_port = u16::from_be_bytes(self.source_port);
        let icmp = self.protocol == transport::ICMP || self.protocol == transport::ICMPV6;
        crate::record::Tuple {
            source: address(self.source),
            destination: address(self.destination),
            source_port,
            destination_port: if icmp {
                source_port
            } else {
                u16::from_be_bytes(self.destination_port)
            },
        }
    }
}

/// Number of `enum skb_drop_reason` values that are told apart; kernel 6.18 has about 130 of the core's own.
pub const REASONS: usize = 256;

/// What to do with a drop reason, bits of the table indexed by reason number.
pub mod reason_action {
    /// Record it when it happens in the node's network namespace.
    pub const NODE: u8 = 1 << 0;
    /// Record it when it happens in another network namespace.
    pub const OTHER: u8 = 1 << 1;
    /// Only where the packet was freed in one of the listed functions.
    pub const LOCATED: u8 = 1 << 2;
}

/// A kernel function's code: `start` up to but not including `end`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CodeRange {
    /// Address of its first byte.
    pub start: u64,
    /// Address behind its last byte.
    pub end: u64,
}

/// How many functions can be listed.
pub const LOCATIONS: usize = 16;

const _: () = {
    assert!(core::mem::size_of::<KernelLayout>() == 60);
    assert!(core::mem::size_of::<ConntrackTuple>() == 40);
    assert!(core::mem::size_of::<CodeRange>() == 16);
};
