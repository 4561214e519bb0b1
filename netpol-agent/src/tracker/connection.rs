//! One connection, put together from the interfaces and drops it was seen in.

use std::sync::Arc;

use netpol_common::record::{Address, FlowKey};
use netpol_common::record::{Crossing, Tuple, drop_flag, flow_flag};

use super::outcome::{Evidence, ForwardDrop};
use super::sighting::{Dialled, DropRecord, Opener, Sighting};
use crate::drop_class::is_after_egress_hook;
use crate::enrich::Context;
use crate::flow::{Counters, Drop, DropClass, FlowId, NodeReply, Observed, State};

/// This many packets dropped since the last progress cut an open connection off; fewer may be a lost packet.
const CUT_OFF_PACKETS: u64 = 3;

/// A connection and everything that was seen of it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: FlowId,
    /// [`FlowKey`] of what was dialled, with no interface.
    pub(crate) key: FlowKey,
    pub(crate) dialled: Dialled,
    /// Everything seen of it on interfaces, at most one of the source's and one of the destination's.
    pub(crate) sightings: Vec<Sighting>,
    pub(crate) drops: Vec<DropRecord>,
    /// Latest time stamp at which packets were seen to get through.
    pub(crate) progress_at: u64,
    progress: u64,
    /// Boot time at which waiting for an answer ends.
    pub(crate) answer_by: u64,
    pub(crate) deadline: Option<u64>,
    pub(crate) revision: u64,
    pub(crate) published: Option<Published>,
    /// Latest time stamp that was told of it, in a revision or without one.
    pub(super) told_at: u64,
    /// A revision is due though nothing more was seen: more is known of its ends.
    pub(super) is_told_again: bool,
    /// What is known of both ends.
    pub(crate) context: Option<Arc<Context>>,
}

/// What the latest revision said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    pub(crate) observed: Observed,
    pub(crate) state: State,
    pub(crate) dialled: Tuple,
    pub(crate) destination: (Address, u16),
    pub(crate) counters: [Counters; 2],
}

impl Connection {
    pub(crate) fn new(id: FlowId, dialled: Dialled, protocol: u8, answer_by: u64) -> Self {
        Self {
            id,
            key: FlowKey::new(&dialled.tuple, protocol, 0),
            dialled,
            sightings: Vec::new(),
            drops: Vec::new(),
            progress_at: 0,
            progress: 0,
            answer_by,
            deadline: None,
            revision: 0,
            published: None,
            told_at: 0,
            is_told_again: false,
            context: None,
        }
    }

    /// Makes this its latest revision, and gives what the one before said.
    pub(crate) fn publish(&mut self, published: Published) -> Option<Published> {
        self.revision += 1;
        self.told_at = self.seen().1;
        self.published.replace(published)
    }

    /// A better-founded opinion about the opener replaces a weaker one.
    pub(crate) fn learn_opener(&mut self, dialled: Dialled) {
        if dialled.opener > self.dialled.opener {
            self.dialled = dialled;
        }
    }

    /// The connection on the source's interface.
    pub(crate) fn at_source(&self) -> Option<&Sighting> {
        self.sightings
            .iter()
            .find(|sighting| sighting.is_sources(&self.dialled.tuple))
    }

    /// The connection on the destination's interface.
    pub(crate) fn at_destination(&self) -> Option<&Sighting> {
        self.sightings
            .iter()
            .find(|sighting| !sighting.is_sources(&self.dialled.tuple))
    }

    /// The source's end as it dialled.
    pub(crate) fn source(&self) -> (Address, u16) {
        (self.dialled.tuple.source, self.dialled.tuple.source_port)
    }

    /// The end that was reached, or would have been: the backend, where a Service stands between.
    pub(crate) fn destination(&self) -> (Address, u16) {
        if let Some(sighting) = self.at_destination() {
            return sighting.pod_and_remote().0;
        }
        if let Some(source) = self
            .at_source()
            .filter(|seen| seen.has(flow_flag::CT_REPLY))
        {
            return (
                source.state.ct_reply.source,
                source.state.ct_reply.source_port,
            );
        }
        let translated = self.drops.iter().find(|drop| {
            drop.state.flags & drop_flag::CT_ORIGINAL != 0 && !drop.is_of_reply(&self.dialled.tuple)
        });
        translated.map_or_else(
            || {
                (
                    self.dialled.tuple.destination,
                    self.dialled.tuple.destination_port,
                )
            },
            |drop| (drop.key.tuple.destination, drop.key.tuple.destination_port),
        )
    }

    /// Whether its opening packet was seen.
    pub(crate) fn opening_seen(&self) -> bool {
        self.dialled.opener == Opener::Seen
    }

    /// The interface that dropped packets of the opener's direction had come in by.
    pub(crate) fn input_interface(&self) -> Option<u32> {
        self.forward_drops()
            .find(|drop| drop.in_node_netns && drop.key.input_ifindex != 0)
            .map(|drop| drop.key.input_ifindex)
    }

    /// First and latest time stamp of anything seen of it.
    pub(crate) fn seen(&self) -> (u64, u64) {
        let flows = self
            .sightings
            .iter()
            .map(|seen| (seen.state.first_seen, seen.state.last_seen));
        let drops = self
            .drops
            .iter()
            .map(|drop| (drop.state.first_seen, drop.state.last_seen));
        flows
            .chain(drops)
            .fold((u64::MAX, 0), |(first, last), (start, end)| {
                (first.min(start), last.max(end))
            })
    }

    /// ICMP type and code of the opener's first packet, as one number; 0 for other protocols.
    pub(crate) fn icmp(&self) -> u16 {
        let flow = self.sightings.iter().map(|seen| seen.state.icmp);
        let drops = self
            .drops
            .iter()
            .map(|drop| u16::from_be_bytes([drop.state.icmp_type, drop.state.icmp_code]));
        flow.chain(drops).next().unwrap_or(0)
    }

    /// Counters in the opener's direction and against it, on one interface.
    pub(crate) fn counters_at(&self, sighting: &Sighting) -> [Counters; 2] {
        let from_pod = sighting.counters(Crossing::FromPod);
        let to_pod = sighting.counters(Crossing::ToPod);
        if sighting.is_sources(&self.dialled.tuple) {
            [from_pod, to_pod]
        } else {
            [to_pod, from_pod]
        }
    }

    /// The connection's counters: of the source's interface, else the destination's, else what was dropped.
    pub(crate) fn counters(&self) -> [Counters; 2] {
        if let Some(sighting) = self.at_source().or_else(|| self.at_destination()) {
            return self.counters_at(sighting);
        }
        let mut counters = [Counters::default(); 2];
        for drop in &self.drops {
            let direction = &mut counters[usize::from(drop.is_of_reply(&self.dialled.tuple))];
            direction.packets += drop.state.packets;
            direction.bytes += drop.state.bytes;
            direction.tcp_flags |= drop.state.tcp_flags;
        }
        counters
    }

    /// How far it got.
    pub(crate) fn state(&self) -> State {
        if self.sightings.iter().any(|seen| seen.has(flow_flag::ENDED)) {
            State::Ended
        } else if self.has_reply() {
            State::Established
        } else {
            State::New
        }
    }

    fn has_reply(&self) -> bool {
        self.sightings.iter().any(|seen| {
            let sources = seen.is_sources(&self.dialled.tuple);
            if seen.has(flow_flag::OPENED_TO_POD) == sources {
                // This interface took the other side for the opener: both directions are what counts.
                self.counters_at(seen)
                    .iter()
                    .all(|counters| counters.packets > 0)
            } else {
                seen.has(flow_flag::REPLY_SEEN)
            }
        })
    }

    /// Notes whether more packets got through since the last call.
    pub(crate) fn note_progress(&mut self) {
        let replies: u64 = self
            .sightings
            .iter()
            .map(|seen| self.counters_at(seen)[1].packets)
            .max()
            .unwrap_or(0);
        let replies = if self.has_reply() { replies } else { 0 };
        let progress = replies + self.passed_packets();
        if progress > self.progress {
            self.progress = progress;
            self.progress_at = self
                .sightings
                .iter()
                .map(|seen| seen.state.last_seen)
                .max()
                .unwrap_or(0);
        }
    }

    fn forward_drops(&self) -> impl Iterator<Item = &DropRecord> {
        self.drops
            .iter()
            .filter(|drop| !drop.is_of_reply(&self.dialled.tuple))
    }

    /// Packets that left towards the destination pod, and were not freed behind our hook on its interface.
    fn delivered_packets(&self) -> u64 {
        let Some(destination) = self.at_destination() else {
            return 0;
        };
        let dropped: u64 = self
            .forward_drops()
            .filter(|drop| drop.in_node_netns && is_after_egress_hook(&drop.reason))
            .filter(|drop| drop.key.ifindex == destination.key.ifindex)
            .map(|drop| drop.state.packets)
            .sum();
        self.counters_at(destination)[0]
            .packets
            .saturating_sub(dropped)
    }

    /// Delivered packets that were not freed inside the pod either.
    fn passed_packets(&self) -> u64 {
        let inside: u64 = self
            .forward_drops()
            .filter(|drop| !drop.in_node_netns)
            .map(|drop| drop.state.packets)
            .sum();
        self.delivered_packets().saturating_sub(inside)
    }

    /// The facts that the outcome follows from; see [`super::outcome`].
    pub(crate) fn evidence(&self, now: u64, destination_is_node: bool) -> Evidence {
        let replied = self.has_reply();
        let any = |flag: u32| self.sightings.iter().any(|seen| seen.has(flag));
        let refused = self.sightings.iter().any(|seen| {
            seen.has(flow_flag::OPENING_SEEN) && seen.has(flow_flag::PEER_RST)
                || seen.has(flow_flag::PEER_ICMP)
        });
        let node_reply = if any(flow_flag::NODE_RST) {
            Some(NodeReply::TcpReset)
        } else if any(flow_flag::NODE_ICMP) {
            Some(NodeReply::IcmpUnreachable)
        } else {
            None
        };
        let since_progress: u64 = self
            .forward_drops()
            .filter(|drop| drop.in_node_netns && drop.state.last_seen > self.progress_at)
            .map(|drop| drop.state.packets)
            .sum();
        Evidence {
            opening_seen: self.dialled.opener == Opener::Seen,
            replied,
            refused,
            delivered: self.delivered_packets() > 0,
            passed: self.passed_packets() > 0,
            node_reply,
            drop: self.primary_drop(false).map(|drop| ForwardDrop {
                class: drop.class,
                in_node_netns: drop.in_node_netns,
                cuts_off: since_progress >= CUT_OFF_PACKETS,
            }),
            reply_dropped: self.primary_drop(true).is_some(),
            destination_is_node,
            ended: self.state() == State::Ended,
            timed_out: now >= self.answer_by,
        }
    }

    /// The drop to show for a direction: a firewall's before others, the node's before the pod's, the earliest first.
    fn primary_drop(&self, of_reply: bool) -> Option<&DropRecord> {
        self.drops
            .iter()
            .filter(|drop| drop.is_of_reply(&self.dialled.tuple) == of_reply)
            .min_by_key(|drop| {
                (
                    !drop.in_node_netns,
                    drop.class != DropClass::Firewall,
                    drop.state.first_seen,
                )
            })
    }

    /// The drop that users see, counted over all interfaces on which the same thing happened. Interfaces are numbers
    /// here; who knows their names adds them.
    pub(crate) fn shown_drop(&self) -> Option<Drop> {
        let of_reply = self.primary_drop(false).is_none();
        let primary = self.primary_drop(of_reply)?;
        let same = self.drops.iter().filter(|drop| {
            drop.is_of_reply(&self.dialled.tuple) == of_reply
                && drop.reason == primary.reason
                && drop.in_node_netns == primary.in_node_netns
        });
        let (packets, bytes) = same.fold((0, 0), |(packets, bytes), drop| {
            (packets + drop.state.packets, bytes + drop.state.bytes)
        });
        Some(Drop {
            reason: primary.reason.clone(),
            location: primary.location.clone(),
            class: primary.class,
            of_reply,
            ifindex: primary.key.ifindex,
            interface: Arc::from(""),
            input_ifindex: primary.key.input_ifindex,
            input_interface: Arc::from(""),
            packets,
            bytes,
            netns: primary.key.netns,
            in_node_netns: primary.in_node_netns,
        })
    }
}
