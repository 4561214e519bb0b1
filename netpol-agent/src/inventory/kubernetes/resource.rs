//! Which resources are watched, and what for.

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
    /// `apps/v1` ReplicaSet.
    ReplicaSets,
    /// `batch/v1` Job.
    Jobs,
    /// `cilium.io/v2` CiliumNetworkPolicy.
    CiliumNetworkPolicies,
    /// `cilium.io/v2` CiliumClusterwideNetworkPolicy.
    CiliumClusterwideNetworkPolicies,
    /// `crd.projectcalico.org/v1` NetworkPolicy.
    CalicoNetworkPolicies,
    /// `crd.projectcalico.org/v1` GlobalNetworkPolicy.
    CalicoGlobalNetworkPolicies,
    /// `crd.antrea.io/v1beta1` NetworkPolicy.
    AntreaNetworkPolicies,
    /// `crd.antrea.io/v1beta1` ClusterNetworkPolicy.
    AntreaClusterNetworkPolicies,
    /// `k8s.ovn.org/v1` EgressFirewall.
    EgressFirewalls,
}

/// What the objects of a resource are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// They are the inventory, and are read whole.
    Inventory,
    /// They stand between pods and what runs them: of each its owner is read.
    Owner,
    /// Policies that are not evaluated: they are counted.
    Count,
}

/// How the API spells a resource.
struct Spelling {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
}

const POLICY_GROUP: &str = "policy.networking.k8s.io";
const CILIUM: (&str, &str) = ("cilium.io", "v2");
const CALICO: (&str, &str) = ("crd.projectcalico.org", "v1");
const ANTREA: (&str, &str) = ("crd.antrea.io", "v1beta1");

impl Resource {
    /// All that are watched.
    pub const ALL: [Self; 18] = [
        Self::Namespaces,
        Self::Nodes,
        Self::Pods,
        Self::Services,
        Self::EndpointSlices,
        Self::NetworkPolicies,
        Self::AdminNetworkPolicies,
        Self::BaselineAdminNetworkPolicies,
        Self::ClusterNetworkPolicies,
        Self::ReplicaSets,
        Self::Jobs,
        Self::CiliumNetworkPolicies,
        Self::CiliumClusterwideNetworkPolicies,
        Self::CalicoNetworkPolicies,
        Self::CalicoGlobalNetworkPolicies,
        Self::AntreaNetworkPolicies,
        Self::AntreaClusterNetworkPolicies,
        Self::EgressFirewalls,
    ];

    fn spelling(self) -> Spelling {
        let ((group, version), kind, plural) = match self {
            Self::Namespaces => (("", "v1"), "Namespace", "namespaces"),
            Self::Nodes => (("", "v1"), "Node", "nodes"),
            Self::Pods => (("", "v1"), "Pod", "pods"),
            Self::Services => (("", "v1"), "Service", "services"),
            Self::EndpointSlices => (
                ("discovery.k8s.io", "v1"),
                "EndpointSlice",
                "endpointslices",
            ),
            Self::NetworkPolicies => (
                ("networking.k8s.io", "v1"),
                "NetworkPolicy",
                "networkpolicies",
            ),
            Self::AdminNetworkPolicies => (
                (POLICY_GROUP, "v1alpha1"),
                "AdminNetworkPolicy",
                "adminnetworkpolicies",
            ),
            Self::BaselineAdminNetworkPolicies => (
                (POLICY_GROUP, "v1alpha1"),
                "BaselineAdminNetworkPolicy",
                "baselineadminnetworkpolicies",
            ),
            Self::ClusterNetworkPolicies => (
                (POLICY_GROUP, "v1alpha2"),
                "ClusterNetworkPolicy",
                "clusternetworkpolicies",
            ),
            Self::ReplicaSets => (("apps", "v1"), "ReplicaSet", "replicasets"),
            Self::Jobs => (("batch", "v1"), "Job", "jobs"),
            Self::CiliumNetworkPolicies => (CILIUM, "CiliumNetworkPolicy", "ciliumnetworkpolicies"),
            Self::CiliumClusterwideNetworkPolicies => (
                CILIUM,
                "CiliumClusterwideNetworkPolicy",
                "ciliumclusterwidenetworkpolicies",
            ),
            Self::CalicoNetworkPolicies => (CALICO, "NetworkPolicy", "networkpolicies"),
            Self::CalicoGlobalNetworkPolicies => {
                (CALICO, "GlobalNetworkPolicy", "globalnetworkpolicies")
            }
            Self::AntreaNetworkPolicies => (ANTREA, "NetworkPolicy", "networkpolicies"),
            Self::AntreaClusterNetworkPolicies => {
                (ANTREA, "ClusterNetworkPolicy", "clusternetworkpolicies")
            }
            Self::EgressFirewalls => (("k8s.ovn.org", "v1"), "EgressFirewall", "egressfirewalls"),
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

    /// Group and version, as objects have it: `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(self) -> String {
        let Spelling { group, version, .. } = self.spelling();
        if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        }
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

    /// What its objects are read for.
    #[must_use]
    pub fn purpose(self) -> Purpose {
        match self {
            Self::ReplicaSets | Self::Jobs => Purpose::Owner,
            Self::CiliumNetworkPolicies
            | Self::CiliumClusterwideNetworkPolicies
            | Self::CalicoNetworkPolicies
            | Self::CalicoGlobalNetworkPolicies
            | Self::AntreaNetworkPolicies
            | Self::AntreaClusterNetworkPolicies
            | Self::EgressFirewalls => Purpose::Count,
            _ => Purpose::Inventory,
        }
    }

    /// Whether every API server has it. The others come with a CRD.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        self.group() != POLICY_GROUP && self.purpose() != Purpose::Count
    }

    /// Whether there is no inventory without it. What runs pods is told by their own names too, if less surely.
    #[must_use]
    pub(super) fn is_needed(self) -> bool {
        self.is_built_in() && self.purpose() == Purpose::Inventory
    }
}
