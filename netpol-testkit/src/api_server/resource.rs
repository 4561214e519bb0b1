//! The resources a server serves: the built-in ones that matter here, and those of CRDs.

use serde_json::{Value, json};

/// Group, version, plural, kind, and whether its objects live in namespaces.
const BUILT_IN: [(&str, &str, &str, &str, bool); 26] = [
    ("", "v1", "pods", "Pod", true),
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "nodes", "Node", false),
    ("", "v1", "services", "Service", true),
    ("", "v1", "events", "Event", true),
    ("", "v1", "configmaps", "ConfigMap", true),
    ("", "v1", "secrets", "Secret", true),
    ("", "v1", "serviceaccounts", "ServiceAccount", true),
    ("apps", "v1", "daemonsets", "DaemonSet", true),
    ("apps", "v1", "deployments", "Deployment", true),
    ("apps", "v1", "replicasets", "ReplicaSet", true),
    ("apps", "v1", "statefulsets", "StatefulSet", true),
    ("batch", "v1", "cronjobs", "CronJob", true),
    ("batch", "v1", "jobs", "Job", true),
    (
        "authentication.k8s.io",
        "v1",
        "tokenreviews",
        "TokenReview",
        false,
    ),
    (
        "authorization.k8s.io",
        "v1",
        "subjectaccessreviews",
        "SubjectAccessReview",
        false,
    ),
    (
        "discovery.k8s.io",
        "v1",
        "endpointslices",
        "EndpointSlice",
        true,
    ),
    ("events.k8s.io", "v1", "events", "Event", true),
    (
        "networking.k8s.io",
        "v1",
        "networkpolicies",
        "NetworkPolicy",
        true,
    ),
    (
        "policy",
        "v1",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        true,
    ),
    (RBAC, "v1", "clusterroles", "ClusterRole", false),
    (
        RBAC,
        "v1",
        "clusterrolebindings",
        "ClusterRoleBinding",
        false,
    ),
    (RBAC, "v1", "roles", "Role", true),
    (RBAC, "v1", "rolebindings", "RoleBinding", true),
    (
        "scheduling.k8s.io",
        "v1",
        "priorityclasses",
        "PriorityClass",
        false,
    ),
    (CRD_GROUP, "v1", CRD_PLURAL, CRD_KIND, false),
];

const RBAC: &str = "rbac.authorization.k8s.io";

const CRD_GROUP: &str = "apiextensions.k8s.io";
const CRD_PLURAL: &str = "customresourcedefinitions";
const CRD_KIND: &str = "CustomResourceDefinition";

/// One resource in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    /// API group; empty for the core group.
    pub(crate) group: String,
    pub(crate) version: String,
    /// As paths have it: `pods`.
    pub(crate) plural: String,
    pub(crate) kind: String,
    pub(crate) namespaced: bool,
    /// A CRD made it: its objects in a list carry `apiVersion` and `kind`, built-in ones do not.
    pub(crate) custom: bool,
}

impl Resource {
    pub(crate) fn built_in() -> impl Iterator<Item = Self> {
        BUILT_IN
            .into_iter()
            .map(|(group, version, plural, kind, namespaced)| Self {
                group: group.to_owned(),
                version: version.to_owned(),
                plural: plural.to_owned(),
                kind: kind.to_owned(),
                namespaced,
                custom: false,
            })
    }

    /// What a CustomResourceDefinition defines, one for each served version.
    pub(crate) fn defined_by(definition: &Value) -> Vec<Self> {
        let spec = &definition["spec"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let versions = spec["versions"].as_array().map(Vec::as_slice);
        versions
            .unwrap_or_default()
            .iter()
            .filter(|version| version["served"] != false)
            .map(|version| Self {
                group: text(&spec["group"]),
                version: text(&version["name"]),
                plural: text(&spec["names"]["plural"]),
                kind: text(&spec["names"]["kind"]),
                namespaced: spec["scope"] == "Namespaced",
                custom: true,
            })
            .collect()
    }

    /// Whether its objects define resources.
    pub(crate) fn defines_resources(&self) -> bool {
        self.group == CRD_GROUP && self.plural == CRD_PLURAL
    }

    /// Whether its objects are questions, which are answered and not stored.
    pub(crate) fn is_review(&self) -> bool {
        !self.custom && self.kind.ends_with("Review")
    }

    /// `apiVersion` of its objects.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// As kubectl writes it: `pods`, `networkpolicies.networking.k8s.io`.
    pub(crate) fn name(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

/// A CustomResourceDefinition of one version, for [`super::ApiServer::apply`].
///
/// `scope` is `Namespaced` or `Cluster`.
#[must_use]
pub fn custom_resource_definition(
    group: &str,
    version: &str,
    plural: &str,
    kind: &str,
    scope: &str,
) -> Value {
    json!({
        "apiVersion": format!("{CRD_GROUP}/v1"),
        "kind": CRD_KIND,
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group,
            "scope": scope,
            "names": { "plural": plural, "singular": kind.to_lowercase(), "kind": kind },
            "versions": [{ "name": version, "served": true, "storage": true }],
        },
    })
}
