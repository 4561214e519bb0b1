//! Policies.

use k8s_openapi::api::networking::v1 as networking;

use super::{Findings, Name, Scope, metadata, network_policy_cidrs, tiered_cidrs};
use crate::k8s::ObjectError;
use crate::k8s::tiered::{
    AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy, EgressPeers,
};

/// Checks a NetworkPolicy.
#[must_use]
pub fn network_policy(from: &networking::NetworkPolicy) -> Vec<ObjectError> {
    let mut findings = Findings::default();
    metadata(
        &from.metadata,
        Scope::Namespaced,
        Name::Subdomain,
        &mut findings,
    );
    findings.extend(network_policy_cidrs(from));
    findings.into_errors()
}

/// Checks an AdminNetworkPolicy.
#[must_use]
pub fn admin_network_policy(from: &AdminNetworkPolicy) -> Vec<ObjectError> {
    tiered(from)
}

/// Checks a BaselineAdminNetworkPolicy.
#[must_use]
pub fn baseline_admin_network_policy(from: &BaselineAdminNetworkPolicy) -> Vec<ObjectError> {
    tiered(from)
}

/// Checks a ClusterNetworkPolicy.
#[must_use]
pub fn cluster_network_policy(from: &ClusterNetworkPolicy) -> Vec<ObjectError> {
    tiered(from)
}

fn tiered(from: &impl EgressPeers) -> Vec<ObjectError> {
    let mut findings = Findings::default();
    metadata(
        from.metadata(),
        Scope::Cluster,
        Name::Subdomain,
        &mut findings,
    );
    findings.extend(tiered_cidrs(&from.egress_peers()));
    findings.into_errors()
}
