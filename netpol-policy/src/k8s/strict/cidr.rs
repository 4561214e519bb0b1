//! CIDRs that can be read, in a form that the API server refuses today (rule 26): with host bits, or leading zeros.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::networking::v1 as networking;

use crate::k8s::ObjectError;
use crate::k8s::tiered::EgressPeer;
use crate::model::Cidr;

/// Those of `ipBlock` peers.
pub(in crate::k8s) fn network_policy_cidrs(from: &networking::NetworkPolicy) -> Vec<ObjectError> {
    let spec = from.spec.clone().unwrap_or_default();
    let ingress = { spec.ingress.into_iter().flatten().enumerate() }
        .map(|(rule, found)| (format!("spec.ingress[{rule}].from"), found.from));
    let egress = { spec.egress.into_iter().flatten().enumerate() }
        .map(|(rule, found)| (format!("spec.egress[{rule}].to"), found.to));
    let mut odd = Vec::new();
    for (list, peers) in ingress.chain(egress) {
        for (at, peer) in peers.into_iter().flatten().enumerate() {
            let Some(block) = peer.ip_block else {
                continue;
            };
            let field = format!("{list}[{at}].ipBlock");
            odd.extend(odd_cidr(&block.cidr, format!("{field}.cidr")));
            for (index, text) in block.except.iter().flatten().enumerate() {
                odd.extend(odd_cidr(text, format!("{field}.except[{index}]")));
            }
        }
    }
    odd
}

/// Those of `networks` peers; one slice of peers for each egress rule.
pub(in crate::k8s) fn tiered_cidrs(egress: &[&[EgressPeer]]) -> Vec<ObjectError> {
    let mut odd = Vec::new();
    for (rule, peers) in egress.iter().enumerate() {
        for (at, peer) in peers.iter().enumerate() {
            for (index, text) in peer.networks().iter().enumerate() {
                let field = format!("spec.egress[{rule}].to[{at}].networks[{index}]");
                odd.extend(odd_cidr(text, field));
            }
        }
    }
    odd
}

/// Those of `podCIDRs`.
pub(in crate::k8s) fn node_cidrs(from: &core::Node) -> Vec<ObjectError> {
    let blocks = from
        .spec
        .iter()
        .flat_map(|spec| spec.pod_cidrs.iter().flatten());
    let fields = blocks.enumerate();
    fields
        .filter_map(|(index, text)| odd_cidr(text, format!("spec.podCIDRs[{index}]")))
        .collect()
}

fn odd_cidr(text: &str, field: String) -> Option<ObjectError> {
    // What is no CIDR at all is an error wherever it is read.
    let (block, is_odd) = Cidr::parse_lenient(text).ok()?;
    let message = format!("expected the canonical form {block}, found {text:?}");
    is_odd.then(|| ObjectError::new(field, message))
}
