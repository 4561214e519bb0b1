//! NetworkPolicy with every construct: lists null, empty and missing, all operators, named ports, `endPort`, blocks.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::cluster::namespace;
use super::selector::selector;

/// At most so many, named `np0`, `np1`…
pub(super) fn policies(most: usize) -> BoxedStrategy<Vec<Value>> {
    let policy = (namespace(), spec());
    prop::collection::vec(policy, 0..=most)
        .prop_map(|policies| {
            let numbered = policies.into_iter().enumerate();
            numbered
                .map(|(number, (namespace, spec))| {
                    json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
                       "metadata": {"name": format!("np{number}"), "namespace": namespace},
                       "spec": spec})
                })
                .collect()
        })
        .boxed()
}

/// A field that may also be missing.
type Field = Option<Value>;

fn object(fields: impl IntoIterator<Item = (&'static str, Field)>) -> Value {
    let present = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(present.collect::<Map<_, _>>())
}

/// A list in all its forms: missing, null, empty, and with up to three items.
fn list(of: impl Strategy<Value = Value>) -> impl Strategy<Value = Field> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(Value::Null)),
        8 => prop::collection::vec(of, 0..=3).prop_map(|items| Some(items.into())),
    ]
}

/// As [`selector`], with null in it too.
fn lax_selector() -> impl Strategy<Value = Value> {
    prop_oneof![
        9 => selector(),
        1 => Just(json!({"matchLabels": null, "matchExpressions": null})),
    ]
}

fn spec() -> impl Strategy<Value = Value> {
    let subjects = prop_oneof![
        1 => Just(None),
        1 => Just(Some(Value::Null)),
        4 => lax_selector().prop_map(Some),
    ];
    let types = select(vec![
        None,
        Some(Value::Null),
        Some(json!([])),
        Some(json!(["Ingress"])),
        Some(json!(["Egress"])),
        Some(json!(["Egress", "Ingress"])),
    ]);
    (subjects, types, rules("from"), rules("to")).prop_map(|(subjects, types, ingress, egress)| {
        object([
            ("podSelector", subjects),
            ("policyTypes", types),
            ("ingress", ingress),
            ("egress", egress),
        ])
    })
}

/// A list of rules whose peers stand in the field `peers`.
fn rules(peers: &'static str) -> impl Strategy<Value = Option<Value>> {
    list(rule(peers))
}

pub(crate) fn rule(peers: &'static str) -> BoxedStrategy<Value> {
    (list(peer()), list(port()))
        .prop_map(move |(listed, ports)| object([(peers, listed), ("ports", ports)]))
        .boxed()
}

fn peer() -> BoxedStrategy<Value> {
    prop_oneof![
        2 => lax_selector().prop_map(|pods| json!({"podSelector": pods})),
        2 => lax_selector().prop_map(|spaces| json!({"namespaceSelector": spaces})),
        1 => lax_selector()
            .prop_map(|pods| json!({"podSelector": pods, "namespaceSelector": null, "ipBlock": null})),
        2 => (lax_selector(), lax_selector())
            .prop_map(|(pods, spaces)| json!({"podSelector": pods, "namespaceSelector": spaces})),
        3 => block().prop_map(|block| json!({"ipBlock": block})),
    ]
    .boxed()
}

fn block() -> impl Strategy<Value = Value> {
    select(vec![
        json!({"cidr": "0.0.0.0/0"}),
        json!({"cidr": "0.0.0.0/0", "except": ["10.0.0.4/30", "203.0.113.9/32"]}),
        json!({"cidr": "10.0.0.0/29", "except": ["10.0.0.2/31"]}),
        json!({"cidr": "10.0.0.5/30", "except": null}),
        json!({"cidr": "010.000.000.000/28", "except": ["10.0.0.9/30"]}),
        json!({"cidr": "192.168.0.0/24", "except": ["192.168.0.2/32"]}),
        json!({"cidr": "203.0.113.8/31", "except": []}),
        json!({"cidr": "::ffff:10.0.0.0/126"}),
        json!({"cidr": "::/0", "except": ["fd00::4/126", "2001:db8::/32"]}),
        json!({"cidr": "fd00::/125", "except": ["fd00::3/127"]}),
        json!({"cidr": "fd00::7/126"}),
        json!({"cidr": "2001:db8::9/128"}),
    ])
}

fn port() -> impl Strategy<Value = Value> {
    let protocol = select(vec![
        None,
        None,
        Some(Value::Null),
        Some(json!("TCP")),
        Some(json!("UDP")),
        Some(json!("SCTP")),
    ]);
    let port = select(vec![
        (None, None),
        (Some(Value::Null), Some(Value::Null)),
        (Some(json!(80)), None),
        (Some(json!(53)), Some(Value::Null)),
        (Some(json!(53)), Some(json!(80))),
        (Some(json!(8080)), Some(json!(8081))),
        (Some(json!(8081)), Some(json!(8081))),
        (Some(json!("web")), None),
        (Some(json!("dns")), None),
        (Some(json!("sig")), None),
        (Some(json!("gone")), None),
    ]);
    (protocol, port).prop_map(|(protocol, (first, last))| {
        object([("protocol", protocol), ("port", first), ("endPort", last)])
    })
}
