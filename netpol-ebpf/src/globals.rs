//! Read-only globals, set by the agent before the programs are loaded. The verifier sees them as constants.

use netpol_common::layout::{CodeRange, KernelLayout, LOCATIONS, REASONS};

/// Field offsets of the running kernel.
#[unsafe(no_mangle)]
static LAYOUT: KernelLayout = KernelLayout {
    skb_dev: 0,
    skb_iif: 0,
    skb_sk: 0,
    skb_head: 0,
    skb_tail: 0,
    skb_len: 0,
    skb_network_header: 0,
    skb_nfct: 0,
    dev_ifindex: 0,
    dev_net: 0,
    sock_net: 0,
    net_inum: 0,
    ct_original: 0,
    ct_reply: 0,
    ct_readable: 0,
};

/// Inode number of the node's network namespace.
#[unsafe(no_mangle)]
static NODE_NETNS: u32 = 0;

/// By reason number: bits of `netpol_common::layout::reason_action`.
#[unsafe(no_mangle)]
static REASON_ACTIONS: [u8; REASONS] = [0; REASONS];

/// Functions in which a reason marked `LOCATED` counts. Unused places are empty ranges.
#[unsafe(no_mangle)]
static CODE_RANGES: [CodeRange; LOCATIONS] = [CodeRange { start: 0, end: 0 }; LOCATIONS];

/// Reads one field of [`LAYOUT`] as the loader set it.
macro_rules! layout {
    ($field:ident) => {
        $crate::globals::field(::core::mem::offset_of!(
            ::netpol_common::layout::KernelLayout,
            $field
        ))
    };
}
pub(crate) use layout;

/// The field at a byte offset of [`LAYOUT`].
#[inline(always)]
pub(crate) fn field(offset: usize) -> usize {
    // SAFETY: a field of a live static, all of which are `u32`; volatile, since the loader replaces its bytes.
    unsafe { core::ptr::read_volatile((&raw const LAYOUT).cast::<u32>().byte_add(offset)) as usize }
}

#[inline(always)]
pub(crate) fn node_netns() -> u32 {
    // SAFETY: a live static; volatile, since the loader replaces its bytes.
    unsafe { core::ptr::read_volatile(&raw const NODE_NETNS) }
}

/// What to do with a reason; nothing for those outside the table.
#[inline(always)]
pub(crate) fn reason_action(reason: u32) -> u8 {
    if reason as usize >= REASONS {
        return 0;
    }
    // SAFETY: the index was just checked.
    unsafe {
        core::ptr::read_volatile(
            (&raw const REASON_ACTIONS)
                .cast::<u8>()
                .add(reason as usize),
        )
    }
}

/// Whether a code address lies in one of the listed functions.
#[inline(always)]
pub(crate) fn is_listed(location: u64) -> bool {
    for index in 0..LOCATIONS {
        // SAFETY: the index is below the array's length.
        let range = unsafe {
            core::ptr::read_volatile((&raw const CODE_RANGES).cast::<CodeRange>().add(index))
        };
        if location >= range.start && location < range.end {
            return true;
        }
    }
    false
}
