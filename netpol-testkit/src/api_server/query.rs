//! What a request asks for: its target from the path, its options from the query.

use std::collections::BTreeMap;
use std::fmt;

use hyper::Method;

use super::resource::Resource;
use super::selector::{FieldSelector, LabelSelector};
use super::status::Status;
use super::store::{Key, Store};

/// A verb of RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verb {
    Get,
    List,
    Watch,
    Create,
    Patch,
    Update,
    Delete,
}

impl Verb {
    /// The verb of a request; `watch` is what its query asks for.
    pub(crate) fn of(method: &Method, target: Option<&Target>, watch: bool) -> Self {
        match (method, target) {
            (&Method::POST, _) => Self::Create,
            (&Method::PATCH, _) => Self::Patch,
            (&Method::PUT, _) => Self::Update,
            (&Method::DELETE, _) => Self::Delete,
            (_, Some(Target::Collection { .. })) if watch => Self::Watch,
            (_, Some(Target::Collection { .. })) => Self::List,
            _ => Self::Get,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

/// One object, something of it, or a resource as a whole or in one namespace.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Collection {
        resource: Resource,
        namespace: Option<String>,
    },
    Object {
        resource: Resource,
        key: Key,
    },
    /// Such as `portforward` of a pod.
    Subresource {
        resource: Resource,
        key: Key,
        subresource: String,
    },
}

impl Target {
    /// The target of a path under `/api` or `/apis`, if such a resource is served.
    pub(crate) fn of_path(path: &str, store: &Store) -> Option<Self> {
        let segments: Vec<&str> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .collect();
        let (group, version, rest) = match &*segments {
            ["api", version, rest @ ..] => ("", version, rest),
            ["apis", group, version, rest @ ..] => (*group, version, rest),
            _ => return None,
        };
        let find = |plural| store.resource(group, version, plural).cloned();
        match rest {
            [plural] => find(plural).map(|resource| Self::Collection {
                resource,
                namespace: None,
            }),
            [plural, name] => find(plural).map(|resource| Self::Object {
                resource,
                key: (String::new(), (*name).to_owned()),
            }),
            ["namespaces", namespace, plural] => find(plural).map(|resource| Self::Collection {
                resource,
                namespace: Some((*namespace).to_owned()),
            }),
            ["namespaces", namespace, plural, name] => find(plural).map(|resource| Self::Object {
                resource,
                key: ((*namespace).to_owned(), (*name).to_owned()),
            }),
            ["namespaces", namespace, plural, name, subresource] => {
                find(plural).map(|resource| Self::Subresource {
                    resource,
                    key: ((*namespace).to_owned(), (*name).to_owned()),
                    subresource: (*subresource).to_owned(),
                })
            }
            _ => None,
        }
        .filter(|target| target.resource().namespaced || target.namespace().is_none())
    }

    pub(crate) fn resource(&self) -> &Resource {
        match self {
            Self::Collection { resource, .. }
            | Self::Object { resource, .. }
            | Self::Subresource { resource, .. } => resource,
        }
    }

    /// As rules of RBAC name what is asked for: `pods`, `deployments.apps`, `pods/portforward`.
    pub(crate) fn rbac_name(&self) -> String {
        let name = self.resource().name();
        match self {
            Self::Subresource { subresource, .. } => match name.split_once('.') {
                Some((plural, group)) => format!("{plural}/{subresource}.{group}"),
                None => format!("{name}/{subresource}"),
            },
            _ => name,
        }
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        match self {
            Self::Collection { namespace, .. } => namespace.as_deref(),
            Self::Object {
                key: (namespace, _),
                ..
            }
            | Self::Subresource {
                key: (namespace, _),
                ..
            } => Some(&**namespace).filter(|n| !n.is_empty()),
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Collection { .. } => None,
            Self::Object { key: (_, name), .. } | Self::Subresource { key: (_, name), .. } => {
                Some(name)
            }
        }
    }
}

/// The options of a list or watch.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) watch: bool,
    /// `None` for the most recent state; `0` means any.
    pub(crate) version: Option<u64>,
    pub(crate) exact: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) continue_token: Option<String>,
    pub(crate) timeout_seconds: Option<u64>,
    pub(crate) bookmarks: bool,
    pub(crate) initial_events: bool,
    pub(crate) fields: FieldSelector,
    pub(crate) labels: LabelSelector,
}

impl Options {
    pub(crate) fn parse(query: &str) -> Result<Self, Status> {
        let pairs: BTreeMap<_, _> = form_urlencoded::parse(query.as_bytes()).collect();
        let text = |name: &str| {
            pairs
                .get(name)
                .map(|v| &**v)
                .filter(|value| !value.is_empty())
        };
        let flag = |name: &str| matches!(text(name), Some("true" | "1"));
        let number = |name: &str| {
            let parsed = text(name).map(|value| value.parse::<u64>());
            parsed
                .transpose()
                .map_err(|_| Status::bad_request(format!("invalid {name}")))
        };
        let options = Self {
            watch: flag("watch"),
            version: number("resourceVersion")?,
            exact: text("resourceVersionMatch") == Some("Exact"),
            limit: number("limit")?
                .and_then(|limit| usize::try_from(limit).ok())
                .filter(|l| *l > 0),
            continue_token: text("continue").map(str::to_owned),
            timeout_seconds: number("timeoutSeconds")?,
            bookmarks: flag("allowWatchBookmarks"),
            initial_events: flag("sendInitialEvents"),
            fields: FieldSelector::parse(text("fieldSelector").unwrap_or_default())?,
            labels: LabelSelector::parse(text("labelSelector").unwrap_or_default())?,
        };
        let not_older = text("resourceVersionMatch") == Some("NotOlderThan");
        if options.initial_events && !(options.watch && not_older) {
            let message =
                "sendInitialEvents requires a watch with resourceVersionMatch=NotOlderThan";
            return Err(Status::invalid(message));
        }
        Ok(options)
    }
}
