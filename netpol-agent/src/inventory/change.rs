//! What a source of the inventory delivers: one object that came or differs, or one that is gone.

use std::fmt;
use std::sync::Arc;

use netpol_policy::model::{Object, Workload};

/// Which object: of a kind, in a namespace, by name. There is at most one of each key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// API kind, such as `Pod`.
    pub kind: Arc<str>,
    /// Empty for cluster-scoped kinds.
    pub namespace: Arc<str>,
    /// Object name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// The key of an object.
    #[must_use]
    pub fn of(object: &Object) -> Self {
        let (namespace, name) = object.key();
        Self {
            kind: object.kind().into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// `Pod prod/web`, `Node worker-1`.
impl fmt::Display for ObjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.namespace.is_empty() { "" } else { "/" };
        let Self {
            kind,
            namespace,
            name,
        } = self;
        write!(out, "{kind} {namespace}{slash}{name}")
    }
}

/// One difference between what was and what is.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An object that is new, or differs from the one of the same key.
    Apply(Object),
    /// What runs the pods of a controller, where they do not tell that themselves.
    Runs(ObjectKey, Workload),
    /// An object that is gone.
    Remove(ObjectKey),
}

impl Change {
    /// Which object it is about.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::Apply(object) => ObjectKey::of(object),
            Self::Runs(key, _) | Self::Remove(key) => key.clone(),
        }
    }

    /// In which order a first inventory costs least: what decides about pods goes before them, so that none is looked at
    /// twice.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Apply(Object::Namespace(_)) => 0,
            Self::Apply(Object::TieredPolicy(_) | Object::NetworkPolicy(_)) => 1,
            Self::Apply(_) | Self::Runs(..) | Self::Remove(_) => 2,
        }
    }
}
