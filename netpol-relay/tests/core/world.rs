//! Flows as agents send them. Times are milliseconds after a fixed moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use netpol_api::agreement::agreement;
use netpol_api::v1;
use netpol_api::v1::observed::Verdict;
use prost_types::Timestamp;

const START: u64 = 1_700_000_000;

pub(crate) fn at(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START) + Duration::from_millis(millis)
}

pub(crate) fn stamp(millis: u64) -> Option<Timestamp> {
    Some(at(millis).into())
}

/// Milliseconds of a stamp.
pub(crate) fn millis(stamp: Option<Timestamp>) -> u64 {
    let stamp = stamp.unwrap();
    let seconds = u64::try_from(stamp.seconds).unwrap() - START;
    seconds * 1000 + u64::try_from(stamp.nanos).unwrap() / 1_000_000
}

pub(crate) fn node_name(node: usize) -> String {
    format!("node-{node}")
}

/// A connection from a pod on one node to a pod on another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) source: usize,
    pub(crate) destination: usize,
    pub(crate) port: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// From node 0 to node 1.
pub(crate) const CONNECTION: Connection = Connection {
    source: 0,
    destination: 1,
    port: 40_000,
    first: 1000,
    last: 1400,
};

fn pod(node: usize, number: usize, port: u32) -> v1::Endpoint {
    v1::Endpoint {
        address: format!("10.{}.{}.{number}", node / 250, node % 250),
        port,
        kind: v1::endpoint::Kind::Pod.into(),
        namespace: format!("team-{}", node % 3),
        pod: format!("pod-{node}-{number}"),
        node: node_name(node),
        ..v1::Endpoint::default()
    }
}

impl Connection {
    fn flow(&self, node: usize, direction: v1::Direction) -> v1::Flow {
        let counters = |packets| {
            Some(v1::Counters {
                packets,
                bytes: packets * 60,
                tcp_flags: 0x02,
            })
        };
        let vantage = v1::Vantage {
            interface: format!("veth{}", self.port),
            ifindex: 7,
            direction: direction.into(),
            forward: counters(4),
            reply: counters(3),
            node: String::new(),
        };
        v1::Flow {
            id: format!("{node}-{self:?}"),
            revision: 1,
            first_seen: stamp(self.first),
            last_seen: stamp(self.last),
            node: node_name(node),
            protocol: v1::Protocol::Tcp.into(),
            ip_protocol: 6,
            source: Some(pod(self.source, 1, self.port)),
            destination: Some(pod(self.destination, 2, 8080)),
            forward: vantage.forward,
            reply: vantage.reply,
            vantages: vec![vantage],
            state: v1::flow::State::Established.into(),
            observed: Some(v1::Observed {
                verdict: Verdict::Forwarded.into(),
                evidence: Some(v1::Evidence {
                    reply_seen: true,
                    delivered: direction == v1::Direction::Ingress,
                    ..v1::Evidence::default()
                }),
            }),
            computed: Some(computed(
                v1::computed::Verdict::Allowed,
                v1::computed::Verdict::Allowed,
            )),
            agreement: v1::Agreement::Agree.into(),
            ..v1::Flow::default()
        }
    }

    /// As the source's node saw it: answered.
    pub(crate) fn at_source(&self) -> v1::Flow {
        self.flow(self.source, v1::Direction::Egress)
    }

    /// As the destination's node saw it: answered.
    pub(crate) fn at_destination(&self) -> v1::Flow {
        self.flow(self.destination, v1::Direction::Ingress)
    }

    /// Of two pods of one node, which sees both ends.
    pub(crate) fn on_one_node(&self) -> v1::Flow {
        let inside = Self {
            destination: self.source,
            ..*self
        };
        let mut flow = inside.at_source();
        flow.vantages.extend(inside.at_destination().vantages);
        flow
    }
}

pub(crate) fn computed(
    egress: v1::computed::Verdict,
    ingress: v1::computed::Verdict,
) -> v1::Computed {
    use v1::computed::Verdict::{Allowed, Denied, Unknown};
    let side = |verdict: v1::computed::Verdict| {
        Some(v1::DirectionVerdict {
            verdict: verdict.into(),
            ..v1::DirectionVerdict::default()
        })
    };
    let verdict = match (egress, ingress) {
        (Denied, _) | (_, Denied) => Denied,
        (Allowed, Allowed) => Allowed,
        _ => Unknown,
    };
    v1::Computed {
        verdict: verdict.into(),
        egress: side(egress),
        ingress: side(ingress),
        ..v1::Computed::default()
    }
}

/// Nothing came back.
pub(crate) fn unanswered(mut flow: v1::Flow) -> v1::Flow {
    flow.set_state(v1::flow::State::New);
    flow.reply = Some(v1::Counters::default());
    flow.observed = Some(v1::Observed {
        verdict: Verdict::Unanswered.into(),
        evidence: Some(v1::Evidence::default()),
    });
    flow.set_agreement(v1::Agreement::Undetermined);
    flow.summary = "no answer".into();
    flow
}

/// Dropped on the way, before any interface of a pod.
pub(crate) fn dropped(flow: v1::Flow, class: v1::drop::Class, packets: u64) -> v1::Flow {
    let mut flow = unanswered(flow);
    flow.vantages.clear();
    flow.observed = Some(v1::Observed {
        verdict: Verdict::Dropped.into(),
        evidence: Some(v1::Evidence {
            drop: Some(v1::Drop {
                reason: "NETFILTER_DROP".into(),
                location: "nft_do_chain".into(),
                class: class.into(),
                packets,
                in_node_netns: true,
                ..v1::Drop::default()
            }),
            ..v1::Evidence::default()
        }),
    });
    flow.summary = "dropped".into();
    let says = flow.computed.as_ref().unwrap().verdict();
    let agreement = agreement(flow.observed.as_ref().unwrap(), says);
    flow.set_agreement(agreement);
    flow
}

/// Refused instead of answered: by the peer, as far as this node can tell.
pub(crate) fn refused(mut flow: v1::Flow, flags: u32) -> v1::Flow {
    flow.set_state(v1::flow::State::Ended);
    flow.reply = Some(v1::Counters {
        packets: 1,
        bytes: 40,
        tcp_flags: flags,
    });
    if let Some(evidence) = flow.observed.as_mut().and_then(|o| o.evidence.as_mut()) {
        evidence.reply_seen = true;
        evidence.refused_by_peer = true;
    }
    flow.summary = "refused by the pod".into();
    flow
}

pub(crate) fn revised(mut flow: v1::Flow, revision: u64, last: u64) -> v1::Flow {
    flow.revision = revision;
    flow.last_seen = stamp(last);
    flow
}

pub(crate) fn ended(mut flow: v1::Flow) -> v1::Flow {
    flow.set_state(v1::flow::State::Ended);
    flow
}

/// Seen from the middle on: the opening packet is missing.
pub(crate) fn mid_stream(mut flow: v1::Flow, first: u64) -> v1::Flow {
    flow.mid_stream = true;
    flow.first_seen = stamp(first);
    flow
}
