//! Label selectors, and what they select: pods, namespaces, nodes.

use serde_json::Value;

use super::{World, items, name, namespace, text};

/// Rule 10; null, missing and empty match everything.
pub(super) fn selects(selector: &Value, label: &dyn Fn(&str) -> Option<String>) -> bool {
    let pairs = selector["matchLabels"].as_object();
    let all_pairs = pairs.is_none_or(|pairs| {
        pairs
            .iter()
            .all(|(key, value)| label(key).as_deref() == value.as_str())
    });
    all_pairs
        && items(&selector["matchExpressions"])
            .iter()
            .all(|expression| {
                let found = label(text(&expression["key"]));
                let is_listed = items(&expression["values"])
                    .iter()
                    .any(|value| found.as_deref() == value.as_str());
                match text(&expression["operator"]) {
                    "In" => is_listed,
                    "NotIn" => !is_listed,
                    "Exists" => found.is_some(),
                    "DoesNotExist" => found.is_none(),
                    other => panic!("no operator of the API: {other:?}"),
                }
            })
}

/// By the object's own labels.
pub(super) fn selects_object(selector: &Value, object: &Value) -> bool {
    selects(selector, &|key| {
        let value = object["metadata"]["labels"].get(key)?;
        Some(value.as_str()?.to_owned())
    })
}

/// By the labels of a namespace, which may have no object (rule 11).
pub(super) fn selects_namespace(world: &World, selector: &Value, namespace: &str) -> bool {
    let object = world
        .of_kind("Namespace")
        .find(|object| name(object) == namespace);
    selects(selector, &|key| {
        if key == "kubernetes.io/metadata.name" {
            return Some(namespace.to_owned());
        }
        let value = object?["metadata"]["labels"].get(key)?;
        Some(value.as_str()?.to_owned())
    })
}

/// `namespaces` or `pods` of a cluster-scoped kind, as subject or peer; the pod is none of the host network.
pub(super) fn selects_pod_anywhere(world: &World, either: &Value, pod: &Value) -> bool {
    match either.get("namespaces") {
        Some(selector) => selects_namespace(world, selector, namespace(pod)),
        None => {
            let pods = &either["pods"];
            selects_namespace(world, &pods["namespaceSelector"], namespace(pod))
                && selects_object(&pods["podSelector"], pod)
        }
    }
}
