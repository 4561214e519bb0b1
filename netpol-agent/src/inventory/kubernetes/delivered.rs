//! Objects as the API server delivers them, converted the moment they are read: nothing else of them is kept.

use std::borrow::Cow;
use std::fmt::Debug;
use std::marker::PhantomData;

use k8s_openapi::api::{
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ClusterResourceScope;
use netpol_policy::k8s::{self, ObjectError, lint};
use netpol_policy::model::Object;
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
    /// The object, or why it cannot be used.
    pub(super) outcome: Result<Object, ObjectError>,
    pub(super) warnings: Vec<ObjectError>,
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
        let key = ObjectKey {
            kind: K::RESOURCE.kind().into(),
            namespace: metadata.namespace.as_deref().unwrap_or_default().into(),
            name: metadata.name.as_deref().unwrap_or_default().into(),
        };
        let mut warnings = Vec::new();
        let outcome = decode::<K>(value).and_then(|read| {
            let object = read.convert()?;
            warnings = read.lint();
            Ok(object)
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
        let Ok(Object::NetworkPolicy(converted)) = policy.delivered.outcome else {
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
}
