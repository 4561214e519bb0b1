//! Any history of one node.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::history::{
    Agreement, DropKind, Edge, EdgeKey, EdgeTotals, History, Interval, Loss, MissingNode,
    NodeHistory, Observed, Part, Party, PodGroup, PolicyName, Port, Present, RuleKey, RuleUse,
    SeenAt, UseTotals,
};
use netpol_policy::model::{Cidr, Labels, NamedPort, Protocol, Workload};
use netpol_policy::verdict::{Decision, Direction, PolicyKind};
use proptest::prelude::*;

use crate::example::add_objects;

/// Texts with all that JSON escapes.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "\\PC{0,6}",
        Just("a\"\\\n\0\u{202e}é".to_owned())
    ]
}

/// What stands before a slash in texts of two parts.
fn namespace() -> impl Strategy<Value = Arc<str>> {
    "[a-z-]{1,8}".prop_map(|text| text.as_str().into())
}

fn shared() -> impl Strategy<Value = Arc<str>> {
    text().prop_map(|text| text.as_str().into())
}

fn time() -> impl Strategy<Value = SystemTime> {
    (0..4_000_000_000_u64, 0..1_000_000_000_u32).prop_map(|(seconds, nanoseconds)| {
        SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds)
    })
}

fn labels() -> impl Strategy<Value = Labels> {
    prop::collection::btree_map(text(), text(), 0..3).prop_map(Labels::from)
}

fn protocol() -> impl Strategy<Value = Protocol> {
    any::<u8>().prop_map(Protocol::from_ip_number)
}

fn pods() -> impl Strategy<Value = Arc<PodGroup>> {
    let port = (shared(), protocol(), any::<u16>());
    let ports = prop::collection::vec(
        port.prop_map(|(name, protocol, port)| NamedPort {
            name,
            protocol,
            port,
        }),
        0..3,
    );
    let workload = (shared(), shared()).prop_map(|(kind, name)| Workload { kind, name });
    (shared(), labels(), workload, labels(), ports, any::<bool>()).prop_map(
        |(namespace, namespace_labels, workload, labels, ports, host_network)| {
            Arc::new(PodGroup {
                namespace,
                namespace_labels,
                workload,
                labels,
                ports,
                host_network,
            })
        },
    )
}

fn cidr() -> impl Strategy<Value = Cidr> {
    (any::<std::net::IpAddr>(), 0..=32_u8)
        .prop_map(|(address, length)| ipnet::IpNet::new(address, length).unwrap().into())
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![
        4 => pods().prop_map(Party::Pods),
        1 => shared().prop_map(|name| Party::Node { name }),
        1 => (namespace(), shared())
            .prop_map(|(namespace, name)| Party::Service { namespace, name }),
        1 => cidr().prop_map(Party::Outside),
        1 => cidr().prop_map(Party::Unknown),
        1 => Just(Party::Many),
    ]
}

fn policy_name() -> impl Strategy<Value = PolicyName> {
    prop_oneof![
        (namespace(), shared()).prop_map(|(namespace, name)| PolicyName {
            kind: PolicyKind::NetworkPolicy,
            namespace,
            name,
        }),
        shared().prop_map(|name| PolicyName {
            kind: PolicyKind::AdminNetworkPolicy,
            namespace: "".into(),
            name,
        }),
    ]
}

fn seen_at() -> impl Strategy<Value = SeenAt> {
    prop_oneof![
        Just(SeenAt::Source),
        Just(SeenAt::Destination),
        Just(SeenAt::Both)
    ]
}

fn port() -> impl Strategy<Value = Port> {
    prop_oneof![
        any::<u16>().prop_map(Port::One),
        Just(Port::None),
        Just(Port::Many)
    ]
}

fn observed() -> impl Strategy<Value = Observed> {
    prop_oneof![
        Just(Observed::Forwarded),
        Just(Observed::Dropped),
        Just(Observed::Rejected),
        Just(Observed::Unanswered),
        Just(Observed::Unknown)
    ]
}

fn key() -> impl Strategy<Value = EdgeKey> {
    let ends = (
        seen_at(),
        party(),
        party(),
        prop::option::of((namespace(), shared())),
    );
    let what = (
        protocol(),
        port(),
        observed(),
        prop::option::of(
            (shared(), shared()).prop_map(|(reason, class)| DropKind { reason, class }),
        ),
    );
    let said = (
        prop_oneof![
            Just(Decision::Allowed),
            Just(Decision::Denied),
            Just(Decision::Unknown)
        ],
        prop_oneof![
            Just(Agreement::Undetermined),
            Just(Agreement::Agree),
            Just(Agreement::DeniedButForwarded),
            Just(Agreement::AllowedButDropped)
        ],
        prop::collection::vec(policy_name(), 0..3),
    );
    (ends, what, said).prop_map(|(ends, what, said)| EdgeKey {
        node: "".into(),
        seen_at: ends.0,
        source: ends.1,
        destination: ends.2,
        service: ends.3,
        protocol: what.0,
        port: what.1,
        observed: what.2,
        drop: what.3,
        computed: said.0,
        agreement: said.1,
        policies: said.2,
    })
}

/// Up to the most that is believed.
fn counts() -> impl Strategy<Value = [u64; 5]> {
    prop::array::uniform5(0..=1_u64 << 40)
}

fn any_edge() -> impl Strategy<Value = Edge> {
    let after = prop::option::of(any::<u64>().prop_map(Duration::from_nanos));
    (key(), counts(), time(), time(), after).prop_map(
        |(key, counts, first_seen, last_seen, longest_after_change)| Edge {
            key,
            totals: EdgeTotals {
                connections: counts[0],
                resumed: counts[1],
                packets: counts[2],
                bytes: counts[3],
                first_seen,
                last_seen,
                after_change: counts[4],
                longest_after_change,
            },
        },
    )
}

fn any_use() -> impl Strategy<Value = RuleUse> {
    let index = || prop::option::of(any::<u32>());
    let part = prop_oneof![
        Just(Part::Isolation),
        (any::<u32>(), index(), index()).prop_map(|(rule, peer, port)| Part::Entry {
            rule,
            peer,
            port
        }),
    ];
    let direction = prop_oneof![Just(Direction::Ingress), Just(Direction::Egress)];
    let key = (policy_name(), any::<u64>(), direction, part);
    (key, counts(), time(), time()).prop_map(|(key, counts, first_seen, last_seen)| RuleUse {
        key: RuleKey {
            node: "".into(),
            policy: key.0,
            fingerprint: key.1,
            direction: key.2,
            part: key.3,
        },
        totals: UseTotals {
            hits: counts[0],
            sole: counts[1],
            resumed: counts[2],
            forwarded: counts[3],
            bytes: counts[4],
            first_seen,
            last_seen,
        },
    })
}

fn node() -> impl Strategy<Value = NodeHistory> {
    let loss = (shared(), shared(), any::<u64>());
    let loss = loss.prop_map(|(stage, reason, count)| Loss {
        stage,
        reason,
        count,
    });
    let losses = prop::collection::vec(loss, 0..3);
    let interval = (time(), time(), losses).prop_map(|(one, other, losses)| Interval {
        from: one.min(other),
        until: one.max(other),
        losses,
    });
    let intervals = prop::collection::vec(interval, 0..3);
    // A node has a name.
    (namespace(), shared(), time(), intervals, shared()).prop_map(
        |(name, store, read_at, intervals, dialect)| NodeHistory {
            name,
            store,
            read_at,
            intervals,
            dialect,
        },
    )
}

fn present() -> impl Strategy<Value = Present> {
    let counts = prop::collection::btree_map(shared(), any::<u32>(), 0..3);
    (pods(), counts, time(), time()).prop_map(|(group, pods, first_seen, last_seen)| Present {
        group,
        pods,
        first_seen,
        last_seen,
    })
}

/// Any history of one node.
pub(crate) fn history() -> impl Strategy<Value = History> {
    let missing = (text(), text()).prop_map(|(name, reason)| MissingNode { name, reason });
    (
        node(),
        prop::collection::vec(any_edge(), 0..8),
        prop::collection::vec(any_use(), 0..8),
        prop::collection::vec(present(), 0..4),
        prop::collection::vec(missing, 0..3),
    )
        .prop_map(|(node, mut edges, mut uses, population, missing)| {
            for edge in &mut edges {
                edge.key.node = node.name.clone();
            }
            for one in &mut uses {
                one.key.node = node.name.clone();
            }
            let mut history = History {
                nodes: vec![node],
                missing,
                edges,
                uses,
                population,
                ..History::default()
            };
            add_objects(&mut history);
            history
        })
}
