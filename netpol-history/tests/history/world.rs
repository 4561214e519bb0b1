//! Histories to write: one example that holds everything, and any.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use netpol_policy::history::{
    Agreement, DropKind, Edge, EdgeKey, EdgeTotals, History, Interval, Loss, MissingNode,
    NodeHistory, Observed, Part, Party, PodGroup, PolicyName, PolicyRevision, Port, Present,
    RememberedPolicy, RuleKey, RuleUse, SeenAt, UseTotals,
};
use netpol_policy::manifest;
use netpol_policy::model::{Cidr, Labels, NamedPort, Object, Protocol, Workload};
use netpol_policy::verdict::{Decision, Direction, PolicyKind};
use proptest::prelude::*;

const MANIFESTS: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: prod, uid: 1-2-3, generation: 4}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: guard}
spec:
  priority: 10
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{networks: [169.254.169.254/32]}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  ingress: [{action: Allow, from: [{namespaces: {}}]}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: names}
spec:
  tier: Baseline
  priority: 7
  subject: {namespaces: {}}
  egress: [{action: Accept, to: [{domainNames: ['*.example.com']}]}]
---
apiVersion: v1
kind: Node
metadata: {name: node-a, labels: {zone: x}}
spec: {podCIDRs: [10.1.0.0/24]}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: prod}
spec: {clusterIP: 10.96.0.9, clusterIPs: [10.96.0.9], selector: {app: db}, ports: [{port: 5432}]}
";

/// Policies, Nodes and Services, one of each kind.
pub(crate) fn objects() -> Vec<Object> {
    let read = manifest::parse(MANIFESTS);
    assert!(read.errors.is_empty(), "{:?}", read.errors);
    read.objects
}

pub(crate) fn at(second: u64) -> SystemTime {
    // 2026-11-14, and a nanosecond so that none gets lost.
    SystemTime::UNIX_EPOCH + Duration::new(1_794_650_000 + second, 1)
}

pub(crate) fn group(name: &str) -> Arc<PodGroup> {
    Arc::new(PodGroup {
        namespace: "prod".into(),
        namespace_labels: Labels::from_iter([("kubernetes.io/metadata.name", "prod")]),
        workload: Workload {
            kind: "Deployment".into(),
            name: name.into(),
        },
        labels: Labels::from_iter([("app", name)]),
        ports: vec![NamedPort {
            name: "sql".into(),
            protocol: Protocol::Tcp,
            port: 5432,
        }],
        host_network: name == "proxy",
    })
}

pub(crate) fn edge(node: &str, source: Party, destination: Party) -> Edge {
    Edge {
        key: EdgeKey {
            node: node.into(),
            seen_at: SeenAt::Both,
            source,
            destination,
            service: Some(("prod".into(), "db".into())),
            protocol: Protocol::Tcp,
            port: Port::One(5432),
            observed: Observed::Forwarded,
            drop: None,
            computed: Decision::Allowed,
            agreement: Agreement::Agree,
            policies: vec![name(PolicyKind::NetworkPolicy, "prod", "db")],
        },
        totals: EdgeTotals {
            connections: 12,
            resumed: 1,
            packets: 140,
            bytes: 51_000,
            first_seen: at(10),
            last_seen: at(3_600),
            after_change: 1,
            longest_after_change: Some(Duration::from_millis(1_500)),
        },
    }
}

fn name(kind: PolicyKind, namespace: &str, name: &str) -> PolicyName {
    PolicyName {
        kind,
        namespace: namespace.into(),
        name: name.into(),
    }
}

/// One line of each record at least, and each kind of party.
pub(crate) fn example() -> History {
    let mut history = History {
        nodes: vec![NodeHistory {
            name: "node-a".into(),
            store: "5f0c1e9a7b3d2468".into(),
            read_at: at(4_000),
            intervals: vec![Interval {
                from: at(0),
                until: at(4_000),
                losses: vec![Loss {
                    stage: "kernel".into(),
                    reason: "ring_full".into(),
                    count: 3,
                }],
            }],
            dialect: "specification".into(),
        }],
        missing: vec![MissingNode {
            name: "node-b".to_owned(),
            reason: "its agent remembers nothing".to_owned(),
        }],
        ..History::default()
    };
    let web = || Party::Pods(group("web"));
    let mut dropped = edge("node-a", block("198.51.100.0/24"), web());
    dropped.key.seen_at = SeenAt::Destination;
    dropped.key.service = None;
    dropped.key.port = Port::Many;
    dropped.key.observed = Observed::Dropped;
    dropped.key.drop = Some(DropKind {
        reason: "NETFILTER_DROP".into(),
        class: "firewall".into(),
    });
    dropped.key.computed = Decision::Denied;
    let mut ping = edge("node-a", Party::Pods(group("proxy")), Party::Many);
    ping.key.protocol = Protocol::Other(1);
    ping.key.port = Port::None;
    let node = Party::Node {
        name: "node-a".into(),
    };
    let service = Party::Service {
        namespace: "prod".into(),
        name: "db".into(),
    };
    let unknown = Party::Unknown(Cidr::parse_lenient("10.1.0.9/32").unwrap().0);
    history.edges = vec![
        edge("node-a", web(), Party::Pods(group("db"))),
        dropped,
        ping,
        edge("node-a", node, web()),
        edge("node-a", web(), service),
        edge("node-a", web(), unknown),
    ];
    let entry = Part::Entry {
        rule: 0,
        peer: Some(0),
        port: Some(0),
    };
    history.uses = [entry, Part::Isolation]
        .map(|part| RuleUse {
            key: RuleKey {
                node: "node-a".into(),
                policy: name(PolicyKind::NetworkPolicy, "prod", "db"),
                fingerprint: 0x00ab_cdef_0123_4567,
                direction: Direction::Ingress,
                part,
            },
            totals: UseTotals {
                hits: 12,
                sole: 12,
                resumed: 1,
                forwarded: 13,
                bytes: 51_000,
                first_seen: at(10),
                last_seen: at(3_600),
            },
        })
        .into();
    history.population = vec![Present {
        group: group("web"),
        pods: BTreeMap::from([("node-a".into(), 2), ("".into(), 1)]),
        first_seen: at(5),
        last_seen: at(4_000),
    }];
    add_objects(&mut history);
    history
}

fn add_objects(history: &mut History) {
    let mut since = 0;
    let mut revision = |policy| {
        since += 1;
        PolicyRevision {
            policy,
            since: at(since),
            until: (since == 2).then(|| at(100)),
        }
    };
    for object in objects() {
        match object {
            Object::NetworkPolicy(policy) => {
                let policy = RememberedPolicy::Network(policy);
                history.policies.push(revision(policy));
            }
            Object::TieredPolicy(policy) => {
                let policy = RememberedPolicy::Tiered(policy);
                history.policies.push(revision(policy));
            }
            Object::Node(node) => history.cluster.push(node),
            Object::Service(service) => history.services.push(service),
            other => panic!("{other:?}"),
        }
    }
}

fn block(text: &str) -> Party {
    Party::Outside(Cidr::parse_lenient(text).unwrap().0)
}

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

fn key() -> impl Strategy<Value = EdgeKey> {
    let ends = (
        prop_oneof![
            Just(SeenAt::Source),
            Just(SeenAt::Destination),
            Just(SeenAt::Both)
        ],
        party(),
        party(),
        prop::option::of((namespace(), shared())),
    );
    let what = (
        protocol(),
        prop_oneof![
            any::<u16>().prop_map(Port::One),
            Just(Port::None),
            Just(Port::Many)
        ],
        prop_oneof![
            Just(Observed::Forwarded),
            Just(Observed::Dropped),
            Just(Observed::Rejected),
            Just(Observed::Unanswered),
            Just(Observed::Unknown)
        ],
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

fn any_edge() -> impl Strategy<Value = Edge> {
    let after = prop::option::of(any::<u64>().prop_map(Duration::from_nanos));
    let counts = any::<[u64; 5]>();
    (key(), counts, time(), time(), after).prop_map(
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
    (key, any::<[u64; 5]>(), time(), time()).prop_map(|(key, counts, first_seen, last_seen)| {
        RuleUse {
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
        }
    })
}

/// Any history of one node.
pub(crate) fn history() -> impl Strategy<Value = History> {
    let loss = (shared(), shared(), any::<u64>());
    let loss = loss.prop_map(|(stage, reason, count)| Loss {
        stage,
        reason,
        count,
    });
    let losses = prop::collection::vec(loss, 0..3);
    let interval = (time(), time(), losses).prop_map(|(from, until, losses)| Interval {
        from,
        until,
        losses,
    });
    let node = (
        shared(),
        shared(),
        time(),
        prop::collection::vec(interval, 0..3),
        shared(),
    );
    let present = (
        pods(),
        prop::collection::btree_map(shared(), any::<u32>(), 0..3),
        time(),
        time(),
    );
    let present = present.prop_map(|(group, pods, first_seen, last_seen)| Present {
        group,
        pods,
        first_seen,
        last_seen,
    });
    let missing = (text(), text()).prop_map(|(name, reason)| MissingNode { name, reason });
    (
        node,
        prop::collection::vec(any_edge(), 0..8),
        prop::collection::vec(any_use(), 0..8),
        prop::collection::vec(present, 0..4),
        prop::collection::vec(missing, 0..3),
    )
        .prop_map(|(node, mut edges, mut uses, population, missing)| {
            let (name, store, read_at, intervals, dialect) = node;
            edges
                .iter_mut()
                .for_each(|edge| edge.key.node = name.clone());
            uses.iter_mut().for_each(|one| one.key.node = name.clone());
            let mut history = History {
                nodes: vec![NodeHistory {
                    name,
                    store,
                    read_at,
                    intervals,
                    dialect,
                }],
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
