//! Manifests: text into objects and errors. One bad document, or one bad item of a List, costs only itself.

use k8s_openapi::serde::de::DeserializeOwned;
use serde_json::Value;

use crate::k8s::{self, ObjectError};
use crate::model::Object;

/// Everything that stood in a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifests {
    /// What can be used, in order.
    pub objects: Vec<Object>,
    /// What cannot, and why.
    pub errors: Vec<ManifestError>,
    /// Kinds that say nothing about traffic here, each as often as it stood there.
    pub ignored: Vec<String>,
}

/// Why a document or an object cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Document within the text, from 1.
    pub document: usize,
    /// `Kind namespace/name`, where that could be read.
    pub object: Option<String>,
    /// Path within the object; empty for the document as a whole.
    pub field: String,
    /// What was expected, and what was found.
    pub message: String,
}

/// Reads YAML (many documents) or JSON (one value after another). Kinds: Pod, Namespace, Service, EndpointSlice, Node,
/// NetworkPolicy, and Lists of them.
#[must_use]
pub fn parse(text: &str) -> Manifests {
    let mut read = Manifests::default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with(['{', '[']) {
        read.json(text);
    } else {
        read.yaml(text);
    }
    read
}

impl Manifests {
    fn json(&mut self, text: &str) {
        let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        for (index, value) in values.enumerate() {
            match value {
                Ok(value) => self.document(index + 1, value),
                Err(error) => self.unreadable(index + 1, error.to_string()),
            }
        }
    }

    fn yaml(&mut self, text: &str) {
        let mut number = 0;
        for document in documents(text) {
            if is_empty(&document) {
                continue;
            }
            number += 1;
            match serde_saphyr::from_str::<Value>(&document) {
                Ok(value) => self.document(number, value),
                Err(error) => self.unreadable(number, error.to_string()),
            }
        }
    }

    fn unreadable(&mut self, document: usize, message: String) {
        // The first line says what and where; the rest draws a picture of it.
        let message = message.lines().next().unwrap_or_default().to_owned();
        self.errors.push(ManifestError { document, object: None, field: String::new(), message });
    }

    fn document(&mut self, document: usize, value: Value) {
        match value {
            Value::Null => {}
            Value::Array(items) => {
                for item in items {
                    self.object(document, item, None);
                }
            }
            value => self.object(document, value, None),
        }
    }

    /// `default_kind` is that of a typed List, whose items may leave theirs out.
    fn object(&mut self, document: usize, mut value: Value, default_kind: Option<&str>) {
        let kind = value.get("kind").and_then(Value::as_str).or(default_kind).map(str::to_owned);
        let Some(kind) = kind else {
            let message = if value.is_object() {
                "expected a kind, found none"
            } else {
                "expected an object with a kind"
            };
            return self.errors.push(ManifestError {
                document,
                object: None,
                field: "kind".to_owned(),
                message: message.to_owned(),
            });
        };
        if let (Some(item_kind), Some(Value::Array(items))) =
            (kind.strip_suffix("List"), value.get_mut("items").map(Value::take))
        {
            let item_kind = (!item_kind.is_empty()).then_some(item_kind);
            for item in items {
                // Lists do not hold lists.
                self.object(document, item, item_kind);
            }
            return;
        }
        let name = described(&kind, &value);
        match convert(&kind, value) {
            Some(Ok(object)) => self.add(document, object),
            Some(Err(ObjectError { field, message })) => {
                self.errors.push(ManifestError { document, object: Some(name), field, message });
            }
            None => self.ignored.push(kind),
        }
    }

    fn add(&mut self, document: usize, object: Object) {
        let same = |other: &Object| other.kind() == object.kind() && other.key() == object.key();
        if let Some(at) = self.objects.iter().position(same) {
            let (namespace, name) = object.key();
            self.errors.push(ManifestError {
                document,
                object: Some(format!("{} {}", object.kind(), qualified(namespace, name))),
                field: "metadata.name".to_owned(),
                message: "stands here more than once; the last one counts".to_owned(),
            });
            self.objects.remove(at);
        }
        self.objects.push(object);
    }
}

/// Splits at `---` in the first column, which ends a document wherever it stands (YAML 1.2, 9.1.2).
fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        let rest = line.strip_prefix("---");
        match rest.filter(|rest| rest.is_empty() || rest.starts_with([' ', '\t'])) {
            Some(rest) => documents.push(format!("{rest}\n")),
            None if line == "..." => documents.push(String::new()),
            None => {
                if let Some(last) = documents.last_mut() {
                    last.push_str(line);
                    last.push('\n');
                }
            }
        }
    }
    documents
}

fn is_empty(document: &str) -> bool {
    document.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with(['#', '%'])
    })
}

fn described(kind: &str, value: &Value) -> String {
    let text = |field: &str| {
        value.pointer(&format!("/metadata/{field}")).and_then(Value::as_str).unwrap_or_default()
    };
    format!("{kind} {}", qualified(text("namespace"), text("name")))
}

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// `None` for a kind that is not evaluated.
fn convert(kind: &str, value: Value) -> Option<Result<Object, ObjectError>> {
    Some(match kind {
        "Pod" => decode(value).and_then(|from| k8s::pod(&from)).map(Object::Pod),
        "Namespace" => decode(value).and_then(|from| k8s::namespace(&from)).map(Object::Namespace),
        "Service" => decode(value).and_then(|from| k8s::service(&from)).map(Object::Service),
        "EndpointSlice" => {
            decode(value).and_then(|from| k8s::endpoint_slice(&from)).map(Object::EndpointSlice)
        }
        "Node" => decode(value).and_then(|from| k8s::node(&from)).map(Object::Node),
        "NetworkPolicy" => {
            decode(value).and_then(|from| k8s::network_policy(&from)).map(Object::NetworkPolicy)
        }
        _ => return None,
    })
}

fn decode<T: DeserializeOwned>(value: Value) -> Result<T, ObjectError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let field = error.path().to_string();
        ObjectError {
            field: if field == "." { String::new() } else { field },
            message: error.into_inner().to_string(),
        }
    })
}
