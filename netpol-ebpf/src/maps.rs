//! Maps. Sizes here are defaults; the agent sets them before loading.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{LruHashMap, PerCpuArray, RingBuf};
use netpol_common::record::{
    Counter, DropKey, DropState, FlowKey, FlowState, FragmentKey, FragmentPorts,
};

/// Events to user space.
#[map]
pub(crate) static EVENTS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// Connections by interface. A common LRU: with `BPF_F_NO_COMMON_LRU` one busy CPU keeps only its own share.
#[map]
pub(crate) static FLOWS: LruHashMap<FlowKey, FlowState> = LruHashMap::with_max_entries(65_536, 0);

/// Drops by tuple, place and reason.
#[map]
pub(crate) static DROPS: LruHashMap<DropKey, DropState> = LruHashMap::with_max_entries(16_384, 0);

/// Ports of datagrams whose first fragment was seen.
#[map]
pub(crate) static FRAGMENTS: LruHashMap<FragmentKey, FragmentPorts> =
    LruHashMap::with_max_entries(4_096, 0);

/// By [`Counter`].
#[map]
static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(Counter::COUNT, 0);

/// Adds one to a counter of this CPU.
#[inline(always)]
pub(crate) fn count(counter: Counter) {
    if let Some(value) = COUNTERS.get_ptr_mut(counter as u32) {
        // SAFETY: a live value of this CPU's own; programs do not preempt one another's increments on it in a way that
        // could lose more than the increment itself.
        unsafe { *value += 1 };
    }
}
