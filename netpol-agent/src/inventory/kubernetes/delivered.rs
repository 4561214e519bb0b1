//! Objects as the API server delivers them, converted the moment they are read: nothing else of them is kept.
//!
//! Those of the inventory are read whole ([`Typed`]); of the others the API server is asked for metadata alone.

use std::borrow::Cow;
use std::fmt::Debug;
use std::marker::PhantomData;

use k8s_openapi::api::{
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ClusterResourceScope, PartialObjectMeta};
use netpol_policy::k8s::{self, ObjectError, lint};
use netpol_policy::model::{Labels, Object, Workload};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::resource::Resource;
use crate::inventory::change::ObjectKey;

/// A kind of objects, as the API spells them out.
pub(super) trait Kind: Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    const RESOURCE: Resource;

    /// In domain form.
    fn convert(&self) -> Result<Object, ObjectError>;

    /// What is valid and worth a look.
    fn lint(&self) -> Vec<ObjectError>;
}

macro_rules! kinds {
    ($($kind:ty: $resource:ident, $convert:path => $object:ident, $lint:expr;)+) => {
        $(impl Kind for $kind {
            const RESOURCE: Resource = Resource::$resource;

            fn convert(&self) -> Result<Object, ObjectError> {
                $convert(self).map(Object::$object)
            }

            fn lint(&self) -> Vec<ObjectError> {
                $lint(self)
            }
        })+
    };
}

kinds! {
    core::Namespace: Namespaces, k8s::namespace => Namespace, nothing;
    core::Node: Nodes, k8s::node => Node, lint::node;
    core::Pod: Pods, k8s::pod => Pod, nothing;
    core::Service: Services, k8s::service => Service, nothing;
    discovery::EndpointSlice: EndpointSlices, k8s::endpoint_slice => EndpointSlice, nothing;
    networking::NetworkPolicy: NetworkPolicies, k8s::network_policy => NetworkPolicy, lint::network_policy;
    k8s::AdminNetworkPolicy: AdminNetworkPolicies, k8s::admin_network_policy => TieredPolicy, lint::admin_network_policy;
    k8s::BaselineAdminNetworkPolicy: BaselineAdminNetworkPolicies, k8s::baseline_admin_network_policy => TieredPolicy,
        lint::baseline_admin_network_policy;
    k8s::ClusterNetworkPolicy: ClusterNetworkPolicies, k8s::cluster_network_policy => TieredPolicy,
        lint::cluster_network_policy;
}

/// The check of kinds that have none.
fn nothing<T>(_: &T) -> Vec<ObjectError> {
    Vec::new()
}

/// What an object was read as.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    pub(super) key: ObjectKey,
    /// What is of use of it, or why it cannot be used.
    pub(super) outcome: Result<Content, ObjectError>,
    pub(super) warnings: Vec<ObjectError>,
}

/// What is of use of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    /// All that the inventory holds of its kind.
    Object(Object),
    /// What runs the pods that it controls.
    Runs(Workload),
    /// That it is there.
    Existence,
    /// Nothing: what it says is known without it.
    Nothing,
}

impl Delivered {
    fn of_metadata(resource: Resource, metadata: &ObjectMeta, content: Content) -> Self {
        Self {
            key: key(resource, metadata),
            outcome: Ok(content),
            warnings: Vec::new(),
        }
    }

    /// A controller of pods. Its pods name what runs them by themselves in nearly all cases: see
    /// [`Workload::of_controller`]. Only of the others anything is kept.
    pub(super) fn controller(resource: Resource, object: &PartialObjectMeta) -> Self {
        let metadata = &object.metadata;
        let (kind, name) = (
            resource.kind(),
            metadata.name.as_deref().unwrap_or_default(),
        );
        // Pods have all labels of the controller's template, so the hash too.
        let labels = Labels::from(metadata.labels.clone().unwrap_or_default());
        let workload = k8s::controller(metadata).unwrap_or_else(|| Workload {
            kind: kind.into(),
            name: name.into(),
        });
        let content = if workload == Workload::of_controller(kind, name, &labels) {
            Content::Nothing
        } else {
            Content::Runs(workload)
        };
        Self::of_metadata(resource, metadata, content)
    }

    /// A policy that is not evaluated.
    pub(super) fn counted(resource: Resource, object: &PartialObjectMeta) -> Self {
        Self::of_metadata(resource, &object.metadata, Content::Existence)
    }
}

fn key(resource: Resource, metadata: &ObjectMeta) -> ObjectKey {
    ObjectKey {
        kind: resource.kind().into(),
        namespace: metadata.namespace.as_deref().unwrap_or_default().into(),
        name: metadata.name.as_deref().unwrap_or_default().into(),
    }
}

/// An object of a kind. Reading one never fails, so that an object that cannot be used does not hide the others of its
/// list.
#[derive(Clone, Debug)]
pub(super) struct Typed<K> {
    /// What a watch needs: name, namespace and resource version.
    metadata: ObjectMeta,
    pub(super) delivered: Delivered,
    kind: PhantomData<K>,
}

impl<'de, K: Kind> Deserialize<'de> for Typed<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(from)?;
        let metadata = watched_metadata(&value);
        if let Some(Value::Object(metadata)) = value.get_mut("metadata") {
            // The largest part of many objects, and of no use here.
            metadata.remove("managedFields");
        }
        let key = key(K::RESOURCE, &metadata);
        let mut warnings = Vec::new();
        let outcome = decode::<K>(value).and_then(|read| {
            let object = read.convert()?;
            warnings = read.lint();
            Ok(Content::Object(object))
        });
        Ok(Self {
            metadata,
            delivered: Delivered {
                key,
                outcome,
                warnings,
            },
            kind: PhantomData,
        })
    }
}

fn watched_metadata(value: &Value) -> ObjectMeta {
    let text = |field: &str| {
        let found = value.get("metadata")?.get(field)?.as_str()?;
        Some(found.to_owned())
    };
    ObjectMeta {
        name: text("name"),
        namespace: text("namespace"),
        resource_version: text("resourceVersion"),
        ..ObjectMeta::default()
    }
}

fn decode<K: Kind>(value: Value) -> Result<K, ObjectError> {
    serde_path_to_error::deserialize(value).map_err(|error| ObjectError {
        field: match error.path().to_string() {
            // The object as a whole.
            path if path == "." => String::new(),
            path => path,
        },
        message: error.into_inner().to_string(),
    })
}

impl<K: Kind> kube::Resource for Typed<K> {
    type DynamicType = ();
    type Scope = ClusterResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        K::RESOURCE.kind().into()
    }

    fn group((): &()) -> Cow<'_, str> {
        K::RESOURCE.group().into()
    }

    fn version((): &()) -> Cow<'_, str> {
        K::RESOURCE.version().into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::RESOURCE.plural().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Typed<networking::NetworkPolicy> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn an_object_is_read_without_what_nobody_uses() {
        let policy = read(json!({
            "metadata": {
                "name": "db", "namespace": "prod", "resourceVersion": "7",
                // Of no form that could be read.
                "managedFields": "none",
            },
            "spec": { "podSelector": {} },
        }));
        assert_eq!(policy.delivered.key.to_string(), "NetworkPolicy prod/db");
        assert_eq!(policy.metadata.resource_version.as_deref(), Some("7"));
        let Ok(Content::Object(Object::NetworkPolicy(converted))) = policy.delivered.outcome else {
            panic!("{:?}", policy.delivered.outcome)
        };
        assert_eq!(converted.reference.to_string(), "prod/db");
    }

    #[test]
    fn one_that_cannot_be_used_is_read_all_the_same() {
        let metadata = json!({ "name": "db", "namespace": "prod", "resourceVersion": "7" });
        for (spec, field) in [
            (json!({ "podSelector": ["app"] }), "spec.podSelector"),
            (
                json!({ "podSelector": {}, "policyTypes": ["Both"] }),
                "spec.policyTypes[0]",
            ),
        ] {
            let policy = read(json!({ "metadata": metadata, "spec": spec }));
            assert_eq!(policy.delivered.key.to_string(), "NetworkPolicy prod/db");
            assert_eq!(policy.delivered.outcome.unwrap_err().field, field);
        }
        let nothing = read(json!({ "metadata": 3 }));
        assert!(nothing.delivered.outcome.is_err());
    }

    fn controller(resource: Resource, metadata: Value) -> Content {
        let object = json!({ "metadata": metadata });
        let object = serde_json::from_value(object).unwrap();
        Delivered::controller(resource, &object).outcome.unwrap()
    }

    #[test]
    fn of_controllers_only_what_their_pods_do_not_tell_is_kept() {
        let owner = |kind: &str, name: &str| {
            json!([
                { "apiVersion": "v1", "kind": "Other", "name": "other", "uid": "1" },
                { "apiVersion": "v1", "kind": kind, "name": name, "uid": "2", "controller": true },
            ])
        };
        let hash = json!({ "pod-template-hash": "5d4f" });
        let runs = |kind: &str, name: &str| {
            Content::Runs(Workload {
                kind: kind.into(),
                name: name.into(),
            })
        };
        let of_set = |metadata| controller(Resource::ReplicaSets, metadata);
        let deployed = json!({
            "name": "web-5d4f", "labels": hash, "ownerReferences": owner("Deployment", "web"),
        });
        assert_eq!(of_set(deployed), Content::Nothing);
        let unlabelled = json!({
            "name": "web-5d4f", "ownerReferences": owner("Deployment", "web"),
        });
        assert_eq!(of_set(unlabelled), runs("Deployment", "web"));
        let custom = json!({
            "name": "web-5d4f", "labels": hash, "ownerReferences": owner("Rollout", "web"),
        });
        assert_eq!(of_set(custom), runs("Rollout", "web"));
        let orphan = json!({ "name": "web-5d4f", "labels": hash });
        assert_eq!(of_set(orphan), runs("ReplicaSet", "web-5d4f"));
        assert_eq!(of_set(json!({ "name": "web" })), Content::Nothing);

        let of_job = |metadata| controller(Resource::Jobs, metadata);
        let scheduled = json!({
            "name": "night-28", "ownerReferences": owner("CronJob", "night"),
        });
        assert_eq!(of_job(scheduled), runs("CronJob", "night"));
        assert_eq!(of_job(json!({ "name": "once" })), Content::Nothing);
    }
}
