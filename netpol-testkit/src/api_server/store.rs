//! The objects, the one counter behind every resource version, and what changed lately.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::resource::Resource;

/// How many changes are remembered. A watch from before them gets 410 Gone.
const WINDOW: usize = 20_000;

/// Namespace (empty for cluster-scoped objects) and name.
pub(crate) type Key = (String, String);
pub(crate) type Objects = BTreeMap<Key, Arc<Value>>;

/// Why an object was not taken.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// No such kind is served: its CRD is not there, or the object is none.
    #[error("no matches for kind {kind:?} in version {api_version:?}")]
    UnknownKind {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
    },
    /// An object without a name.
    #[error("{kind} has no metadata.name")]
    NoName {
        /// Its `kind`.
        kind: String,
    },
    /// There is no such object.
    #[error("{kind} {namespace}/{name} not found")]
    NotFound {
        /// Its `kind`.
        kind: String,
        /// Its namespace; empty for a cluster-scoped object.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// One object created, changed or deleted.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Resource version that it made.
    pub(crate) version: u64,
    /// [`Resource::name`].
    pub(crate) resource: String,
    pub(crate) key: Key,
    /// The object until then.
    pub(crate) before: Option<Arc<Value>>,
    /// The object since then; when deleted, its last state with the version of the deletion.
    pub(crate) object: Arc<Value>,
    pub(crate) deleted: bool,
}

/// Everything the server stores.
#[derive(Debug)]
pub(crate) struct Store {
    /// The newest resource version.
    pub(crate) version: u64,
    /// The oldest version that a watch can start from: every later change is in `history`.
    pub(crate) oldest: u64,
    resources: Vec<Resource>,
    objects: BTreeMap<String, Objects>,
    history: VecDeque<Change>,
    /// Counts the objects ever created, for their UIDs.
    created: u64,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            version: 1,
            oldest: 1,
            resources: Resource::built_in().collect(),
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            created: 0,
        }
    }

    pub(crate) fn resources(&self) -> &[Resource] {
        &self.resources
    }

    pub(crate) fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| {
            (&*resource.group, &*resource.version, &*resource.plural) == (group, version, plural)
        })
    }

    /// The first resource with this kind.
    pub(crate) fn of_kind(&self, kind: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.kind == kind)
    }

    /// Creates or replaces an object, and returns it as stored. What is the same as before makes
    /// no new version.
    pub(crate) fn apply(&mut self, mut object: Value) -> Result<Arc<Value>, Rejected> {
        let resource = self.resource_of(&object)?;
        let key = self.key_of(&resource, &object)?;
        let before = self.object(&resource, &key).cloned();
        let metadata = &mut object["metadata"];
        if resource.namespaced {
            metadata["namespace"] = json!(key.0);
        }
        for field in ["uid", "creationTimestamp"] {
            if metadata[field].is_null() {
                metadata[field] = match &before {
                    Some(before) => before["metadata"][field].clone(),
                    None => self.first_value(field),
                };
            }
        }
        if let Some(before) = before.as_ref() {
            object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
            if **before == object {
                return Ok(before.clone());
            }
        }
        let object = self.record(&resource, key, before.clone(), object, false);
        if resource.defines_resources() {
            let defined_before = before.map(|before| Resource::defined_by(&before));
            let defined_before = defined_before.unwrap_or_default();
            self.resources
                .retain(|known| !defined_before.contains(known));
            self.resources.extend(Resource::defined_by(&object));
        }
        Ok(object)
    }

    /// Deletes an object; with a CRD go its resources and all their objects.
    pub(crate) fn delete(&mut self, kind: &str, key: Key) -> Result<(), Rejected> {
        let not_found = |(namespace, name): Key| Rejected::NotFound {
            kind: kind.to_owned(),
            namespace,
            name,
        };
        let Some(resource) = self.of_kind(kind).cloned() else {
            return Err(not_found(key));
        };
        let Some(before) = self.object(&resource, &key).cloned() else {
            return Err(not_found(key));
        };
        if resource.defines_resources() {
            for defined in Resource::defined_by(&before) {
                for (key, object) in self.objects(&defined).clone() {
                    let last = Value::clone(&object);
                    self.record(&defined, key, Some(object), last, true);
                }
                self.resources.retain(|known| *known != defined);
            }
        }
        let last = Value::clone(&before);
        self.record(&resource, key, Some(before), last, true);
        Ok(())
    }

    pub(crate) fn object(&self, resource: &Resource, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(&resource.name())?.get(key)
    }

    /// The objects of a resource as they are.
    pub(crate) fn objects(&self, resource: &Resource) -> &Objects {
        static NONE: Objects = Objects::new();
        self.objects.get(&resource.name()).unwrap_or(&NONE)
    }

    /// The objects of a resource as they were at `version`, if all changes since are remembered.
    pub(crate) fn objects_at(&self, resource: &Resource, version: u64) -> Option<Cow<'_, Objects>> {
        let mut objects = Cow::Borrowed(self.objects(resource));
        for change in self.changes_after(resource, version)?.rev() {
            match &change.before {
                Some(before) => objects.to_mut().insert(change.key.clone(), before.clone()),
                None => objects.to_mut().remove(&change.key),
            };
        }
        Some(objects)
    }

    /// What changed in a resource after `version`, oldest first, if all of it is remembered.
    pub(crate) fn changes_after(
        &self,
        resource: &Resource,
        version: u64,
    ) -> Option<impl DoubleEndedIterator<Item = &Change>> {
        if version < self.oldest {
            return None;
        }
        let start = self
            .history
            .partition_point(|change| change.version <= version);
        let name = resource.name();
        let changes = self.history.range(start..);
        Some(changes.filter(move |change| change.resource == name))
    }

    /// Forgets every change, so that no version handed out so far can be watched from.
    pub(crate) fn forget_history(&mut self) {
        self.history.clear();
        self.version += 1;
        self.oldest = self.version;
    }

    fn resource_of(&self, object: &Value) -> Result<Resource, Rejected> {
        let (api_version, kind) = (&object["apiVersion"], &object["kind"]);
        self.resources
            .iter()
            .find(|resource| *kind == *resource.kind && *api_version == resource.api_version())
            .cloned()
            .ok_or_else(|| Rejected::UnknownKind {
                api_version: api_version.as_str().unwrap_or_default().to_owned(),
                kind: kind.as_str().unwrap_or_default().to_owned(),
            })
    }

    fn key_of(&self, resource: &Resource, object: &Value) -> Result<Key, Rejected> {
        let metadata = &object["metadata"];
        let Some(name) = metadata["name"].as_str() else {
            return Err(Rejected::NoName {
                kind: resource.kind.clone(),
            });
        };
        let namespace = match metadata["namespace"].as_str() {
            _ if !resource.namespaced => "",
            Some(namespace) => namespace,
            None => "default",
        };
        Ok((namespace.to_owned(), name.to_owned()))
    }

    fn first_value(&mut self, field: &str) -> Value {
        if field == "uid" {
            self.created += 1;
            json!(format!("00000000-0000-4000-8000-{:012x}", self.created))
        } else {
            json!(
                jiff::Timestamp::now()
                    .strftime("%Y-%m-%dT%H:%M:%SZ")
                    .to_string()
            )
        }
    }

    fn record(
        &mut self,
        resource: &Resource,
        key: Key,
        before: Option<Arc<Value>>,
        mut object: Value,
        deleted: bool,
    ) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let object = Arc::new(object);
        let objects = self.objects.entry(resource.name()).or_default();
        if deleted {
            objects.remove(&key);
        } else {
            objects.insert(key.clone(), object.clone());
        }
        self.history.push_back(Change {
            version: self.version,
            resource: resource.name(),
            key,
            before,
            object: object.clone(),
            deleted,
        });
        if self.history.len() > WINDOW
            && let Some(forgotten) = self.history.pop_front()
        {
            self.oldest = forgotten.version;
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory;

    fn namespaces(store: &Store) -> Resource {
        store.of_kind("Namespace").unwrap().clone()
    }

    #[test]
    fn state_of_an_earlier_version_is_rebuilt_from_what_changed_since() {
        let mut store = Store::new();
        let resource = namespaces(&store);
        store.apply(inventory::namespace("a")).unwrap();
        let then = store.version;
        let mut changed = inventory::namespace("a");
        changed["metadata"]["labels"]["team"] = json!("shop");
        store.apply(changed).unwrap();
        store.apply(inventory::namespace("b")).unwrap();
        store
            .delete("Namespace", (String::new(), "a".to_owned()))
            .unwrap();
        assert_eq!(store.objects(&resource).len(), 1);
        let objects = store.objects_at(&resource, then).unwrap().into_owned();
        let object = &objects[&(String::new(), "a".to_owned())];
        assert_eq!(objects.len(), 1);
        assert!(object["metadata"]["labels"]["team"].is_null());
    }

    #[test]
    fn what_is_the_same_makes_no_version_and_a_new_object_gets_a_new_uid() {
        let mut store = Store::new();
        let first = store.apply(inventory::namespace("a")).unwrap();
        let again = store.apply(inventory::namespace("a")).unwrap();
        assert_eq!(first, again);
        store
            .delete("Namespace", (String::new(), "a".to_owned()))
            .unwrap();
        let other = store.apply(inventory::namespace("a")).unwrap();
        assert_ne!(first["metadata"]["uid"], other["metadata"]["uid"]);
    }

    #[test]
    fn changes_beyond_the_window_are_forgotten() {
        let mut store = Store::new();
        let resource = namespaces(&store);
        for index in 0..=WINDOW {
            store
                .apply(inventory::namespace(&format!("n{index}")))
                .unwrap();
        }
        assert!(store.changes_after(&resource, 1).is_none());
        assert_eq!(store.changes_after(&resource, 2).unwrap().count(), WINDOW);
    }
}
