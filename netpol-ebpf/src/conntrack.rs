//! Conntrack's view of a packet: the tuple before any NAT, and the tuple of the replies.

use netpol_common::layout::ConntrackTuple;
use netpol_common::record::Tuple;

use crate::globals::layout;
use crate::read::probe;

/// Low bits of `skb->_nfct` hold `enum ip_conntrack_info`, the rest is the pointer (include/linux/skbuff.h).
const INFO_MASK: u64 = 7;
/// `IP_CT_ESTABLISHED_REPLY`: this and every greater value but `IP_CT_UNTRACKED` (7) stand for the reply direction.
const FIRST_REPLY: u64 = 3;
const UNTRACKED: u64 = 7;

/// A packet's conntrack entry.
#[derive(Clone, Copy)]
pub(crate) struct Conntrack {
    entry: u64,
    info: u64,
}

impl Conntrack {
    /// From the value of `skb->_nfct`.
    #[inline(always)]
    pub(crate) fn new(nfct: u64) -> Option<Self> {
        let entry = nfct & !INFO_MASK;
        if entry == 0 || layout!(ct_readable) == 0 {
            return None;
        }
        Some(Self {
            entry,
            info: nfct & INFO_MASK,
        })
    }

    /// The tuple as the connection's first packet had it.
    #[inline(always)]
    pub(crate) fn original(self) -> Option<Tuple> {
        Some(probe::<ConntrackTuple>(self.entry, layout!(ct_original))?.to_tuple())
    }

    /// The tuple as replies have it; its source is the backend.
    #[inline(always)]
    pub(crate) fn reply(self) -> Option<Tuple> {
        Some(probe::<ConntrackTuple>(self.entry, layout!(ct_reply))?.to_tuple())
    }

    /// Whether the packet goes in the reply direction.
    #[inline(always)]
    pub(crate) fn is_reply(self) -> bool {
        self.info >= FIRST_REPLY && self.info != UNTRACKED
    }
}
