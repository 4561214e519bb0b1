//! Reading kernel memory: header bytes of a packet, and fields at offsets found in BTF.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel as probe_read_kernel;
use aya_ebpf::helpers::{bpf_probe_read_kernel, bpf_skb_load_bytes};
use aya_ebpf::programs::TcContext;
use netpol_common::packet::ByteSource;

/// Largest offset that is read from a packet: headers end far before it.
const MAX_OFFSET: usize = 0x3fff;

/// A packet in a tc program: direct access where the bytes are linear, a helper where they are not.
pub(crate) struct TcPacket<'a>(pub(crate) &'a TcContext);

impl ByteSource for TcPacket<'_> {
    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > MAX_OFFSET {
            return None;
        }
        let start = self.0.data() + offset;
        // For one byte the compiler would turn this into `start < end`, of which the verifier learns nothing.
        if start + N.max(2) <= self.0.data_end() {
            // SAFETY: the line above is the bounds check that the verifier asks for.
            return Some(unsafe { core::ptr::read_unaligned(start as *const [u8; N]) });
        }
        let mut bytes = [0u8; N];
        // SAFETY: the destination is `N` bytes long; the helper checks the offset against the packet.
        let result = unsafe {
            bpf_skb_load_bytes(
                self.0.skb.skb.cast(),
                offset as u32,
                bytes.as_mut_ptr().cast(),
                N as u32,
            )
        };
        (result == 0).then_some(bytes)
    }
}

/// A packet's linear bytes from its network header on, behind probe reads.
pub(crate) struct KernelPacket {
    pub(crate) network_header: u64,
    pub(crate) length: usize,
}

impl ByteSource for KernelPacket {
    #[inline(always)]
    fn bytes<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > MAX_OFFSET || offset + N > self.length {
            return None;
        }
        let mut bytes = [0u8; N];
        // SAFETY: the destination is `N` bytes long; a bad source address fails the read and nothing else.
        let result = unsafe {
            probe_read_kernel(
                bytes.as_mut_ptr().cast(),
                N as u32,
                (self.network_header + offset as u64) as *const _,
            )
        };
        (result == 0).then_some(bytes)
    }
}

/// Reads a `T` at `base + offset` by probe.
#[inline(always)]
pub(crate) fn probe<T>(base: u64, offset: usize) -> Option<T> {
    // SAFETY: a bad address fails the read and nothing else.
    unsafe { bpf_probe_read_kernel((base + offset as u64) as *const T) }.ok()
}

/// Loads a `T` at `base + offset` directly.
///
/// # Safety
/// `base` is a pointer that the verifier knows by its BTF type, and `offset` that of a field of `T`'s size.
#[inline(always)]
pub(crate) unsafe fn load<T>(base: *const u8, offset: usize) -> T {
    // SAFETY: by contract; a fault on such a pointer reads as zero.
    unsafe { core::ptr::read_volatile(base.add(offset).cast::<T>()) }
}
