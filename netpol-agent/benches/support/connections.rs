//! Pods on two sides, policies between them, and connections as the kernel side tells of them.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use netpol_agent::kernel::observation::{Interface, Observation};
use netpol_common::packet::network::mapped;
use netpol_common::record::{EventKind, FlowKey, FlowState, Tuple, flow_flag};

/// Interfaces of clients and of servers have the numbers that follow.
const INTERFACES: [u32; 2] = [1000, 2000];

/// So many pods on each side, numbered from 1, and for each server a policy that admits the client of the same number.
pub(crate) fn manifests(pods: u8) -> String {
    let mut text = String::new();
    for (side, network) in [("client", 1), ("server", 2)] {
        for number in 1..=pods {
            let _ = write!(
                text,
                "---\nkind: Pod\napiVersion: v1\nmetadata: {{name: {side}-{number}, namespace: shop, \
                 labels: {{app: {side}, number: \"{number}\"}}}}\n\
                 status: {{podIPs: [{{ip: 10.0.{network}.{number}}}]}}\n"
            );
        }
    }
    for number in 1..=pods {
        let _ = write!(
            text,
            "---\nkind: NetworkPolicy\napiVersion: networking.k8s.io/v1\n\
             metadata: {{name: server-{number}, namespace: shop}}\n\
             spec:\n  podSelector: {{matchLabels: {{app: server, number: \"{number}\"}}}}\n  ingress:\n  - from:\n    \
             - podSelector: {{matchLabels: {{app: client, number: \"{number}\"}}}}\n"
        );
    }
    text
}

/// The interfaces of as many pods on each side.
pub(crate) fn interfaces(pods: u8) -> impl Iterator<Item = Observation> {
    let of_side = move |(first, network): (u32, u8)| {
        (1..=pods).map(move |number| {
            Observation::InterfaceUp(Interface {
                ifindex: first + u32::from(number),
                name: format!("veth{network}-{number}"),
                kind: "veth".to_owned(),
                routed: vec![Ipv4Addr::new(10, 0, network, number).into()],
                hook: Some("tcx"),
                error: None,
            })
        })
    };
    INTERFACES.into_iter().zip([1, 2]).flat_map(of_side)
}

/// A connection between two pods of the node, opened at a time since boot (nanoseconds): new on two interfaces, answered on two.
pub(crate) fn connection(
    client: u8,
    server: u8,
    source_port: u16,
    opened: u64,
) -> impl Iterator<Item = Observation> {
    let tuple = Tuple {
        source: mapped([10, 0, 1, client]),
        destination: mapped([10, 0, 2, server]),
        source_port,
        destination_port: 443,
    };
    let steps = [
        (EventKind::FlowNew, false),
        (EventKind::FlowEstablished, true),
    ];
    steps.into_iter().flat_map(move |(kind, replied)| {
        let [clients, servers] = INTERFACES;
        let client = (clients + u32::from(client), false);
        let server = (servers + u32::from(server), true);
        [client, server].map(|(ifindex, at_server)| {
            let key = FlowKey::new(&tuple, 6, ifindex);
            let mut state = FlowState {
                first_seen: opened,
                last_seen: opened + 1,
                flags: flow_flag::OPENING_SEEN | flow_flag::NEW_REPORTED,
                ..FlowState::default()
            };
            if at_server {
                state.flags |= flow_flag::OPENED_TO_POD;
            }
            if (key.low == tuple.source) != at_server {
                state.flags |= flow_flag::POD_IS_LOW;
            }
            if replied {
                state.flags |= flow_flag::REPLY_SEEN;
            }
            state.counters[usize::from(at_server)].packets = 1;
            state.counters[usize::from(!at_server)].packets = u64::from(replied);
            Observation::Flow { kind, key, state }
        })
    })
}
