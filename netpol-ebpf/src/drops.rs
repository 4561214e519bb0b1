//! Drop capture: which packets the kernel freed, where and why.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_ebpf::programs::BtfTracePointContext;
use netpol_common::flow::Atomic as _;
use netpol_common::layout::reason_action;
use netpol_common::packet::{self, Packet, signal};
use netpol_common::record::{Counter, DropKey, DropState, drop_flag};

use crate::atomic::Instruction;
use crate::conntrack::Conntrack;
use crate::events;
use crate::globals::{self, layout};
use crate::log::debug;
use crate::maps::{DROPS, count};
use crate::read::{KernelPacket, load};

/// Where a packet was freed.
struct Place {
    ifindex: u32,
    netns: u32,
}

/// Counts one freed packet, if its reason is one that is recorded.
#[inline(always)]
pub(crate) fn record(ctx: &BtfTracePointContext) {
    let reason = ctx.arg::<u64>(2) as u32;
    let action = globals::reason_action(reason);
    if action == 0 {
        return;
    }
    let location = ctx.arg::<u64>(1);
    if action & reason_action::LOCATED != 0 && !globals::is_listed(location) {
        return;
    }
    let skb = ctx.arg::<*const u8>(0);
    let place = place(skb);
    let wanted = if place.netns == globals::node_netns() {
        reason_action::NODE
    } else {
        reason_action::OTHER
    };
    if action & wanted == 0 {
        return;
    }
    debug!(ctx, "drop {} at {:x}", reason, location);
    count(Counter::DropsSeen);
    let Ok(packet) = headers(skb) else {
        count(Counter::DropsUnparsed);
        return;
    };
    // An error about another packet is no connection, and its quoted addresses are not those of what was dropped.
    if packet.signals & (signal::ICMP_ERROR | signal::LINK_CONTROL) != 0 {
        return;
    }
    let key = DropKey {
        location,
        tuple: packet.tuple,
        reason,
        ifindex: place.ifindex,
        // SAFETY: a field of the argument, at its BTF offset.
        input_ifindex: unsafe { load(skb, layout!(skb_iif)) },
        netns: place.netns,
        protocol: packet.protocol,
        reserved: [0; 3],
    };
    count_drop(skb, &key, &packet);
}

/// Device and network namespace; where there is no device, that of the socket.
#[inline(always)]
fn place(skb: *const u8) -> Place {
    // SAFETY: every load is of a field of a BTF-typed pointer at its BTF offset; null pointers are left alone.
    unsafe {
        let device: *const u8 = load(skb, layout!(skb_dev));
        if !device.is_null() {
            let net: *const u8 = load(device, layout!(dev_net));
            return Place {
                ifindex: load(device, layout!(dev_ifindex)),
                netns: inum(net),
            };
        }
        let socket: *const u8 = load(skb, layout!(skb_sk));
        let netns = if socket.is_null() {
            0
        } else {
            inum(load(socket, layout!(sock_net)))
        };
        Place { ifindex: 0, netns }
    }
}

/// # Safety
/// `net` is null or a BTF-typed `struct net` pointer.
#[inline(always)]
unsafe fn inum(net: *const u8) -> u32 {
    if net.is_null() {
        return 0;
    }
    // SAFETY: by contract.
    unsafe { load(net, layout!(net_inum)) }
}

#[inline(always)]
fn headers(skb: *const u8) -> Result<Packet, packet::ParseError> {
    // SAFETY: fields of the argument, at their BTF offsets.
    let (head, tail, network_header) = unsafe {
        (
            load::<u64>(skb, layout!(skb_head)),
            load::<u32>(skb, layout!(skb_tail)),
            load::<u16>(skb, layout!(skb_network_header)),
        )
    };
    let source = KernelPacket {
        network_header: head + u64::from(network_header),
        length: (tail as usize).saturating_sub(network_header as usize),
    };
    packet::network::parse(&source, 0)
}

#[inline(always)]
fn count_drop(skb: *const u8, key: &DropKey, packet: &Packet) {
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    // SAFETY: a field of the argument, at its BTF offset.
    let bytes = u64::from(unsafe { load::<u32>(skb, layout!(skb_len)) });
    if let Some(state) = DROPS.get_ptr_mut(key) {
        return add(state, now, bytes, packet.tcp_flags);
    }
    let mut state = DropState {
        first_seen: now,
        last_seen: now,
        packets: 1,
        bytes,
        tcp_flags: packet.tcp_flags,
        icmp_type: packet.icmp_type,
        icmp_code: packet.icmp_code,
        ..DropState::default()
    };
    if packet.has(signal::OPENING) {
        state.flags |= drop_flag::OPENING;
    }
    // SAFETY: a field of the argument, at its BTF offset; 0 on a kernel without conntrack is caught by `ct_readable`.
    let nfct = unsafe { load::<u64>(skb, layout!(skb_nfct)) };
    if let Some(conntrack) = Conntrack::new(nfct) {
        if let Some(tuple) = conntrack.original() {
            state.ct_original = tuple;
            state.flags |= drop_flag::CT_ORIGINAL;
        }
        if conntrack.is_reply() {
            state.flags |= drop_flag::CT_REPLY_DIRECTION;
        }
    }
    if DROPS.insert(key, &state, u64::from(BPF_NOEXIST)).is_err() {
        // Another CPU was first, or the map refused it.
        match DROPS.get_ptr_mut(key) {
            Some(state) => add(state, now, bytes, packet.tcp_flags),
            None => count(Counter::DropsFailed),
        }
        return;
    }
    count(Counter::DropsInserted);
    if !events::drop(key, &raw const state) {
        return;
    }
    if let Some(state) = DROPS.get_ptr_mut(key) {
        // SAFETY: a live map value; every CPU changes the flags atomically.
        unsafe { Instruction::or(&raw mut (*state).flags, drop_flag::REPORTED) };
    }
}

#[inline(always)]
fn add(state: *mut DropState, now: u64, bytes: u64, tcp_flags: u8) {
    // SAFETY: a live map value; counters are changed atomically, in the rest the latest writer may win.
    unsafe {
        Instruction::add(&raw mut (*state).packets, 1);
        Instruction::add(&raw mut (*state).bytes, bytes);
        (*state).last_seen = now;
        (*state).tcp_flags |= tcp_flags;
    }
}
