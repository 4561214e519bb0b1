//! Atomic instructions of the BPF machine (`BPF_STX | BPF_ATOMIC`, kernel 5.12), which the target offers only in assembly.

use core::arch::asm;

use netpol_common::flow::Atomic;

/// Atomics by one instruction each.
pub(crate) struct Instruction;

impl Atomic for Instruction {
    #[inline(always)]
    unsafe fn add(at: *mut u64, value: u64) {
        // SAFETY: by the trait's contract; the instruction touches nothing but `*at`.
        unsafe {
            asm!("lock *(u64 *)({at} + 0) += {value}", at = in(reg) at, value = in(reg) value)
        };
    }

    #[inline(always)]
    unsafe fn or(at: *mut u32, bits: u32) {
        // SAFETY: by the trait's contract; the instruction touches nothing but `*at`.
        unsafe { asm!("lock *(u32 *)({at} + 0) |= {bits}", at = in(reg) at, bits = in(wreg) bits) };
    }
}
