//! The kernel side: thin entry points around what `netpol-common` parses and decides.
//!
//! ```text
//! tc, tcx    …_from_pod, …_to_pod ──► flow ──► FLOWS ─┐
//! tp_btf     …_kfree_skb ───────────────► drops ─► DROPS ─┼─► EVENTS (ring buffer)
//!                                     COUNTERS ◄──┘   every loss, per CPU
//! ```
//!
//! Every tc path returns [`CONTINUE`]: no packet is changed, none is stopped.

#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod atomic;
mod conntrack;
mod drops;
mod events;
mod flow;
mod globals;
mod log;
mod maps;
mod read;

use aya_ebpf::macros::{btf_tracepoint, classifier};
use aya_ebpf::programs::{BtfTracePointContext, TcContext};
use netpol_common::packet::LinkLayer;
use netpol_common::record::Crossing;

/// `TC_ACT_UNSPEC` and `TCX_NEXT` alike: go on with whatever comes next.
const CONTINUE: i32 = -1;

/// Ingress of the host-side device, packets with an Ethernet header.
#[classifier]
fn netpol_from_pod(ctx: TcContext) -> i32 {
    flow::track(&ctx, LinkLayer::Ethernet, Crossing::FromPod);
    CONTINUE
}

/// Egress of the host-side device, packets with an Ethernet header.
#[classifier]
fn netpol_to_pod(ctx: TcContext) -> i32 {
    flow::track(&ctx, LinkLayer::Ethernet, Crossing::ToPod);
    CONTINUE
}

/// As [`netpol_from_pod`], for devices without a link-layer header.
#[classifier]
fn netpol_from_l3(ctx: TcContext) -> i32 {
    flow::track(&ctx, LinkLayer::None, Crossing::FromPod);
    CONTINUE
}

/// As [`netpol_to_pod`], for devices without a link-layer header.
#[classifier]
fn netpol_to_l3(ctx: TcContext) -> i32 {
    flow::track(&ctx, LinkLayer::None, Crossing::ToPod);
    CONTINUE
}

/// `trace_kfree_skb(skb, location, reason, …)`.
#[btf_tracepoint(function = "kfree_skb")]
fn netpol_kfree_skb(ctx: BtfTracePointContext) -> i32 {
    drops::record(&ctx);
    0
}

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: nothing in these programs panics; the verifier would refuse the endless loop a panic would need.
    unsafe { core::hint::unreachable_unchecked() }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
