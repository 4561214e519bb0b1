//! Which resources are watched.

/// One kind of objects at the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// `v1` Namespace.
    Namespaces,
    /// `v1` Node.
    Nodes,
    /// `v1` Pod, of all nodes: policies name the pods at the other end.
    Pods,
    /// `v1` Service.
    Services,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlices,
    /// `networking.k8s.io/v1` NetworkPolicy.
    NetworkPolicies,
    /// `policy.networking.k8s.io/v1alpha1` AdminNetworkPolicy.
    AdminNetworkPolicies,
    /// `policy.networking.k8s.io/v1alpha1` BaselineAdminNetworkPolicy.
    BaselineAdminNetworkPolicies,
    /// `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy.
    ClusterNetworkPolicies,
}

/// How the API spells a resource.
struct Spelling {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
}

const POLICY_GROUP: &str = "policy.networking.k8s.io";

impl Resource {
    /// All that are watched.
    pub const ALL: [Self; 9] = [
        Self::Namespaces,
        Self::Nodes,
        Self::Pods,
        Self::Services,
        Self::EndpointSlices,
        Self::NetworkPolicies,
        Self::AdminNetworkPolicies,
        Self::BaselineAdminNetworkPolicies,
        Self::ClusterNetworkPolicies,
    ];

    fn spelling(self) -> Spelling {
        let (group, version, kind, plural) = match self {
            Self::Namespaces => ("", "v1", "Namespace", "namespaces"),
            Self::Nodes => ("", "v1", "Node", "nodes"),
            Self::Pods => ("", "v1", "Pod", "pods"),
            Self::Services => ("", "v1", "Service", "services"),
            Self::EndpointSlices => ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
            Self::NetworkPolicies => (
                "networking.k8s.io",
                "v1",
                "NetworkPolicy",
                "networkpolicies",
            ),
            Self::AdminNetworkPolicies => (
                POLICY_GROUP,
                "v1alpha1",
                "AdminNetworkPolicy",
                "adminnetworkpolicies",
            ),
            Self::BaselineAdminNetworkPolicies => (
                POLICY_GROUP,
                "v1alpha1",
                "BaselineAdminNetworkPolicy",
                "baselineadminnetworkpolicies",
            ),
            Self::ClusterNetworkPolicies => (
                POLICY_GROUP,
                "v1alpha2",
                "ClusterNetworkPolicy",
                "clusternetworkpolicies",
            ),
        };
        Spelling {
            group,
            version,
            kind,
            plural,
        }
    }

    /// API group; empty for the core group.
    #[must_use]
    pub fn group(self) -> &'static str {
        self.spelling().group
    }

    /// API version within the group.
    #[must_use]
    pub fn version(self) -> &'static str {
        self.spelling().version
    }

    /// Kind of its objects.
    #[must_use]
    pub fn kind(self) -> &'static str {
        self.spelling().kind
    }

    /// Its name in URLs.
    #[must_use]
    pub fn plural(self) -> &'static str {
        self.spelling().plural
    }

    /// As people and RBAC name it: `pods`, `networkpolicies.networking.k8s.io`.
    #[must_use]
    pub fn name(self) -> String {
        let Spelling { group, plural, .. } = self.spelling();
        if group.is_empty() {
            plural.to_owned()
        } else {
            format!("{plural}.{group}")
        }
    }

    /// Whether every API server has it. The others come with a CRD.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        self.group() != POLICY_GROUP
    }
}
