//! Objects written by clients: created, and changed by a patch.

use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::ApiServer;
use super::event;
use super::query::Target;
use super::status::Status;
use super::store::{Rejected, Store};

const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";

/// Reads an object that must be one of `api_version` and `kind`, where it says what it is.
pub(crate) fn read(body: &Bytes, api_version: &str, kind: &str) -> Result<Value, Status> {
    let object: Value = serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("the body is no JSON: {error}")))?;
    let is = |field: &str, wanted: &str| object[field].is_null() || object[field] == wanted;
    if !object.is_object() || !is("apiVersion", api_version) || !is("kind", kind) {
        return Err(Status::bad_request(format!(
            "the object is no {kind} of {api_version}"
        )));
    }
    Ok(object)
}

/// Creates the object in a body.
pub(crate) fn create(store: &mut Store, target: &Target, body: &Bytes) -> Result<Value, Status> {
    let (resource, namespace) = match target {
        Target::Collection {
            resource,
            namespace,
        } if resource.namespaced == namespace.is_some() => (resource, namespace.as_deref()),
        _ => return Err(Status::method_not_allowed()),
    };
    let mut object = read(body, &resource.api_version(), &resource.kind)?;
    object["apiVersion"] = json!(resource.api_version());
    object["kind"] = json!(resource.kind);
    let metadata = &mut object["metadata"];
    if resource.namespaced {
        let namespace = namespace.unwrap_or_default();
        if metadata["namespace"].is_null() {
            metadata["namespace"] = json!(namespace);
        }
        if metadata["namespace"] != namespace {
            return Err(Status::bad_request(
                "the namespace of the provided object does not match the namespace sent on the \
                 request",
            ));
        }
    }
    if let (None, Some(prefix)) = (metadata["name"].as_str(), metadata["generateName"].as_str()) {
        metadata["name"] = json!(format!("{prefix}{:05x}", store.version));
    }
    let name = metadata["name"].as_str().unwrap_or_default().to_owned();
    let key = (namespace.unwrap_or_default().to_owned(), name.clone());
    if store.object(resource, &key).is_some() {
        return Err(Status::already_exists(&resource.name(), &name));
    }
    event::validate(resource, &object)?;
    let stored = store.apply(object).map_err(refused)?;
    Ok(Value::clone(&stored))
}

/// Changes an object by a merge patch (RFC 7396). A strategic one is taken as the same: the lists
/// that it would merge are replaced.
pub(crate) fn patch(
    store: &mut Store,
    target: &Target,
    content_type: &str,
    body: &Bytes,
) -> Result<Value, Status> {
    let Target::Object { resource, key } = target else {
        return Err(Status::method_not_allowed());
    };
    if ![MERGE, STRATEGIC].contains(&content_type) {
        return Err(Status::unsupported_media_type(content_type));
    }
    let patch: Value = serde_json::from_slice(body)
        .map_err(|error| Status::bad_request(format!("the patch is no JSON: {error}")))?;
    let object = store.object(resource, key);
    let object = object.ok_or_else(|| Status::not_found(&resource.name(), &key.1))?;
    let version = &patch["metadata"]["resourceVersion"];
    if !version.is_null() && *version != object["metadata"]["resourceVersion"] {
        return Err(Status::conflict(&resource.name(), &key.1));
    }
    let mut object = Value::clone(object);
    merge(&mut object, patch);
    let stored = store.apply(object).map_err(refused)?;
    Ok(Value::clone(&stored))
}

fn merge(object: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *object = patch;
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    for (field, value) in patch {
        match object.as_object_mut() {
            Some(fields) if value.is_null() => {
                fields.remove(&field);
            }
            _ => merge(&mut object[field], value),
        }
    }
}

fn refused(rejected: Rejected) -> Status {
    Status::invalid(rejected.to_string())
}

impl ApiServer {
    /// The objects of a resource, named as kubectl writes it (`events.events.k8s.io`), by namespace
    /// and name.
    #[must_use]
    pub fn objects(&self, resource: &str) -> Vec<Value> {
        let state = self.shared.state();
        let resources = state.store.resources().iter();
        resources
            .filter(|known| known.name() == resource)
            .take(1)
            .flat_map(|known| state.store.objects(known).values())
            .map(|object| Value::clone(object))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merge_patch_follows_the_examples_of_its_rfc() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ];
        for (mut object, patch, expected) in cases {
            merge(&mut object, patch.clone());
            assert_eq!(object, expected, "{patch}");
        }
    }
}
