//! Flow tracking on a pod's interface.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_ebpf::programs::TcContext;
use netpol_common::flow::{self, Sighting, reported};
use netpol_common::packet::{self, Fragment, LinkLayer, Packet, ParseError, network, signal};
use netpol_common::record::{
    Counter, Crossing, FlowKey, FlowState, FragmentKey, FragmentPorts, flow_flag,
};

use crate::atomic::Instruction;
use crate::conntrack::Conntrack;
use crate::events;
use crate::globals::{layout, node_netns};
use crate::log::debug;
use crate::maps::{FLOWS, FRAGMENTS, count};
use crate::read::{TcPacket, probe};

type SharedFlow = flow::SharedFlow<Instruction>;

/// Conntrack is looked at in the first packets that go to the pod; later ones have nothing new to say.
const CONNTRACK_PACKETS: u64 = 4;

/// Counts one packet to its connection and reports what changed.
#[inline(always)]
pub(crate) fn track(ctx: &TcContext, link: LinkLayer, crossing: Crossing) {
    count(Counter::PacketsSeen);
    let source = TcPacket(ctx);
    let offset = match packet::network_offset(&source, link) {
        Ok(offset) => offset,
        Err(error) => return refuse(ctx, error),
    };
    let mut packet = match packet::network::parse(&source, offset) {
        Ok(packet) => packet,
        Err(error) => return refuse(ctx, error),
    };
    // SAFETY: the context of a tc program is live for its whole run.
    let (ifindex, ingress_ifindex, gso_segments) = unsafe {
        let skb = ctx.skb.skb;
        ((*skb).ifindex, (*skb).ingress_ifindex, (*skb).gso_segs)
    };
    let sighting = Sighting {
        crossing,
        // SAFETY: the helper has no preconditions.
        now: unsafe { bpf_ktime_get_boot_ns() },
        bytes: u64::from(ctx.len().saturating_sub(offset as u32)),
        segments: if gso_segments == 0 { 1 } else { gso_segments },
        node_made: matches!(crossing, Crossing::ToPod) && ingress_ifindex == 0,
    };
    match packet.fragment {
        Fragment::Whole => {}
        Fragment::First { identification } => {
            remember_fragment(&packet, identification, ifindex);
        }
        Fragment::Later { identification } => {
            return count_fragment(&mut packet, identification, ifindex, &sighting);
        }
    }
    if packet.has(signal::ICMP_ERROR) {
        if packet.has(signal::UNREACHABLE) && matches!(crossing, Crossing::ToPod) {
            note_unreachable(&packet, ifindex, sighting.node_made);
        }
        return;
    }
    if packet.has(signal::LINK_CONTROL) {
        return;
    }
    let key = FlowKey::new(&packet.tuple, packet.protocol, ifindex);
    let Some(state) = find_or_open(&key, &packet, &sighting) else {
        count(Counter::FlowsFailed);
        return;
    };
    // SAFETY: a pointer to a live map value, as the helper returned it.
    let flow = unsafe { SharedFlow::new(state) };
    let mut flags = flow.count(&packet, &sighting);
    match crossing {
        Crossing::ToPod => flags = learn_conntrack(ctx, state, flow, flags),
        Crossing::FromPod => learn_netns(ctx, state),
    }
    report(&key, state, flow, flags);
}

#[inline(always)]
fn refuse(_ctx: &TcContext, error: ParseError) {
    debug!(_ctx, "packet refused: {}", error as u32);
    count(match error {
        ParseError::NotIp => Counter::NotIp,
        ParseError::Truncated => Counter::Truncated,
        ParseError::Malformed => Counter::Malformed,
    });
}

/// The connection's entry, made if there is none, made anew if the old one has ended and this opens another.
#[inline(always)]
fn find_or_open(key: &FlowKey, packet: &Packet, sighting: &Sighting) -> Option<*mut FlowState> {
    if let Some(state) = FLOWS.get_ptr_mut(key) {
        // SAFETY: a live map value; a torn read of flags that change at this moment is settled by the next packet.
        if !unsafe { (*state).is_succeeded_by(packet) } {
            return Some(state);
        }
        if FLOWS.remove(key).is_ok() {
            count(Counter::FlowsDeleted);
        }
    }
    let state = FlowState::open(packet, sighting);
    if FLOWS.insert(key, &state, u64::from(BPF_NOEXIST)).is_ok() {
        count(Counter::FlowsInserted);
    }
    // Another CPU may have been first; then its entry counts.
    FLOWS.get_ptr_mut(key)
}

#[inline(always)]
fn learn_conntrack(ctx: &TcContext, state: *mut FlowState, flow: SharedFlow, flags: u32) -> u32 {
    if flags & flow_flag::CT_ORIGINAL != 0 {
        return flags;
    }
    // SAFETY: a live map value.
    if unsafe { (*state).counters[1].packets } > CONNTRACK_PACKETS {
        return flags;
    }
    // In a tc program the context is the `sk_buff` itself.
    let Some(nfct) = probe::<u64>(ctx.skb.skb as u64, layout!(skb_nfct)) else {
        return flags;
    };
    let Some(conntrack) = Conntrack::new(nfct) else {
        return flags;
    };
    let mut learnt = 0;
    // SAFETY: a live map value; flags that announce the tuples are set after they are written.
    unsafe {
        if let Some(tuple) = conntrack.original() {
            (*state).ct_original = tuple;
            learnt |= flow_flag::CT_ORIGINAL;
        }
        if let Some(tuple) = conntrack.reply() {
            (*state).ct_reply = tuple;
            learnt |= flow_flag::CT_REPLY;
        }
    }
    flow.add_flags(flags, learnt)
}

/// On the host side of a veth a packet still belongs to the socket that sent it, and that to the pod's namespace.
#[inline(always)]
fn learn_netns(ctx: &TcContext, state: *mut FlowState) {
    // SAFETY: a live map value.
    if unsafe { (*state).pod_netns } != 0 {
        return;
    }
    // In a tc program the context is the `sk_buff` itself.
    let Some(socket) = probe::<u64>(ctx.skb.skb as u64, layout!(skb_sk)) else {
        return;
    };
    if socket == 0 {
        return;
    }
    let Some(net) = probe::<u64>(socket, layout!(sock_net)) else {
        return;
    };
    let Some(netns) = probe::<u32>(net, layout!(net_inum)) else {
        return;
    };
    if netns != node_netns() {
        // SAFETY: a live map value; every CPU writes the same.
        unsafe { (*state).pod_netns = netns };
    }
}

#[inline(always)]
fn report(key: &FlowKey, state: *const FlowState, flow: SharedFlow, flags: u32) {
    let Some(kind) = flow::due_event(flags) else {
        return;
    };
    if events::flow(kind, key, state) {
        flow.add_flags(flags, reported(flags));
    }
}

#[inline(always)]
fn fragment_key(packet: &Packet, identification: u32, ifindex: u32) -> FragmentKey {
    FragmentKey {
        source: packet.tuple.source,
        destination: packet.tuple.destination,
        identification,
        ifindex,
        protocol: if network::is_mapped(&packet.tuple.source) {
            packet.protocol
        } else {
            0
        },
        reserved: [0; 3],
    }
}

#[inline(always)]
fn remember_fragment(packet: &Packet, identification: u32, ifindex: u32) {
    let ports = FragmentPorts {
        source_port: packet.tuple.source_port,
        destination_port: packet.tuple.destination_port,
        protocol: packet.protocol,
        reserved: [0; 3],
    };
    if FRAGMENTS
        .insert(fragment_key(packet, identification, ifindex), ports, 0)
        .is_ok()
    {
        count(Counter::FragmentsInserted);
    }
}

/// Counts a later fragment to the connection whose first fragment was seen. It opens none.
#[inline(always)]
fn count_fragment(packet: &mut Packet, identification: u32, ifindex: u32, sighting: &Sighting) {
    // SAFETY: nobody removes entries of this map while the reference lives but the LRU, which leaves the memory valid
    // until the program ends.
    let ports = unsafe { FRAGMENTS.get(fragment_key(packet, identification, ifindex)) };
    if let Some(ports) = ports {
        packet.tuple.source_port = ports.source_port;
        packet.tuple.destination_port = ports.destination_port;
        let key = FlowKey::new(&packet.tuple, ports.protocol, ifindex);
        if let Some(state) = FLOWS.get_ptr_mut(key) {
            // SAFETY: a live map value.
            unsafe { SharedFlow::new(state) }.count_fragment(sighting);
            return;
        }
    }
    count(Counter::FragmentsUnmatched);
}

/// Marks the connection that an ICMP error tells the pod about.
#[inline(always)]
fn note_unreachable(packet: &Packet, ifindex: u32, node_made: bool) {
    let key = FlowKey::new(&packet.tuple, packet.protocol, ifindex);
    let Some(state) = FLOWS.get_ptr_mut(key) else {
        return;
    };
    // SAFETY: a live map value.
    let flow = unsafe { SharedFlow::new(state) };
    let learnt = if node_made {
        flow_flag::NODE_ICMP
    } else {
        flow_flag::PEER_ICMP
    };
    flow.add_flags(flow.flags(), learnt | flow_flag::ENDED);
    report(&key, state, flow, flow.flags());
}
