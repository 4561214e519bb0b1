//! Text of a document into values, and values into objects.

use k8s_openapi::serde::Serialize;
use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::Value;

use super::Validation;
use super::documents::Document;
use super::kind::Evaluated;
use super::reader::below;
use super::unique::Unique;
use crate::k8s::{self, ObjectError, lint, strict};
use crate::model::{Object, Template};

/// Levels of nesting; Kubernetes objects have some twenty, and each costs stack.
const DEPTH: usize = 64;
/// Aliases of one document may add this many YAML events, so that a small text stays small.
const REPLAYED_EVENTS: usize = 100_000;

/// The values of a document: one of YAML, or any number of JSON.
///
/// # Errors
/// What is wrong with the text, and where.
pub(super) fn values(document: &Document, validation: Validation) -> Result<Vec<Value>, String> {
    if document.text.trim_start().starts_with(['{', '[']) {
        let json = serde_json::Deserializer::from_str(&document.text);
        let values: Result<Vec<Value>, _> = match validation {
            Validation::AsNeeded => json.into_iter().collect(),
            Validation::Strict => json.into_iter().map(|one| one.map(Unique::into)).collect(),
        };
        if let Ok(values) = values {
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
    // Charts hold templates, which are no YAML before they are rendered.
    let hint = if document.text.contains("{{") {
        "; a template has to be rendered first"
    } else {
        ""
    };
    serde_saphyr::from_str_with_options(&document.text, options).map_err(|error| {
        let text = error.to_string();
        let mut message = text.lines().next().unwrap_or_default();
        let Some(at) = error.location() else {
            return format!("{message}{hint}");
        };
        // The place it names counts from the document; people look into the file.
        if let Some((what, _)) = message.split_once(" at line ") {
            message = what;
        }
        let line = at.line() + document.lines_before as u64;
        format!("line {line} column {}: {message}{hint}", at.column())
    })
}

/// What an object of a kind that is evaluated was read as.
pub(super) struct Decoded {
    /// The object; none where there are errors.
    pub(super) object: Option<Object>,
    /// Why it cannot be used.
    pub(super) errors: Vec<ObjectError>,
    /// What is likely to be a mistake.
    pub(super) warnings: Vec<ObjectError>,
}

impl Decoded {
    /// With one more reason not to use it.
    pub(super) fn refused_for(mut self, error: ObjectError) -> Self {
        self.errors.push(error);
        Self::refused(self.errors)
    }

    fn refused(errors: Vec<ObjectError>) -> Self {
        Self {
            object: None,
            errors,
            warnings: Vec::new(),
        }
    }
}

/// Reads an object of a kind that is evaluated.
pub(super) fn object(kind: Evaluated, value: Value, validation: Validation) -> Decoded {
    let written = Written {
        kind,
        value,
        validation,
    };
    match kind {
        Evaluated::Pod => written.read(k8s::pod, Object::Pod, strict::pod, nothing),
        Evaluated::Namespace => written.read(
            k8s::namespace,
            Object::Namespace,
            strict::namespace,
            nothing,
        ),
        Evaluated::Service => written.read(k8s::service, Object::Service, strict::service, nothing),
        Evaluated::EndpointSlice => written.read(
            k8s::endpoint_slice,
            Object::EndpointSlice,
            strict::endpoint_slice,
            nothing,
        ),
        Evaluated::Node => written.read(k8s::node, Object::Node, strict::node, lint::node),
        Evaluated::NetworkPolicy => written.read(
            k8s::network_policy,
            Object::NetworkPolicy,
            strict::network_policy,
            lint::network_policy,
        ),
        Evaluated::AdminNetworkPolicy => written.read(
            k8s::admin_network_policy,
            Object::TieredPolicy,
            strict::admin_network_policy,
            lint::admin_network_policy,
        ),
        Evaluated::BaselineAdminNetworkPolicy => written.read(
            k8s::baseline_admin_network_policy,
            Object::TieredPolicy,
            strict::baseline_admin_network_policy,
            lint::baseline_admin_network_policy,
        ),
        Evaluated::ClusterNetworkPolicy => written.read(
            k8s::cluster_network_policy,
            Object::TieredPolicy,
            strict::cluster_network_policy,
            lint::cluster_network_policy,
        ),
        Evaluated::Deployment => written.template(k8s::deployment, strict::deployment),
        Evaluated::StatefulSet => written.template(k8s::stateful_set, strict::stateful_set),
        Evaluated::DaemonSet => written.template(k8s::daemon_set, strict::daemon_set),
        Evaluated::ReplicaSet => written.template(k8s::replica_set, strict::replica_set),
        Evaluated::ReplicationController => {
            written.template(k8s::replication_controller, strict::replication_controller)
        }
        Evaluated::Job => written.template(k8s::job, strict::job),
        Evaluated::CronJob => written.template(k8s::cron_job, strict::cron_job),
    }
}

/// Gives everything that it finds.
type Check<T> = fn(&T) -> Vec<ObjectError>;

/// The check of kinds that have none.
fn nothing<T>(_: &T) -> Vec<ObjectError> {
    Vec::new()
}

/// A value on its way to become an object.
struct Written {
    kind: Evaluated,
    value: Value,
    validation: Validation,
}

impl Written {
    fn template<T: DeserializeOwned + Serialize>(
        self,
        convert: fn(&T) -> Result<Template, ObjectError>,
        strict: Check<T>,
    ) -> Decoded {
        self.read(convert, Object::Template, strict, nothing)
    }

    fn read<T: DeserializeOwned + Serialize, M>(
        self,
        convert: fn(&T) -> Result<M, ObjectError>,
        object: fn(M) -> Object,
        strict: Check<T>,
        lint: Check<T>,
    ) -> Decoded {
        let is_strict = self.validation == Validation::Strict;
        // Everywhere it is an error in a policy: one with a misspelled list isolates, or lets through, what its author
        // did not mean.
        let without_unknown_fields = match (is_strict, self.kind.is_policy()) {
            (true, _) => Some(("", without_type(self.value.clone()))),
            (false, true) => self.value.get("spec").map(|spec| ("spec", spec.clone())),
            (false, false) => None,
        };
        let from: T = match decode(self.value) {
            Ok(from) => from,
            Err(error) => return Decoded::refused(vec![error]),
        };
        let mut errors = Vec::new();
        if let Some((path, written)) = without_unknown_fields {
            let mut kept = serde_json::to_value(&from).unwrap_or_default();
            if !path.is_empty() {
                kept = kept.get_mut(path).map(Value::take).unwrap_or_default();
            }
            unknown_fields(&written, &kept, path, &mut errors);
        }
        if is_strict {
            errors.extend(strict(&from));
        }
        match convert(&from) {
            Ok(converted) if errors.is_empty() => Decoded {
                object: Some(object(converted)),
                errors,
                warnings: lint(&from),
            },
            Ok(_) => Decoded::refused(errors),
            Err(error) => {
                // Checks overlap, and what is misspelled below a field may be what the field lacks.
                let mut told = errors.iter().map(|other| &other.field);
                if !told.any(|field| field.starts_with(&error.field)) {
                    errors.push(error);
                }
                Decoded::refused(errors)
            }
        }
    }
}

/// An object without what told its kind, which not all of the API's types keep.
fn without_type(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    value
}

/// The fields of `written` that are not in `kept`, which is what the API's type kept of it. Null is as good as absent.
fn unknown_fields(written: &Value, kept: &Value, path: &str, found: &mut Vec<ObjectError>) {
    match (written, kept) {
        (Value::Object(written), Value::Object(kept)) => {
            for (key, value) in written.iter().filter(|(_, value)| !value.is_null()) {
                let path = below(path, key);
                match kept.get(key) {
                    Some(kept) => unknown_fields(value, kept, &path, found),
                    None => found.push(ObjectError {
                        field: path,
                        message: "expected no such field".to_owned(),
                    }),
                }
            }
        }
        (Value::Array(written), Value::Array(kept)) => {
            for (at, (one, kept)) in written.iter().zip(kept).enumerate() {
                unknown_fields(one, kept, &format!("{path}[{at}]"), found);
            }
        }
        _ => {}
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
