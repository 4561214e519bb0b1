//! Values of documents into objects: Lists unfolded, kinds told apart, doubles found.

use std::collections::HashMap;

use serde_json::Value;

use super::decode::{self, Decoded};
use super::kind::{Class, Evaluated, class, group};
use super::{ManifestError, Manifests, NotEvaluated, Place, Validation};
use crate::k8s::ObjectError;
use crate::model::Object;

/// Takes the values of a text one after another.
pub(super) struct Reader {
    validation: Validation,
    read: Manifests,
    /// Index of an object in `read.objects`, by kind, namespace and name.
    indices: HashMap<(String, String, String), usize>,
}

impl Reader {
    pub(super) fn new(validation: Validation) -> Self {
        Self {
            validation,
            read: Manifests::default(),
            indices: HashMap::new(),
        }
    }

    /// Everything that was read.
    pub(super) fn finish(self) -> Manifests {
        self.read
    }

    pub(super) fn error(
        &mut self,
        place: &Place,
        object: Option<String>,
        field: impl Into<String>,
        message: impl Into<String>,
    ) {
        let (field, message) = (field.into(), message.into());
        self.read.errors.push(ManifestError {
            document: place.document,
            object,
            field,
            message,
        });
    }

    /// A value of a document: an object, or an array of them.
    pub(super) fn value(&mut self, place: Place, value: Value) {
        match value {
            Value::Null => {}
            Value::Array(items) => self.items(&place, items, None),
            value => self.object(place, value, None),
        }
    }

    /// Items of an array at `place`.
    fn items(&mut self, place: &Place, items: Vec<Value>, default: Option<&Typed>) {
        for (index, item) in items.into_iter().enumerate() {
            let path = format!("{}[{index}]", place.path);
            let place = Place {
                path,
                ..place.clone()
            };
            self.object(place, item, default);
        }
    }

    /// `default` is what a typed List says of its items, which may leave that out.
    fn object(&mut self, place: Place, mut value: Value, default: Option<&Typed>) {
        if !value.is_object() {
            return self.error(
                &place,
                None,
                &place.path,
                "expected a Kubernetes object with apiVersion and kind, found none",
            );
        }
        let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let kind = text("kind").or(default.map(|typed| typed.kind.clone()));
        let Some(kind) = kind else {
            // Such as values of a Helm chart, or a kustomization.
            let message = if value.get("apiVersion").is_some() {
                "expected a kind, found none"
            } else {
                "expected a Kubernetes object with apiVersion and kind, found neither"
            };
            return self.error(&place, None, below(&place.path, "kind"), message);
        };
        let written = value
            .get("apiVersion")
            .is_some_and(|found| !found.is_null());
        let api_version = text("apiVersion");
        if written && api_version.is_none() {
            return self.error(&place, Some(kind), "apiVersion", "expected a string");
        }
        let api_version = api_version.or(default.and_then(|typed| typed.api_version.clone()));
        match kind.strip_suffix("List") {
            Some(item) if is_list(&value, item, api_version.as_deref()) => {
                let items = value.get_mut("items").map(Value::take);
                let typed = (!item.is_empty()).then(|| Typed {
                    kind: item.to_owned(),
                    api_version,
                });
                self.list(place, items, typed.as_ref());
            }
            _ => self.one(place, kind, api_version, value),
        }
    }

    fn list(&mut self, place: Place, items: Option<Value>, default: Option<&Typed>) {
        let path = below(&place.path, "items");
        let place = Place { path, ..place };
        match items {
            Some(Value::Array(items)) => self.items(&place, items, default),
            Some(Value::Null) => {}
            _ => self.error(&place, None, &place.path, "expected a list of objects"),
        }
    }

    /// An object that is no List.
    fn one(&mut self, place: Place, kind: String, api_version: Option<String>, value: Value) {
        match class(api_version.as_deref(), &kind) {
            Class::Evaluated(evaluated) => {
                let described = described(evaluated, &kind, &value);
                let mut decoded = decode::object(evaluated, value, self.validation);
                if api_version.is_none() && self.validation == Validation::Strict {
                    decoded = decoded.refused_for(ObjectError {
                        field: "apiVersion".to_owned(),
                        message: "expected an API version, found none".to_owned(),
                    });
                }
                self.decoded(place, described, decoded);
            }
            Class::NotEvaluated => {
                let name = qualified(metadata(&value, "namespace"), metadata(&value, "name"));
                self.read.not_evaluated.push(NotEvaluated {
                    place,
                    api_version: api_version.unwrap_or_default(),
                    kind,
                    name,
                });
            }
            Class::Ignored => {
                let group = api_version.as_deref().map(group).unwrap_or_default();
                let dot = if group.is_empty() { "" } else { "." };
                self.read.ignored.push(format!("{kind}{dot}{group}"));
            }
        }
    }

    fn decoded(&mut self, place: Place, described: String, decoded: Decoded) {
        for ObjectError { field, message } in decoded.errors {
            self.error(&place, Some(described.clone()), field, message);
        }
        for ObjectError { field, message } in decoded.warnings {
            self.read.warnings.push(ManifestError {
                document: place.document,
                object: Some(described.clone()),
                field,
                message,
            });
        }
        if let Some(object) = decoded.object {
            self.add(place, object);
        }
    }

    /// Of an object that stands here twice the last one counts, in the place of the first.
    fn add(&mut self, place: Place, object: Object) {
        let (namespace, name) = object.key();
        let key = (
            object.kind().to_owned(),
            namespace.to_owned(),
            name.to_owned(),
        );
        let Some(&index) = self.indices.get(&key) else {
            self.indices.insert(key, self.read.objects.len());
            self.read.objects.push(object);
            self.read.places.push(place);
            return;
        };
        let described = format!("{} {}", object.kind(), qualified(namespace, name));
        let message = "stands here more than once; the last one counts";
        self.error(&place, Some(described), "metadata.name", message);
        self.read.objects[index] = object;
        self.read.places[index] = place;
    }
}

/// Whether a kind that ends in `List` is one. The items of kinds that matter here are asked for if they are missing.
fn is_list(value: &Value, item_kind: &str, api_version: Option<&str>) -> bool {
    item_kind.is_empty()
        || value.get("items").is_some_and(Value::is_array)
        || class(api_version, item_kind) != Class::Ignored
}

/// What a typed List, such as a PodList, says of its items.
struct Typed {
    kind: String,
    api_version: Option<String>,
}

pub(super) fn below(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

fn metadata<'a>(value: &'a Value, field: &str) -> &'a str {
    value
        .pointer(&format!("/metadata/{field}"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// `Kind namespace/name` of what may turn out not to be a valid object.
fn described(evaluated: Evaluated, kind: &str, value: &Value) -> String {
    let namespace = match metadata(value, "namespace") {
        _ if evaluated.is_cluster_scoped() => "",
        "" => "default",
        namespace => namespace,
    };
    match metadata(value, "name") {
        "" => kind.to_owned(),
        name => format!("{kind} {}", qualified(namespace, name)),
    }
}

pub(super) fn qualified(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
}
