//! Lists: of the newest state or an older one, whole or in pages.

use std::borrow::Cow;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Value, json};

use super::query::{Options, Target};
use super::representation::Representation;
use super::resource::Resource;
use super::status::Status;
use super::store::{Key, Objects, Store};

/// Answers a list. Pages of one list show one state: that of its first page.
pub(crate) fn list(
    store: &Store,
    target: &Target,
    options: &Options,
    representation: Representation,
) -> Result<Value, Status> {
    let resource = target.resource();
    let (version, start, objects) = match &options.continue_token {
        Some(token) => {
            let (version, last) = read_token(token)?;
            let objects = store.objects_at(resource, version);
            let objects = objects.ok_or_else(|| Status::expired("continue parameter"))?;
            (version, Bound::Excluded(last), objects)
        }
        None => {
            let (version, objects) = state(store, resource, options)?;
            (version, Bound::Unbounded, objects)
        }
    };
    // Any state will do for version 0: a server answers from its cache, and that has no pages.
    let limit = options
        .limit
        .filter(|_| options.version != Some(0))
        .unwrap_or(usize::MAX);
    let mut rest = objects
        .range((start, Bound::Unbounded))
        .filter(|(key, object)| selects(target, options, key, object))
        .peekable();
    let mut items = Vec::new();
    let mut last = None;
    while items.len() < limit
        && let Some((key, object)) = rest.next()
    {
        items.push(item(resource, object, representation));
        last = Some(key);
    }
    let mut metadata = json!({ "resourceVersion": version.to_string() });
    if let Some(last) = last.filter(|_| rest.peek().is_some()) {
        metadata["continue"] = json!(token(version, last));
        metadata["remainingItemCount"] = json!(rest.count());
    }
    let (api_version, kind) = representation.type_of_list(resource);
    Ok(json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items }))
}

/// Whether a list or watch of `target` shows the object.
pub(crate) fn selects(target: &Target, options: &Options, key: &Key, object: &Value) -> bool {
    target
        .namespace()
        .is_none_or(|namespace| namespace == key.0)
        && options.fields.matches(object)
        && options.labels.matches(object)
}

fn state<'a>(
    store: &'a Store,
    resource: &Resource,
    options: &Options,
) -> Result<(u64, Cow<'a, Objects>), Status> {
    match options.version {
        Some(version) if version > store.version => Err(Status::too_large(version, store.version)),
        Some(version) if options.exact => store
            .objects_at(resource, version)
            .map(|objects| (version, objects))
            .ok_or_else(|| Status::expired("resource version")),
        _ => Ok((store.version, Cow::Borrowed(store.objects(resource)))),
    }
}

/// In a list the objects of built-in resources come without `apiVersion` and `kind`.
fn item(resource: &Resource, object: &Arc<Value>, representation: Representation) -> Value {
    let mut object = representation.of(object);
    if !resource.custom
        && representation == Representation::Full
        && let Some(fields) = object.as_object_mut()
    {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    object
}

/// Where a list goes on: the version it shows and the last object shown. No part has a slash.
fn token(version: u64, (namespace, name): &Key) -> String {
    format!("{version}/{namespace}/{name}")
}

fn read_token(token: &str) -> Result<(u64, Key), Status> {
    let mut parts = token.splitn(3, '/');
    let version = parts.next().and_then(|version| version.parse().ok());
    match (version, parts.next(), parts.next()) {
        (Some(version), Some(namespace), Some(name)) => {
            Ok((version, (namespace.to_owned(), name.to_owned())))
        }
        _ => Err(Status::bad_request("continue key is not valid")),
    }
}
