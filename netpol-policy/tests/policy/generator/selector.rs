//! Labels and label selectors.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

const KEYS: [&str; 3] = ["app", "tier", "example.com/team"];
const VALUES: [&str; 3] = ["a", "b", ""];

/// Labels of an object; namespaces, nodes and pods draw from the same few.
pub(super) fn labels() -> BoxedStrategy<Value> {
    let value = || prop::option::weighted(0.6, select(&VALUES[..]));
    [value(), value(), value()]
        .prop_map(|values| {
            let labels: Map<String, Value> = KEYS
                .into_iter()
                .zip(values)
                .filter_map(|(key, value)| Some((key.to_owned(), value?.into())))
                .collect();
            Value::Object(labels)
        })
        .boxed()
}

fn key() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => select(&KEYS[..]),
        1 => Just("kubernetes.io/metadata.name"),
    ]
}

fn value() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => select(&VALUES[..]),
        1 => Just("alpha"),
    ]
}

fn expression() -> impl Strategy<Value = Value> {
    let operator = select(vec!["In", "NotIn", "Exists", "DoesNotExist"]);
    let values = prop::collection::vec(value(), 1..3);
    (key(), operator, values).prop_map(|(key, operator, values)| match operator {
        "In" | "NotIn" => json!({"key": key, "operator": operator, "values": values}),
        _ => json!({"key": key, "operator": operator}),
    })
}

/// A selector of any form but those with null.
pub(super) fn selector() -> BoxedStrategy<Value> {
    let label = || (key(), value()).prop_map(|(key, value)| json!({key: value}));
    let expressions = || prop::collection::vec(expression(), 0..3);
    prop_oneof![
        5 => Just(json!({})),
        1 => Just(json!({"matchLabels": {}, "matchExpressions": []})),
        4 => label().prop_map(|labels| json!({"matchLabels": labels})),
        3 => expressions().prop_map(|all| json!({"matchExpressions": all})),
        1 => (label(), expressions())
            .prop_map(|(labels, all)| json!({"matchLabels": labels, "matchExpressions": all})),
    ]
    .boxed()
}
