//! Generated worlds: whatever a cell says of a port is what evaluation says of every pair of pods behind it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::super::*;
use crate::connection::{Connection, End};
use crate::evaluate::evaluate;
use crate::inventory::Inventory;
use crate::manifest;
use crate::model::{Pod, Protocol};
use crate::verdict::{Caveat, Decision};

const NAMESPACES: [&str; 2] = ["alpha", "beta"];
const LABELS: [&str; 3] = ["app", "tier", "unused"];
/// Around what policies name, and elsewhere.
const ADDRESSES: [&str; 10] = [
    "10.0.0.1",
    "10.0.0.200",
    "10.1.0.1",
    "10.2.0.9",
    "203.0.113.9",
    "203.0.113.200",
    "8.8.8.8",
    "fd00::77",
    "2001:db8::1",
    "2001:db8:1::1",
];

fn pod(number: usize) -> impl Strategy<Value = Value> {
    let addresses = select(vec![0, 1, 1, 1, 2, 3]);
    let ports = proptest::sample::subsequence(
        vec![
            json!({"name": "http", "containerPort": 8080}),
            json!({"name": "dns", "containerPort": 53, "protocol": "UDP"}),
            json!({"name": "dns", "containerPort": 54}),
        ],
        0..=3,
    );
    let owner = select(vec![None, Some("one"), Some("two")]);
    (select(&NAMESPACES[..]), labels(), owner, addresses, ports).prop_map(
        move |(namespace, labels, owner, addresses, ports)| {
            let (v4, v6) = (format!("10.0.0.{number}"), format!("fd00::{number}"));
            let addresses = match addresses {
                0 => json!([]),
                1 => json!([{"ip": v4}]),
                2 => json!([{"ip": v6}]),
                _ => json!([{"ip": v4}, {"ip": v6}]),
            };
            let owners = owner.map(|name| {
                json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "uid": "u", "controller": true}])
            });
            json!({"apiVersion": "v1", "kind": "Pod",
                   "metadata": {"name": format!("p{number}"), "namespace": namespace, "labels": labels, "ownerReferences": owners},
                   "spec": {"containers": [{"name": "c", "ports": ports}]},
                   "status": {"podIPs": addresses}})
        },
    )
}

fn labels() -> impl Strategy<Value = Value> {
    let value = || prop::option::of(select(vec!["a", "b"]));
    [value(), value(), value()].prop_map(|values| {
        let pairs = LABELS.iter().zip(values);
        let set = pairs.filter_map(|(key, value)| Some(((*key).to_owned(), json!(value?))));
        Value::Object(set.collect())
    })
}

fn selector() -> impl Strategy<Value = Value> {
    let key = || select(vec!["app", "tier"]);
    let value = || select(vec!["a", "b"]);
    prop_oneof![
        2 => Just(json!({})),
        3 => (key(), value()).prop_map(|(key, value)| json!({"matchLabels": {key: value}})),
        1 => (key(), select(vec!["Exists", "DoesNotExist"])).prop_map(|(key, operator)| {
            json!({"matchExpressions": [{"key": key, "operator": operator}]})
        }),
    ]
}

fn peer() -> impl Strategy<Value = Value> {
    let block = select(vec![
        json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}),
        json!({"cidr": "10.0.0.0/24", "except": ["10.0.0.2/31"]}),
        json!({"cidr": "10.0.0.0/30"}),
        json!({"cidr": "203.0.113.0/24", "except": ["203.0.113.128/25"]}),
        json!({"cidr": "2001:db8::/32", "except": ["2001:db8:1::/48"]}),
        json!({"cidr": "fd00::/126"}),
    ]);
    let namespaces = select(vec![
        json!({}),
        json!({"matchLabels": {"kubernetes.io/metadata.name": "alpha"}}),
    ]);
    prop_oneof![
        selector().prop_map(|pods| json!({"podSelector": pods})),
        (selector(), namespaces)
            .prop_map(|(pods, spaces)| json!({"podSelector": pods, "namespaceSelector": spaces})),
        block.prop_map(|block| json!({"ipBlock": block})),
    ]
}

fn port() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"port": 80}),
        json!({"port": 80, "endPort": 8080}),
        json!({"port": 65535}),
        json!({"port": 1, "endPort": 65535, "protocol": "UDP"}),
        json!({"port": "http"}),
        json!({"port": "dns"}),
        json!({"port": "dns", "protocol": "UDP"}),
        json!({"protocol": "SCTP"}),
    ])
}

fn policy(number: usize) -> impl Strategy<Value = Value> {
    let rules = |direction: &'static str| {
        let rule = (
            prop::collection::vec(peer(), 0..3),
            prop::collection::vec(port(), 0..3),
        )
            .prop_map(move |(peers, ports)| json!({direction: peers, "ports": ports}));
        prop::collection::vec(rule, 0..3)
    };
    let types = select(vec![
        json!(["Ingress"]),
        json!(["Egress"]),
        json!(["Ingress", "Egress"]),
    ]);
    (select(&NAMESPACES[..]), selector(), types, rules("from"), rules("to")).prop_map(
        move |(namespace, subjects, types, ingress, egress)| {
            json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                   "metadata": {"name": format!("n{number}"), "namespace": namespace},
                   "spec": {"podSelector": subjects, "policyTypes": types, "ingress": ingress, "egress": egress}})
        },
    )
}

/// A ClusterNetworkPolicy of either tier.
fn tiered(number: usize) -> impl Strategy<Value = Value> {
    let subject = prop_oneof![
        Just(json!({"namespaces": {}})),
        selector().prop_map(|pods| json!({"pods": {"namespaceSelector": {}, "podSelector": pods}})),
    ];
    let tier = select(vec!["Admin", "Baseline"]);
    let rules = (
        prop::collection::vec(tiered_rule("from", false), 0..3),
        prop::collection::vec(tiered_rule("to", true), 0..3),
    );
    (subject, tier, select(vec![0, 5, 5]), rules).prop_map(
        move |(subject, tier, priority, (ingress, egress))| {
            json!({"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy",
                   "metadata": {"name": format!("c{number}")},
                   "spec": {"tier": tier, "priority": priority, "subject": subject,
                            "ingress": ingress, "egress": egress}})
        },
    )
}

fn tiered_rule(peers: &'static str, is_egress: bool) -> impl Strategy<Value = Value> {
    let pods = selector()
        .prop_map(|pods| json!({"pods": {"namespaceSelector": {}, "podSelector": pods}}))
        .boxed();
    let others = select(vec![
        json!({"networks": ["10.0.0.0/30", "203.0.113.128/25"]}),
        json!({"networks": ["::/0"]}),
        json!({"nodes": {}}),
        json!({"domainNames": ["example.com"]}),
    ]);
    let peer = match is_egress {
        true => prop_oneof![2 => pods, 1 => others].boxed(),
        false => pods,
    };
    let ports = select(vec![
        json!([{"tcp": {"destinationPort": {"number": 80}}}]),
        json!([{"udp": {"destinationPort": {"range": {"start": 50, "end": 8080}}}}]),
        json!([{"tcp": {"destinationPort": {"range": {"start": 8080, "end": 65535}}}}]),
        Value::Null,
    ]);
    let action = select(vec!["Accept", "Deny", "Pass"]);
    (action, peer, ports).prop_map(move |(action, peer, ports)| {
        // Rule 35.
        let is_name = peer.get("domainNames").is_some();
        let action = if is_name { "Accept" } else { action };
        let mut rule = json!({"action": action, peers: [peer]});
        if !ports.is_null() {
            rule["protocols"] = ports;
        }
        rule
    })
}

fn world() -> impl Strategy<Value = Vec<Value>> {
    let pods = [pod(0), pod(1), pod(2), pod(3), pod(4)];
    let policies = (0..4_usize).map(policy).collect::<Vec<_>>();
    let tiered = [tiered(0), tiered(1)];
    let counts = (0..=4_usize, select(vec![0_usize, 0, 1, 2]));
    (pods, policies, tiered, counts).prop_map(|(pods, policies, tiered, (network, cluster))| {
        let policies = policies.into_iter().take(network);
        let tiered = tiered.into_iter().take(cluster);
        pods.into_iter().chain(policies).chain(tiered).collect()
    })
}

/// Who stands behind a party: its pods, or those of [`ADDRESSES`] that lie in its blocks.
fn members(inventory: &Inventory, party: &Party) -> Vec<Arc<Pod>> {
    let Party::Pods(pods) = party else {
        return Vec::new();
    };
    let names = pods.live.iter();
    names
        .map(|name| inventory.pod(&pods.namespace, name).unwrap().clone())
        .collect()
}

fn ends(inventory: &Inventory, party: &Party) -> Vec<End> {
    match party {
        Party::Pods(_) => {
            let ends = members(inventory, party).into_iter().flat_map(|pod| {
                let addresses: Vec<Option<IpAddr>> = match pod.addresses.as_slice() {
                    [] => vec![None],
                    addresses => addresses.iter().copied().map(Some).collect(),
                };
                addresses.into_iter().map(move |address| End::Pod {
                    pod: pod.clone(),
                    address,
                })
            });
            ends.collect()
        }
        Party::Outside(outside) => {
            let addresses = ADDRESSES
                .iter()
                .map(|address| address.parse::<IpAddr>().unwrap());
            addresses
                .filter(|address| outside.blocks.iter().any(|block| block.contains(*address)))
                .map(End::Address)
                .collect()
        }
    }
}

/// Ends of two families never talk to each other.
fn can_meet(one: &End, other: &End) -> bool {
    match (one.address(), other.address()) {
        (Some(one), Some(other)) => one.is_ipv4() == other.is_ipv4(),
        _ => true,
    }
}

fn is_self(one: &End, other: &End) -> bool {
    matches!((one, other), (End::Pod { pod: one, .. }, End::Pod { pod: other, .. }) if Arc::ptr_eq(one, other))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn every_cell_says_what_evaluation_says(
        objects in world(),
        draws in prop::collection::vec((any::<Index>(), 1..=u16::MAX), 6),
    ) {
        let read = manifest::parse(&Value::from(objects).to_string());
        prop_assert_eq!(&read.errors, &[]);
        let names = HashMap::from([("203.0.113.9".parse().unwrap(), vec!["example.com".into()])]);
        let inventory = Inventory::new(read.objects).with_names(names);
        let matrix = Matrix::new(&inventory, &Scope::default(), |_| ());
        let named = [1, 53, 54, 79, 80, 81, 8080, 8081, 65534, 65535];
        let ports: Vec<u16> = draws
            .iter()
            .map(|(index, port)| if port % 2 == 0 { *index.get(&named) } else { *port })
            .collect();
        for (from, to, cell) in matrix.pairs() {
            let is_alone = matches!(from, Party::Pods(pods) if pods.kind.is_none());
            for source in ends(&inventory, from) {
                for destination in ends(&inventory, to) {
                    if !can_meet(&source, &destination) || (is_self(&source, &destination) && !is_alone) {
                        continue;
                    }
                    for protocol in PROTOCOLS {
                        for port in &ports {
                            let connection = Connection::new(source.clone(), destination.clone(), protocol, Some(*port));
                            agrees(&inventory, (from, to, cell), connection)?;
                        }
                    }
                }
            }
        }
    }
}

fn agrees(
    inventory: &Inventory,
    (from, to, cell): (&Party, &Party, &Cell),
    connection: Connection,
) -> Result<(), TestCaseError> {
    let (protocol, port) = (connection.protocol, connection.destination_port.unwrap());
    let verdict = evaluate(inventory, &connection);
    let said = cell.decision(protocol, port).unwrap();
    // Where pods differ the cell leaves it open.
    let is_open = said == Decision::Unknown && cell.caveats.contains(&Caveat::PodsDiffer);
    prop_assert!(
        is_open || said == verdict.decision(),
        "{from} -> {to}: {protocol} {port}: {said:?}, evaluated {:?}: {} -> {}",
        verdict.decision(),
        connection.source,
        connection.destination
    );
    if said == Decision::Denied && !cell.caveats.contains(&Caveat::PodsDiffer) {
        let sides = [
            (&cell.denied_by_egress, &verdict.egress),
            (&cell.denied_by_ingress, &verdict.ingress),
        ];
        for (set, side) in sides {
            let denies = side.decision == Decision::Denied;
            prop_assert!(
                set.contains(protocol, port) || !denies,
                "{from} -> {to}: {protocol} {port}"
            );
        }
    }
    Ok(())
}

/// A protocol that is not asked about has no cell.
#[test]
fn other_protocols_are_not_told() {
    let matrix = Matrix::new(&Inventory::default(), &Scope::default(), |_| ());
    assert_eq!(matrix.pairs().count(), 0);
    assert_eq!(Cell::default().decision(Protocol::Other(1), 1), None);
}
