//! `from` and `to` of a rule.

use super::{Match, address, is_opaque, selectable};
use crate::connection::End;
use crate::inventory::Inventory;
use crate::model::{IpBlock, NetworkPolicy, Peer, Selector};

/// Whether a peer includes an end.
pub(super) fn matches(
    peer: &Peer,
    policy: &NetworkPolicy,
    end: &End,
    inventory: &Inventory,
) -> Match {
    match peer {
        // Rule 17: by the specification, a pod's address counts like any other.
        Peer::IpBlock(block) => match end {
            End::Service { .. } => Match::Unknown,
            _ => address(end).map_or(Match::Unknown, |address| Match::of(block.contains(address))),
        },
        Peer::Pods { namespaces, pods } => {
            let Some(pod) = selectable(end) else {
                return if is_opaque(end) {
                    Match::Unknown
                } else {
                    Match::No
                };
            };
            let namespace = match namespaces {
                // Rule 8: without a namespace selector it is the policy's own.
                None => pod.namespace == policy.reference.namespace,
                Some(selector) => selector.matches(&inventory.namespace_labels(&pod.namespace)),
            };
            Match::of(namespace && pods.matches(&pod.labels))
        }
    }
}

/// What a peer that does not include an end wants of it, a condition each; never empty.
pub(super) fn misses(
    peer: &Peer,
    policy: &NetworkPolicy,
    end: &End,
    inventory: &Inventory,
) -> Vec<String> {
    match peer {
        Peer::IpBlock(block) => vec![block_words(block)],
        Peer::Pods { namespaces, pods } => {
            let mut wants = Vec::new();
            let Some(pod) = selectable(end) else {
                return vec![pod_words(namespaces.as_ref(), pods, policy)];
            };
            match namespaces {
                None if pod.namespace != policy.reference.namespace => {
                    wants.push(format!("namespace {}", policy.reference.namespace));
                }
                None => {}
                Some(selector) => {
                    let labels = inventory.namespace_labels(&pod.namespace);
                    wants.extend(
                        selector
                            .misses(&labels)
                            .map(|miss| format!("namespace {miss}")),
                    );
                }
            }
            wants.extend(pods.misses(&pod.labels).map(|miss| format!("pod {miss}")));
            wants
        }
    }
}

fn block_words(block: &IpBlock) -> String {
    let mut words = format!("address in {}", block.cidr);
    for (index, except) in block.except.iter().enumerate() {
        words.push_str(if index == 0 { " except " } else { ", " });
        words.push_str(&except.to_string());
    }
    words
}

/// A whole peer in words, for an end that is no pod at all.
fn pod_words(namespaces: Option<&Selector>, pods: &Selector, policy: &NetworkPolicy) -> String {
    let join = |selector: &Selector| {
        let all: Vec<_> = selector
            .requirements
            .iter()
            .map(ToString::to_string)
            .collect();
        all.join(",")
    };
    let mut words = "a pod".to_owned();
    if !pods.requirements.is_empty() {
        words.push_str(&format!(" {}", join(pods)));
    }
    match namespaces {
        None => words.push_str(&format!(" of namespace {}", policy.reference.namespace)),
        Some(selector) if selector.requirements.is_empty() => {}
        Some(selector) => words.push_str(&format!(" of a namespace {}", join(selector))),
    }
    words
}
