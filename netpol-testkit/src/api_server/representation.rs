//! How much of an object a client asks for: all of it, or its metadata.

use std::sync::Arc;

use serde_json::{Value, json};

use super::resource::Resource;

const METADATA: (&str, &str) = ("meta.k8s.io/v1", "PartialObjectMetadata");

/// What an `Accept` header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Representation {
    Full,
    /// `PartialObjectMetadata`.
    Metadata,
}

impl Representation {
    pub(crate) fn accepted(accept: &str) -> Self {
        if accept.contains("as=PartialObjectMetadata") {
            Self::Metadata
        } else {
            Self::Full
        }
    }

    pub(crate) fn of(self, object: &Arc<Value>) -> Value {
        match self {
            Self::Full => Value::clone(object),
            Self::Metadata => json!({
                "apiVersion": METADATA.0,
                "kind": METADATA.1,
                "metadata": object["metadata"],
            }),
        }
    }

    /// `apiVersion` and `kind` of an object.
    pub(crate) fn type_of(self, resource: &Resource) -> (String, String) {
        match self {
            Self::Full => (resource.api_version(), resource.kind.clone()),
            Self::Metadata => (METADATA.0.to_owned(), METADATA.1.to_owned()),
        }
    }

    /// `apiVersion` and `kind` of a list.
    pub(crate) fn type_of_list(self, resource: &Resource) -> (String, String) {
        let (api_version, kind) = self.type_of(resource);
        (api_version, format!("{kind}List"))
    }
}
