//! Text of a document into values, and values into objects.

use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::Value;

use super::Document;
use crate::k8s::{self, ObjectError};
use crate::model::Object;

/// Levels of nesting; Kubernetes objects have some twenty, and each costs stack.
const DEPTH: usize = 64;
/// Aliases of one document may add this many YAML events, so that a small text stays small.
const REPLAYED_EVENTS: usize = 100_000;

/// The values of a document: one of YAML, or any number of JSON.
///
/// # Errors
/// What is wrong with the text, and where.
pub(super) fn values(document: &Document) -> Result<Vec<Value>, String> {
    if document.text.trim_start().starts_with(['{', '[']) {
        let values = serde_json::Deserializer::from_str(&document.text).into_iter();
        if let Ok(values) = values.collect() {
            return Ok(values);
        }
        // It may be YAML in flow style.
    }
    yaml(document).map(|value| vec![value])
}

fn yaml(document: &Document) -> Result<Value, String> {
    // Without aliases a text has no more nodes than bytes, and two events for each. The defaults refuse a list of some
    // hundred pods.
    let nodes = document.text.len() + REPLAYED_EVENTS;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DEPTH,
            max_nodes: nodes,
            max_events: nodes * 2,
            max_total_scalar_bytes: nodes * 8,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: REPLAYED_EVENTS,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(&document.text, options).map_err(|error| {
        let text = error.to_string();
        let mut message = text.lines().next().unwrap_or_default();
        let Some(at) = error.location() else {
            return message.to_owned();
        };
        // The place it names counts from the document; people look into the file.
        if let Some((what, _)) = message.split_once(" at line ") {
            message = what;
        }
        let line = at.line() + document.lines_before as u64;
        format!("line {line} column {}: {message}", at.column())
    })
}

/// A kind that is not evaluated.
pub(super) struct Ignored {
    pub(super) kind: String,
}

/// Converts an object of the kinds that are evaluated. A kind belongs to an API group: others have a NetworkPolicy or a
/// Service too.
pub(super) fn object(kind: &str, value: Value) -> Result<Result<Object, ObjectError>, Ignored> {
    let group = match kind {
        "Pod" | "Namespace" | "Service" | "Node" => "",
        "EndpointSlice" => "discovery.k8s.io",
        "NetworkPolicy" => "networking.k8s.io",
        _ => {
            return Err(Ignored {
                kind: kind.to_owned(),
            });
        }
    };
    if let Some(version) = value.get("apiVersion").and_then(Value::as_str) {
        let found = version.split_once('/').map_or("", |(group, _)| group);
        if found != group {
            return Err(Ignored {
                kind: format!("{kind}.{found}"),
            });
        }
    }
    Ok(match kind {
        "Pod" => decode(value)
            .and_then(|from| k8s::pod(&from))
            .map(Object::Pod),
        "Namespace" => decode(value)
            .and_then(|from| k8s::namespace(&from))
            .map(Object::Namespace),
        "Service" => decode(value)
            .and_then(|from| k8s::service(&from))
            .map(Object::Service),
        "EndpointSlice" => decode(value)
            .and_then(|from| k8s::endpoint_slice(&from))
            .map(Object::EndpointSlice),
        "Node" => decode(value)
            .and_then(|from| k8s::node(&from))
            .map(Object::Node),
        _ => network_policy(value).map(Object::NetworkPolicy),
    })
}

/// Unlike in other kinds, a field nobody knows is an error here: a policy with a misspelled list isolates, or lets
/// through, what its author did not mean.
fn network_policy(value: Value) -> Result<crate::model::NetworkPolicy, ObjectError> {
    let spec = value.get("spec").cloned().unwrap_or_default();
    let from: k8s_openapi::api::networking::v1::NetworkPolicy = decode(value)?;
    if let Some(field) = unknown_field(&spec, &as_value(&from.spec), "spec") {
        return Err(ObjectError {
            field,
            message: "expected no such field".to_owned(),
        });
    }
    k8s::network_policy(&from)
}

/// What the API types kept of a value; null where they cannot say.
fn as_value(kept: &impl Serialize) -> Value {
    serde_json::to_value(kept).unwrap_or_default()
}

/// The first field of `written` that is not in `kept`. Null fields are as good as absent.
fn unknown_field(written: &Value, kept: &Value, path: &str) -> Option<String> {
    match (written, kept) {
        (Value::Object(written), Value::Object(kept)) => written
            .iter()
            .filter(|(_, value)| !value.is_null())
            .find_map(|(key, value)| {
                let path = format!("{path}.{key}");
                match kept.get(key) {
                    Some(kept) => unknown_field(value, kept, &path),
                    None => Some(path),
                }
            }),
        (Value::Array(written), Value::Array(kept)) => {
            let pairs = written.iter().zip(kept).enumerate();
            pairs
                .into_iter()
                .find_map(|(at, (one, kept))| unknown_field(one, kept, &format!("{path}[{at}]")))
        }
        _ => None,
    }
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T, ObjectError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        let mut message = error.into_inner().to_string();
        // YAML reads `y`, `no`, `1.10` and their like as something else than text.
        if message.starts_with("invalid type: ") && message.ends_with("expected a string") {
            message.push_str(": put it into quotes");
        }
        ObjectError {
            field: if field == "." { String::new() } else { field },
            message,
        }
    })
}
