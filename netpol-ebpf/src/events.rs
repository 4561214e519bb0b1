//! The ring buffer: reserve, fill in place, submit.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use netpol_common::record::{
    ABI_VERSION, Counter, DropEvent, DropKey, DropState, EventHeader, EventKind, FlowEvent,
    FlowKey, FlowState,
};

use crate::maps::{EVENTS, count};

/// The reader is woken once this many bytes wait; before that it comes by itself every few milliseconds.
const WAKE_AT: u64 = 64 << 10;

/// Submits a flow event. False where the ring was full: counted, and due again with the next packet.
#[inline(always)]
pub(crate) fn flow(kind: EventKind, key: &FlowKey, state: *const FlowState) -> bool {
    let Some(mut entry) = EVENTS.reserve::<FlowEvent>(0) else {
        count(Counter::FlowEventsLost);
        return false;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: `event` points to reserved space of the type's size; `state` is a live map value.
    unsafe {
        (*event).header = header(kind);
        (*event).key = *key;
        (*event).reserved = 0;
        copy_words(
            state.cast(),
            (&raw mut (*event).state).cast(),
            size_of::<FlowState>() / 8,
        );
    }
    entry.submit(wakeup());
    count(Counter::FlowEventsSent);
    true
}

/// Submits a first-drop event. False where the ring was full: counted, and found by the agent in the map.
#[inline(always)]
pub(crate) fn drop(key: &DropKey, state: *const DropState) -> bool {
    let Some(mut entry) = EVENTS.reserve::<DropEvent>(0) else {
        count(Counter::DropEventsLost);
        return false;
    };
    let event = entry.as_mut_ptr();
    // SAFETY: as in `flow`.
    unsafe {
        (*event).header = header(EventKind::Drop);
        (*event).key = *key;
        copy_words(
            state.cast(),
            (&raw mut (*event).state).cast(),
            size_of::<DropState>() / 8,
        );
    }
    entry.submit(wakeup());
    count(Counter::DropEventsSent);
    true
}

#[inline(always)]
fn header(kind: EventKind) -> EventHeader {
    EventHeader {
        abi: ABI_VERSION,
        kind: kind as u32,
    }
}

#[inline(always)]
fn wakeup() -> u64 {
    if EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) >= WAKE_AT {
        u64::from(BPF_RB_FORCE_WAKEUP)
    } else {
        u64::from(BPF_RB_NO_WAKEUP)
    }
}

/// Copies eight bytes at a time, without a detour over the 512-byte stack.
///
/// # Safety
/// Both point to `words` aligned words and do not overlap.
#[inline(always)]
unsafe fn copy_words(from: *const u64, to: *mut u64, words: usize) {
    for index in 0..words {
        // SAFETY: by contract.
        unsafe {
            core::ptr::write_volatile(to.add(index), core::ptr::read_volatile(from.add(index)))
        };
    }
}
