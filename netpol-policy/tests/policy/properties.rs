//! What holds for every world: generated policies against an oracle that follows the rules word by word and knows nothing
//! of the library's own types.

use std::net::IpAddr;

use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest;
use netpol_policy::model::{Object, Protocol};
use netpol_policy::verdict::Decision;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use crate::support::{WORLD, objects};

mod oracle;

fn selector() -> impl Strategy<Value = Value> {
    let key = || select(vec!["app", "tier", "team", "kubernetes.io/metadata.name"]);
    let value = || select(vec!["db", "web", "build", "prod", "ci", ""]);
    let expression = (
        key(),
        select(vec!["In", "NotIn", "Exists", "DoesNotExist"]),
        value(),
        value(),
    )
        .prop_map(|(key, operator, one, other)| match operator {
            "In" | "NotIn" => json!({"key": key, "operator": operator, "values": [one, other]}),
            _ => json!({"key": key, "operator": operator}),
        });
    prop_oneof![
        2 => Just(json!({})),
        3 => (key(), value()).prop_map(|(key, value)| json!({"matchLabels": {key: value}})),
        3 => prop::collection::vec(expression, 0..3)
            .prop_map(|all| json!({"matchExpressions": all})),
    ]
}

fn peer() -> impl Strategy<Value = Value> {
    let block = select(vec![
        json!({"cidr": "0.0.0.0/0", "except": ["10.1.0.4/31"]}),
        json!({"cidr": "10.1.0.0/16", "except": ["10.1.0.6/32", "10.1.0.7/32"]}),
        json!({"cidr": "203.0.113.9/32"}),
        json!({"cidr": "::/0", "except": ["fd00::/8"]}),
        json!({"cidr": "fd00::/8"}),
    ]);
    prop_oneof![
        selector().prop_map(|pods| json!({"podSelector": pods})),
        selector().prop_map(|spaces| json!({"namespaceSelector": spaces})),
        (selector(), selector())
            .prop_map(|(pods, spaces)| json!({"podSelector": pods, "namespaceSelector": spaces})),
        block.prop_map(|block| json!({"ipBlock": block})),
    ]
}

fn port() -> impl Strategy<Value = Value> {
    let protocol = select(vec![None, Some("TCP"), Some("UDP"), Some("SCTP")]);
    let port = select(vec![
        json!({}),
        json!({"port": 53}),
        json!({"port": 5432}),
        json!({"port": 50, "endPort": 5432}),
        json!({"port": "sql"}),
        json!({"port": "dns"}),
        json!({"port": "metrics"}),
        json!({"port": "gone"}),
    ]);
    (protocol, port).prop_map(|(protocol, mut port)| {
        if let Some(protocol) = protocol {
            port["protocol"] = protocol.into();
        }
        port
    })
}

fn list(of: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        4 => prop::collection::vec(of, 0..4).prop_map(Value::Array),
    ]
}

fn rules(peers: &'static str) -> impl Strategy<Value = Value> {
    list(
        (list(peer()), list(port()))
            .prop_map(move |(from, ports)| json!({peers: from, "ports": ports})),
    )
}

fn spec() -> impl Strategy<Value = Value> {
    let types = select(vec![
        Value::Null,
        json!([]),
        json!(["Ingress"]),
        json!(["Egress"]),
        json!(["Ingress", "Egress"]),
    ]);
    (prop_oneof![Just(Value::Null), selector()], types, rules("from"), rules("to")).prop_map(
        |(subjects, types, ingress, egress)| {
            json!({"podSelector": subjects, "policyTypes": types, "ingress": ingress, "egress": egress})
        },
    )
}

fn specs() -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(spec(), 0..4)
}

fn policies(specs: &[Value]) -> Vec<Object> {
    let documents = specs.iter().enumerate().map(|(index, spec)| {
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
               "metadata": {"name": format!("p{index}"), "namespace": "prod"}, "spec": spec})
    });
    objects(&Value::Array(documents.collect()).to_string())
}

/// All connections between ends of the world, by protocol and port.
fn questions(inventory: &Inventory) -> Vec<Connection> {
    let mut ends: Vec<End> = ["203.0.113.9", "2001:db8::9"]
        .map(|address| End::Address(address.parse().unwrap()))
        .to_vec();
    for (namespace, name) in [("prod", "db"), ("prod", "web"), ("ci", "build")] {
        let pod = inventory.pod(namespace, name).unwrap();
        let at = |address: &IpAddr| End::Pod {
            pod: pod.clone(),
            address: Some(*address),
        };
        ends.extend(pod.addresses.iter().map(at));
    }
    let mut questions = Vec::new();
    for from in &ends {
        for to in ends
            .iter()
            .filter(|to| to.address().unwrap().is_ipv4() == from.address().unwrap().is_ipv4())
        {
            for (protocol, port) in [
                (Protocol::Tcp, 5432),
                (Protocol::Tcp, 9090),
                (Protocol::Udp, 53),
                (Protocol::Sctp, 49),
            ] {
                questions.push(Connection::new(
                    from.clone(),
                    to.clone(),
                    protocol,
                    Some(port),
                ));
            }
        }
    }
    questions
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn the_oracle_agrees(specs in specs()) {
        let inventory = Inventory::new(objects(WORLD).into_iter().chain(policies(&specs)));
        for question in questions(&inventory) {
            let verdict = evaluate(&inventory, &question);
            let (egress, ingress) = oracle::allows(&specs, &question);
            let words = format!("{} to {} {} {:?}", question.source, question.destination,
                                question.protocol, question.destination_port);
            prop_assert_eq!(verdict.egress.decision == Decision::Allowed, egress, "egress {}", words);
            prop_assert_eq!(verdict.ingress.decision == Decision::Allowed, ingress, "ingress {}", words);
            prop_assert_ne!(verdict.decision(), Decision::Unknown);
        }
    }

    #[test]
    fn the_order_of_objects_does_not_matter(specs in specs(), seed in any::<Index>()) {
        let all: Vec<_> = objects(WORLD).into_iter().chain(policies(&specs)).collect();
        let mut other = all.clone();
        other.rotate_left(seed.index(all.len()));
        other.reverse();
        let (one, other) = (Inventory::new(all), Inventory::new(other));
        for question in questions(&one) {
            prop_assert_eq!(evaluate(&one, &question), evaluate(&other, &question));
        }
    }

    #[test]
    fn a_rule_more_in_an_isolated_direction_denies_nothing(
        specs in specs(), mut grown in spec(), from in list(peer()), ports in list(port()),
    ) {
        grown["policyTypes"] = json!(["Ingress"]);
        let world = |last: &Value| {
            let specs: Vec<_> = specs.iter().chain([last]).cloned().collect();
            Inventory::new(objects(WORLD).into_iter().chain(policies(&specs)))
        };
        let before = world(&grown);
        let mut rules = grown["ingress"].as_array().cloned().unwrap_or_default();
        rules.push(json!({"from": from, "ports": ports}));
        grown["ingress"] = rules.into();
        let after = world(&grown);
        for question in questions(&before) {
            if evaluate(&before, &question).decision() == Decision::Allowed {
                prop_assert_eq!(evaluate(&after, &question).decision(), Decision::Allowed);
            }
        }
    }

    #[test]
    fn consistent_new_labels_change_nothing(specs in specs()) {
        let relabelled = |text: &str| {
            let text = text.replace("app", "component").replace("team", "group");
            text.replace("tier", "level")
        };
        let specs_after: Vec<Value> = specs
            .iter()
            .map(|spec| serde_json::from_str(&relabelled(&spec.to_string())).unwrap())
            .collect();
        let before = Inventory::new(objects(WORLD).into_iter().chain(policies(&specs)));
        let after = objects(&relabelled(WORLD)).into_iter().chain(policies(&specs_after));
        let after = Inventory::new(after);
        for (one, other) in questions(&before).iter().zip(questions(&after)) {
            let (one, other) = (evaluate(&before, one), evaluate(&after, &other));
            prop_assert_eq!(one.egress.allowed_by, other.egress.allowed_by);
            prop_assert_eq!(one.ingress.allowed_by, other.ingress.allowed_by);
            prop_assert_eq!(one.caveats, other.caveats);
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC*", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(manifest::parse(&text).objects, []);
        prop_assert_eq!(manifest::parse(&String::from_utf8_lossy(&bytes)).objects, []);
    }

    #[test]
    fn a_broken_document_never_panics_and_costs_only_itself(
        at in any::<Index>(), length in 0_usize..8, patch in "[-:{}\\[\\]|>&*!%@#'\"\n\t a-z0-9]{0,8}",
    ) {
        let mut text: Vec<char> = WORLD.chars().collect();
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        text.splice(start..end, patch.chars());
        let read = manifest::parse(&text.into_iter().collect::<String>());
        // Eight documents, of which one patch reaches two at most.
        prop_assert!(read.objects.len() >= 6, "{:?}", read.errors);
    }
}
