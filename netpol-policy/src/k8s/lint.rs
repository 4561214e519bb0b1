//! What can be used, and yet is most likely not what its author meant.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::networking::v1 as networking;

use super::ObjectError;
use super::strict::{network_policy_cidrs, node_cidrs, tiered_cidrs};
use super::tiered::{
    AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy, EgressPeers,
};

/// CIDRs in an old form (rule 26), types listed twice, and rules of a direction that the policy does not isolate.
#[must_use]
pub fn network_policy(from: &networking::NetworkPolicy) -> Vec<ObjectError> {
    let mut found = network_policy_cidrs(from);
    let spec = from.spec.clone().unwrap_or_default();
    let types = spec.policy_types.unwrap_or_default();
    for (index, one) in types.iter().enumerate() {
        if types[..index].contains(one) {
            let field = format!("spec.policyTypes[{index}]");
            found.push(ObjectError::new(field, format!("{one} is listed twice")));
        }
    }
    let rules = [
        (
            "Ingress",
            "spec.ingress",
            spec.ingress.map_or(0, |rules| rules.len()),
        ),
        (
            "Egress",
            "spec.egress",
            spec.egress.map_or(0, |rules| rules.len()),
        ),
    ];
    for (direction, field, rules) in rules {
        let is_listed = types.is_empty() || types.iter().any(|one| one == direction);
        if rules > 0 && !is_listed {
            let message = format!("has no effect: spec.policyTypes does not list {direction}");
            found.push(ObjectError::new(field, message));
        }
    }
    found
}

/// CIDRs in an old form (rule 26).
#[must_use]
pub fn admin_network_policy(from: &AdminNetworkPolicy) -> Vec<ObjectError> {
    tiered_cidrs(&from.egress_peers())
}

/// CIDRs in an old form (rule 26).
#[must_use]
pub fn baseline_admin_network_policy(from: &BaselineAdminNetworkPolicy) -> Vec<ObjectError> {
    tiered_cidrs(&from.egress_peers())
}

/// CIDRs in an old form (rule 26).
#[must_use]
pub fn cluster_network_policy(from: &ClusterNetworkPolicy) -> Vec<ObjectError> {
    tiered_cidrs(&from.egress_peers())
}

/// CIDRs in an old form (rule 26).
#[must_use]
pub fn node(from: &core::Node) -> Vec<ObjectError> {
    node_cidrs(from)
}
