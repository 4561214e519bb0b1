//! Random policies and histories: nothing is widened, and nothing that was used is denied.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::connection::{Connection, End};
use crate::difference::{Limits, difference, population};
use crate::evaluate::evaluate;
use crate::history::{History, Observed, Party, Port, RememberedPolicy, in_force};
use crate::inventory::Inventory;
use crate::model::{Object, Phase, Pod, Protocol};
use crate::replay::{Engine, LabelsOf};
use crate::suggest::tests::world::{edge, enforce, group, history, outside, run};
use crate::tighten::{Options, tighten};
use crate::verdict::Decision;

const PODS: [(&str, &str); 6] = [
    ("shop/a", "app=a"),
    ("shop/b", "app=b,tier=x"),
    ("shop/c", "app=c,tier=x"),
    ("shop/d", "app=d"),
    ("data/e", "app=e,tier=x"),
    ("data/f", "app=f"),
];
const OUTSIDE: [&str; 8] = [
    "203.0.113.1",
    "203.0.113.2",
    "203.0.113.6",
    "203.0.113.200",
    "203.0.7.1",
    "203.0.9.77",
    "198.51.100.4",
    "192.0.2.9",
];
const PORTS: [u16; 6] = [53, 80, 5432, 5433, 6000, 30_001];

fn selector() -> impl Strategy<Value = Value> {
    select(vec![
        json!({}),
        json!({"matchLabels": {"tier": "x"}}),
        json!({"matchLabels": {"app": "a"}}),
        json!({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["f"]}]}),
        json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}),
    ])
}

fn peer() -> impl Strategy<Value = Value> {
    let namespaces = select(vec![
        json!({}),
        json!({"matchLabels": {"kubernetes.io/metadata.name": "data"}}),
        json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["data", "shop"]}]}),
    ]);
    prop_oneof![
        selector().prop_map(|pods| json!({"podSelector": pods})),
        (selector(), namespaces)
            .prop_map(|(pods, spaces)| json!({"podSelector": pods, "namespaceSelector": spaces})),
        select(vec![
            json!({"ipBlock": {"cidr": "203.0.0.0/16", "except": ["203.0.113.4/30"]}}),
            json!({"ipBlock": {"cidr": "0.0.0.0/0"}}),
            json!({"ipBlock": {"cidr": "203.0.113.0/28", "except": ["203.0.113.0/31"]}}),
            json!({"ipBlock": {"cidr": "10.244.0.0/16"}}),
        ]),
    ]
}

fn port() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"port": 80}),
        json!({"port": 5000, "endPort": 6000}),
        json!({"protocol": "UDP"}),
        json!({"protocol": "TCP"}),
    ])
}

fn spec() -> impl Strategy<Value = Value> {
    let rule = |peers: &'static str| {
        let parts = (
            prop::collection::vec(peer(), 0..3),
            prop::collection::vec(port(), 0..3),
        );
        parts.prop_map(move |(list, ports)| json!({peers: list, "ports": ports}))
    };
    let lists = (
        prop::option::of(prop::collection::vec(rule("from"), 0..3)),
        prop::collection::vec(rule("to"), 0..3),
    );
    (selector(), lists).prop_map(|(subjects, (ingress, egress))| {
        let mut spec =
            json!({"podSelector": subjects, "policyTypes": ["Egress"], "egress": egress});
        if let Some(ingress) = ingress {
            spec["policyTypes"] = json!(["Ingress", "Egress"]);
            spec["ingress"] = json!(ingress);
        }
        spec
    })
}

fn traffic() -> impl Strategy<Value = (Index, Index, bool, Protocol, u16, Observed)> {
    let observed = prop_oneof![
        4 => Just(Observed::Forwarded),
        1 => Just(Observed::Unanswered),
    ];
    let protocol = select(vec![Protocol::Tcp, Protocol::Tcp, Protocol::Udp]);
    (
        any::<Index>(),
        any::<Index>(),
        any::<bool>(),
        protocol,
        select(&PORTS[..]),
        observed,
    )
}

fn world() -> impl Strategy<Value = History> {
    let specs = prop::collection::vec((spec(), select(vec!["shop", "data"])), 1..4);
    let traffic = prop::collection::vec(traffic(), 0..25);
    (specs, traffic).prop_map(|(specs, traffic)| {
        let mut history = history();
        let pods = PODS.map(|(name, labels)| run(&mut history, group(name, labels)));
        for (index, (spec, namespace)) in specs.into_iter().enumerate() {
            let policy = json!({
                "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                "metadata": {"name": format!("p{index}"), "namespace": namespace}, "spec": spec,
            });
            enforce(&mut history, &policy.to_string());
        }
        let all: Vec<Party> = pods
            .into_iter()
            .chain(OUTSIDE.map(|address| outside(&format!("{address}/32"))))
            .collect();
        for (source, destination, _, protocol, port, observed) in traffic {
            let (source, destination) = (source.get(&all), destination.get(&all));
            let mut edge = edge(source, destination, port);
            edge.key.protocol = protocol;
            edge.key.observed = observed;
            history.edges.push(edge);
        }
        history
    })
}

/// Pods with addresses, under some policies.
fn inventory(history: &History, policies: &[RememberedPolicy]) -> (Inventory, Vec<End>) {
    let mut objects: Vec<Object> = policies.iter().map(RememberedPolicy::object).collect();
    let mut ends = Vec::new();
    for (index, (name, labels)) in PODS.into_iter().enumerate() {
        let group = group(name, labels);
        let address: IpAddr = format!("10.244.1.{}", index + 1).parse().unwrap();
        let pod = Pod {
            uid: name.into(),
            namespace: group.namespace,
            name: group.workload.name.clone(),
            labels: group.labels,
            phase: Phase::Running,
            addresses: vec![address],
            node: None,
            host_network: false,
            ports: Vec::new(),
            controller: None,
            workload: Some(group.workload),
            started: None,
        };
        objects.push(Object::Pod(pod.clone()));
        ends.push(End::Pod {
            pod: Arc::new(pod),
            address: Some(address),
        });
    }
    objects.extend(history.cluster.iter().cloned().map(Object::Node));
    ends.extend(OUTSIDE.map(|address| End::Address(address.parse().unwrap())));
    (Inventory::new(objects), ends)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_widened_and_nothing_used_is_denied(history in world()) {
        let tightening = tighten(&history, &Options::default(), |_| ());
        let before = in_force(&history);
        let changed: BTreeMap<_, _> = tightening
            .proposals
            .iter()
            .map(|one| (one.before.reference.clone(), one.after.clone()))
            .collect();
        let after: Vec<RememberedPolicy> = before
            .iter()
            .map(|policy| match changed.get(policy.reference()) {
                Some(after) => RememberedPolicy::Network(after.clone()),
                None => policy.clone(),
            })
            .collect();

        let (wide, ends) = inventory(&history, &before);
        let (narrow, _) = inventory(&history, &after);
        for source in &ends {
            for destination in &ends {
                for port in PORTS {
                    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Sctp] {
                        let connection = Connection::new(source.clone(), destination.clone(), protocol, Some(port));
                        let now = evaluate(&wide, &connection).decision();
                        let then = evaluate(&narrow, &connection).decision();
                        prop_assert!(then != Decision::Allowed || now == Decision::Allowed,
                            "{} to {} {} {}", source, destination, protocol, port);
                    }
                }
            }
        }

        let found = difference(&population(&history, &[]), &before, &after, &Limits::default(), |_| ());
        prop_assert!(!found.opens(), "{:?}", found.changes);

        let mut wide = Engine::new(&history, &before, LabelsOf::FlowTime);
        let mut narrow = Engine::new(&history, &after, LabelsOf::FlowTime);
        for traffic in crate::history::traffic(&history) {
            if traffic.observed == Observed::Forwarded && wide.answer(&traffic).decision() == Decision::Allowed {
                let then = narrow.answer(&traffic).decision();
                prop_assert_eq!(then, Decision::Allowed, "{:?}", traffic);
            }
            prop_assert!(traffic.port != Port::None);
        }
    }
}
