//! Text of a document into values, and values into objects.

use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::Value;

use super::documents::Document;
use super::kind::Evaluated;
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

/// Converts an object of a kind that is evaluated.
pub(super) fn object(kind: Evaluated, value: Value) -> Result<Object, ObjectError> {
    Ok(match kind {
        Evaluated::Pod => Object::Pod(k8s::pod(&decode(value)?)?),
        Evaluated::Namespace => Object::Namespace(k8s::namespace(&decode(value)?)?),
        Evaluated::Service => Object::Service(k8s::service(&decode(value)?)?),
        Evaluated::Node => Object::Node(k8s::node(&decode(value)?)?),
        Evaluated::EndpointSlice => Object::EndpointSlice(k8s::endpoint_slice(&decode(value)?)?),
        Evaluated::NetworkPolicy => {
            Object::NetworkPolicy(k8s::network_policy(&decode_policy(value)?)?)
        }
        Evaluated::AdminNetworkPolicy => {
            Object::TieredPolicy(k8s::admin_network_policy(&decode_policy(value)?)?)
        }
        Evaluated::BaselineAdminNetworkPolicy => {
            Object::TieredPolicy(k8s::baseline_admin_network_policy(&decode_policy(value)?)?)
        }
        Evaluated::ClusterNetworkPolicy => {
            Object::TieredPolicy(k8s::cluster_network_policy(&decode_policy(value)?)?)
        }
        Evaluated::Deployment => Object::Template(k8s::deployment(&decode(value)?)?),
        Evaluated::StatefulSet => Object::Template(k8s::stateful_set(&decode(value)?)?),
        Evaluated::DaemonSet => Object::Template(k8s::daemon_set(&decode(value)?)?),
        Evaluated::ReplicaSet => Object::Template(k8s::replica_set(&decode(value)?)?),
        Evaluated::ReplicationController => {
            Object::Template(k8s::replication_controller(&decode(value)?)?)
        }
        Evaluated::Job => Object::Template(k8s::job(&decode(value)?)?),
        Evaluated::CronJob => Object::Template(k8s::cron_job(&decode(value)?)?),
    })
}

/// Unlike in other kinds, a field nobody knows is an error in a policy: one with a misspelled list isolates, or lets
/// through, what its author did not mean.
fn decode_policy<T: DeserializeOwned + Serialize>(value: Value) -> Result<T, ObjectError> {
    let spec = value.get("spec").cloned().unwrap_or_default();
    let from: T = decode(value)?;
    let kept = as_value(&from).get_mut("spec").map(Value::take);
    if let Some(field) = unknown_field(&spec, &kept.unwrap_or_default(), "spec") {
        return Err(ObjectError {
            field,
            message: "expected no such field".to_owned(),
        });
    }
    Ok(from)
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
