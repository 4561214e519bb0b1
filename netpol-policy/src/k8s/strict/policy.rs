//! Policies.

use k8s_openapi::api::networking::v1 as networking;

use super::{Findings, Name, Scope, metadata, network_policy_cidrs, tiered_cidrs};
use crate::k8s::tiered::{
    AdminNetworkPolicy, BaselineAdminNetworkPolicy, ClusterNetworkPolicy, EgressPeers,
};
use crate::k8s::{self, ObjectError};
use crate::model::{TieredPeer, TieredPolicy};
use crate::verdict::Direction;

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
    tiered(from, k8s::admin_network_policy)
}

/// Checks a BaselineAdminNetworkPolicy.
#[must_use]
pub fn baseline_admin_network_policy(from: &BaselineAdminNetworkPolicy) -> Vec<ObjectError> {
    tiered(from, k8s::baseline_admin_network_policy)
}

/// Checks a ClusterNetworkPolicy.
#[must_use]
pub fn cluster_network_policy(from: &ClusterNetworkPolicy) -> Vec<ObjectError> {
    tiered(from, k8s::cluster_network_policy)
}

fn tiered<T: EgressPeers>(
    from: &T,
    convert: fn(&T) -> Result<TieredPolicy, ObjectError>,
) -> Vec<ObjectError> {
    let mut findings = Findings::default();
    metadata(
        from.metadata(),
        Scope::Cluster,
        Name::Subdomain,
        &mut findings,
    );
    findings.extend(tiered_cidrs(&from.egress_peers()));
    // An error of the conversion is the caller's to tell.
    if let Ok(policy) = convert(from) {
        for (field, names) in unsupported_peers(&policy) {
            for name in names {
                findings.add(format!("{field}.{name}"), "expected no such field");
            }
            if names.is_empty() {
                findings.add(field, "expected one field, found none");
            }
        }
    }
    findings.into_errors()
}

/// Paths of the peers that have no field that is known (rule 33), and the names of what they have.
fn unsupported_peers(policy: &TieredPolicy) -> Vec<(String, &[String])> {
    let lists = [
        (Direction::Ingress, "spec.ingress", "from"),
        (Direction::Egress, "spec.egress", "to"),
    ];
    let mut found = Vec::new();
    for (direction, list, peers) in lists {
        for (rule, one) in policy.rules(direction).iter().enumerate() {
            for (at, peer) in one.peers.iter().enumerate() {
                if let TieredPeer::Unsupported(names) = peer {
                    let field = format!("{list}[{rule}].{peers}[{at}]");
                    found.push((field, names.as_slice()));
                }
            }
        }
    }
    found
}
