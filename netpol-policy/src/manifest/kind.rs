//! Kinds: which are evaluated, which are policies that are not, and which say nothing about traffic.

/// What an object's `apiVersion` and `kind` make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Converted and evaluated.
    Evaluated(Evaluated),
    /// A policy, or what a policy refers to, of an API that is not evaluated here: it may change the answer.
    NotEvaluated,
    /// Says nothing about which traffic is allowed.
    Ignored,
}

/// Kinds that are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evaluated {
    Pod,
    Namespace,
    Service,
    Node,
    EndpointSlice,
    NetworkPolicy,
    AdminNetworkPolicy,
    BaselineAdminNetworkPolicy,
    ClusterNetworkPolicy,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    ReplicationController,
    Job,
    CronJob,
}

impl Evaluated {
    /// Whether it decides about traffic.
    pub(super) fn is_policy(self) -> bool {
        matches!(
            self,
            Self::NetworkPolicy
                | Self::AdminNetworkPolicy
                | Self::BaselineAdminNetworkPolicy
                | Self::ClusterNetworkPolicy
        )
    }

    /// Whether objects of the kind have no namespace.
    pub(super) fn is_cluster_scoped(self) -> bool {
        matches!(
            self,
            Self::Namespace
                | Self::Node
                | Self::AdminNetworkPolicy
                | Self::BaselineAdminNetworkPolicy
                | Self::ClusterNetworkPolicy
        )
    }
}

/// API groups and versions of the kinds that are evaluated.
const EVALUATED: [(&str, &str, Evaluated); 16] = [
    ("v1", "Pod", Evaluated::Pod),
    ("v1", "Namespace", Evaluated::Namespace),
    ("v1", "Service", Evaluated::Service),
    ("v1", "Node", Evaluated::Node),
    (
        "v1",
        "ReplicationController",
        Evaluated::ReplicationController,
    ),
    (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        Evaluated::EndpointSlice,
    ),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        Evaluated::NetworkPolicy,
    ),
    (
        POLICY_V1ALPHA1,
        "AdminNetworkPolicy",
        Evaluated::AdminNetworkPolicy,
    ),
    (
        POLICY_V1ALPHA1,
        "BaselineAdminNetworkPolicy",
        Evaluated::BaselineAdminNetworkPolicy,
    ),
    (
        POLICY_V1ALPHA2,
        "ClusterNetworkPolicy",
        Evaluated::ClusterNetworkPolicy,
    ),
    ("apps/v1", "Deployment", Evaluated::Deployment),
    ("apps/v1", "StatefulSet", Evaluated::StatefulSet),
    ("apps/v1", "DaemonSet", Evaluated::DaemonSet),
    ("apps/v1", "ReplicaSet", Evaluated::ReplicaSet),
    ("batch/v1", "Job", Evaluated::Job),
    ("batch/v1", "CronJob", Evaluated::CronJob),
];

const POLICY_V1ALPHA1: &str = "policy.networking.k8s.io/v1alpha1";
const POLICY_V1ALPHA2: &str = "policy.networking.k8s.io/v1alpha2";

/// Policies of others, and what they refer to, by API group. An empty list stands for all kinds of the group.
const POLICIES: [(&str, &[&str]); 18] = [
    // Versions and kinds that are not known here.
    ("policy.networking.k8s.io", &[]),
    ("extensions", &["NetworkPolicy"]),
    (
        "cilium.io",
        &[
            "CiliumNetworkPolicy",
            "CiliumClusterwideNetworkPolicy",
            "CiliumCIDRGroup",
            "CiliumLocalRedirectPolicy",
        ],
    ),
    ("projectcalico.org", CALICO),
    ("crd.projectcalico.org", CALICO),
    (
        "crd.antrea.io",
        &[
            "NetworkPolicy",
            "ClusterNetworkPolicy",
            "Tier",
            "Group",
            "ClusterGroup",
        ],
    ),
    (
        "security.istio.io",
        &["AuthorizationPolicy", "PeerAuthentication"],
    ),
    (
        "policy.linkerd.io",
        &[
            "AuthorizationPolicy",
            "Server",
            "ServerAuthorization",
            "NetworkAuthentication",
            "MeshTLSAuthentication",
        ],
    ),
    ("k8s.ovn.org", &["EgressFirewall"]),
    (
        "network.openshift.io",
        &["EgressNetworkPolicy", "NetNamespace"],
    ),
    ("k8s.cni.cncf.io", &["MultiNetworkPolicy"]),
    (
        "networking.k8s.aws",
        &[
            "PolicyEndpoint",
            "ClusterPolicyEndpoint",
            "ApplicationNetworkPolicy",
            "ClusterNetworkPolicy",
        ],
    ),
    ("networking.gke.io", &["FQDNNetworkPolicy"]),
    ("kuma.io", &["MeshTrafficPermission", "TrafficPermission"]),
    ("consul.hashicorp.com", &["ServiceIntentions"]),
    (
        "security.kubearmor.com",
        &[
            "KubeArmorPolicy",
            "KubeArmorHostPolicy",
            "KubeArmorClusterPolicy",
        ],
    ),
    ("kubeovn.io", &["SecurityGroup"]),
    ("crd.nsx.vmware.com", &["SecurityPolicy"]),
];

const CALICO: &[&str] = &[
    "NetworkPolicy",
    "GlobalNetworkPolicy",
    "StagedNetworkPolicy",
    "StagedGlobalNetworkPolicy",
    "StagedKubernetesNetworkPolicy",
    "Tier",
    "NetworkSet",
    "GlobalNetworkSet",
    "HostEndpoint",
];

/// The API group of an `apiVersion`; empty for the core group.
pub(super) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// What an object is to an evaluation. A kind belongs to an API group: others have a NetworkPolicy or a Service too.
/// Without an `apiVersion` the kind alone decides.
///
/// A version of a group that is not the one evaluated counts as evaluated, so that decoding says which one it expects;
/// but in `policy.networking.k8s.io` versions differ so much that each is an API of its own.
pub(super) fn class(api_version: Option<&str>, kind: &str) -> Class {
    let known = EVALUATED.iter().find(|(version, name, _)| {
        *name == kind
            && api_version.is_none_or(|found| {
                found == *version
                    || group(found) == group(version) && group(version) != group(POLICY_V1ALPHA1)
            })
    });
    if let Some((_, _, evaluated)) = known {
        return Class::Evaluated(*evaluated);
    }
    let is_listed = POLICIES.iter().any(|(name, kinds)| match api_version {
        Some(found) => group(found) == *name && (kinds.is_empty() || kinds.contains(&kind)),
        None => kinds.contains(&kind),
    });
    // Misspelled kinds too, such as `Networkpolicy`: no server would take them for what is meant.
    if is_listed || kind.to_ascii_lowercase().contains("networkpolic") {
        Class::NotEvaluated
    } else {
        Class::Ignored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_belongs_to_its_group_and_a_version_of_policies_is_an_api_of_its_own() {
        for (version, kind, expected) in [
            (Some("v1"), "Pod", Class::Evaluated(Evaluated::Pod)),
            (None, "Pod", Class::Evaluated(Evaluated::Pod)),
            (None, "CronJob", Class::Evaluated(Evaluated::CronJob)),
            (
                Some("apps/v1beta2"),
                "Deployment",
                Class::Evaluated(Evaluated::Deployment),
            ),
            (Some("extensions/v1beta1"), "Deployment", Class::Ignored),
            (
                Some("extensions/v1beta1"),
                "NetworkPolicy",
                Class::NotEvaluated,
            ),
            (
                Some(POLICY_V1ALPHA2),
                "ClusterNetworkPolicy",
                Class::Evaluated(Evaluated::ClusterNetworkPolicy),
            ),
            (
                Some(POLICY_V1ALPHA1),
                "ClusterNetworkPolicy",
                Class::NotEvaluated,
            ),
            (
                Some("policy.networking.k8s.io/v1beta1"),
                "AdminNetworkPolicy",
                Class::NotEvaluated,
            ),
            (
                Some("policy.networking.k8s.io/v1beta1"),
                "Later",
                Class::NotEvaluated,
            ),
            (
                Some("crd.antrea.io/v1beta1"),
                "ClusterNetworkPolicy",
                Class::NotEvaluated,
            ),
            (
                Some("projectcalico.org/v3"),
                "NetworkPolicy",
                Class::NotEvaluated,
            ),
            (Some("projectcalico.org/v3"), "IPPool", Class::Ignored),
            (
                Some("example.com/v1"),
                "SomeNetworkPolicy",
                Class::NotEvaluated,
            ),
            (
                Some("example.com/v1"),
                "AuthorizationPolicy",
                Class::Ignored,
            ),
            (None, "AuthorizationPolicy", Class::NotEvaluated),
            (
                Some("networking.k8s.io/v1"),
                "Networkpolicy",
                Class::NotEvaluated,
            ),
            (
                Some("networking.k8s.io/v1"),
                "NetworkPolicies",
                Class::NotEvaluated,
            ),
            (Some("networking.k8s.io/v1"), "Ingress", Class::Ignored),
            (Some("serving.knative.dev/v1"), "Service", Class::Ignored),
            (Some("v1"), "ConfigMap", Class::Ignored),
        ] {
            assert_eq!(class(version, kind), expected, "{version:?} {kind}");
        }
    }
}
