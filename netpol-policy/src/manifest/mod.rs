//! Manifests: text into objects and errors. One bad document, or one bad item of a List, costs only itself.

mod decode;
mod documents;
pub mod locate;

use std::collections::HashMap;

use serde_json::Value;

use self::documents::{Document, documents};
use crate::k8s::ObjectError;
use crate::model::Object;

/// Everything that stood in a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Manifests {
    /// What can be used, in order.
    pub objects: Vec<Object>,
    /// What cannot, and why.
    pub errors: Vec<ManifestError>,
    /// Kinds that say nothing about traffic here, each as often as it stood there; with their API group where it is not
    /// the one that is evaluated, such as `NetworkPolicy.projectcalico.org`.
    pub ignored: Vec<String>,
}

/// Why a document or an object cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Position of the document in the text, from 1; empty documents count.
    pub document: usize,
    /// `Kind namespace/name`, where that could be read.
    pub object: Option<String>,
    /// Path within the object; empty for the document as a whole.
    pub field: String,
    /// What was expected, and what was found.
    pub message: String,
}

/// Reads YAML and JSON: many documents, and in each of JSON's one value after another. Kinds: Pod, Namespace, Service,
/// EndpointSlice, Node, NetworkPolicy, and Lists of them.
#[must_use]
pub fn parse(text: &str) -> Manifests {
    let mut reader = Reader::default();
    // Values beyond the first of a document make the numbers of those after it larger.
    let mut more_values = 0;
    for document in documents(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        if document.is_empty() {
            continue;
        }
        let number = document.number + more_values;
        match decode::values(&document) {
            Ok(values) => {
                more_values += values.len().saturating_sub(1);
                for (index, value) in values.into_iter().enumerate() {
                    reader.value(number + index, value);
                }
            }
            Err(message) => reader.error(number, None, "", message),
        }
    }
    reader.read
}

#[derive(Default)]
struct Reader {
    read: Manifests,
    /// Where in `read.objects` an object stands, by kind, namespace and name.
    places: HashMap<(String, String, String), usize>,
}

impl Reader {
    fn error(
        &mut self,
        document: usize,
        object: Option<String>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        let (field, message) = (field.into(), message.into());
        self.read.errors.push(ManifestError {
            document,
            object,
            field,
            message,
        });
    }

    /// A value of a document: an object, or an array of them.
    fn value(&mut self, document: usize, value: Value) {
        match value {
            Value::Null => {}
            Value::Array(items) => self.items(document, items, "", None),
            value => self.object(document, value, "", None),
        }
    }

    fn items(&mut self, document: usize, items: Vec<Value>, path: &str, kind: Option<&str>) {
        for (index, item) in items.into_iter().enumerate() {
            self.object(document, item, &format!("{path}[{index}]"), kind);
        }
    }

    /// `path` leads to the object from the document's root; `default_kind` is that of a typed List, whose items may leave
    /// theirs out.
    fn object(
        &mut self,
        document: usize,
        mut value: Value,
        path: &str,
        default_kind: Option<&str>,
    ) {
        if !value.is_object() {
            return self.error(document, None, path, "expected an object with a kind");
        }
        let kind = value
            .get("kind")
            .and_then(Value::as_str)
            .or(default_kind)
            .map(str::to_owned);
        let Some(kind) = kind else {
            let field = if path.is_empty() {
                "kind".to_owned()
            } else {
                format!("{path}.kind")
            };
            return self.error(document, None, field, "expected a kind, found none");
        };
        if let (Some(item_kind), Some(Value::Array(items))) = (
            kind.strip_suffix("List"),
            value.get_mut("items").map(Value::take),
        ) {
            let item_kind = (!item_kind.is_empty()).then_some(item_kind);
            let path = if path.is_empty() {
                "items".to_owned()
            } else {
                format!("{path}.items")
            };
            return self.items(document, items, &path, item_kind);
        }
        let name = described(&kind, &value);
        match decode::object(&kind, value) {
            Ok(Ok(object)) => self.add(document, object),
            Ok(Err(ObjectError { field, message })) => {
                self.error(document, Some(name), field, message);
            }
            Err(ignored) => self.read.ignored.push(ignored.kind),
        }
    }

    fn add(&mut self, document: usize, object: Object) {
        let (namespace, name) = object.key();
        let key = (
            object.kind().to_owned(),
            namespace.to_owned(),
            name.to_owned(),
        );
        let Some(&place) = self.places.get(&key) else {
            self.places.insert(key, self.read.objects.len());
            self.read.objects.push(object);
            return;
        };
        let described = format!("{} {}", object.kind(), qualified(namespace, name));
        let message = "stands here more than once; the last one counts";
        self.read.objects[place] = object;
        self.error(document, Some(described), "metadata.name", message);
    }
}

/// `Kind namespace/name` of what may turn out not to be a valid object.
fn described(kind: &str, value: &Value) -> String {
    let text = |field: &str| {
        value
            .pointer(&format!("/metadata/{field}"))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let has_namespace = !matches!(kind, "Namespace" | "Node");
    let namespace = match text("namespace") {
        "" if has_namespace => "default",
        namespace => namespace,
    };
    match text("name") {
        "" => kind.to_owned(),
        name => format!("{kind} {}", qualified(namespace, name)),
    }
}

fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
}

#[cfg(test)]
mod tests;
