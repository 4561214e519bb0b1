//! `from` and `to` of a NetworkPolicy's rule.

use super::Question;
use super::block::Blocks;
use super::matching::Match;
use super::party::Who;
use crate::model::{IpBlock, NetworkPolicy, Peer, Selector};
use crate::verdict::Caveat;

/// Whether a peer includes the other end.
pub(super) fn matches(peer: &Peer, policy: &NetworkPolicy, question: &Question<'_>) -> Match {
    let other = &question.other;
    match peer {
        Peer::IpBlock(block) => ip_block(block, question),
        Peer::Pods { namespaces, pods } => {
            let Some(pod) = other.pod() else {
                return other.opaque().map_or(Match::No, Match::Unknown);
            };
            let namespace = match namespaces {
                // Rule 8: without a namespace selector it is the policy's own.
                None => pod.namespace == policy.reference.namespace,
                Some(selector) => selector.matches(&pod.namespace_labels),
            };
            Match::of(namespace && pods.matches(&pod.labels))
        }
    }
}

/// Rule 17: by the specification, the address of a pod or a node counts like any other.
fn ip_block(block: &IpBlock, question: &Question<'_>) -> Match {
    let other = &question.other;
    let counts = question.inventory.dialect().ip_block_matches_cluster;
    match (&other.is, other.address) {
        (Who::Pod(_) | Who::Node(_), _) if !counts => Match::No,
        (Who::Unknown, Some(address)) if !counts && block.contains(address) => {
            Match::Unknown(Caveat::EndUnknown)
        }
        _ => Blocks {
            of: std::slice::from_ref(&block.cidr),
            except: &block.except,
        }
        .hold_other(question),
    }
}

/// What a peer that does not include the other end wants of it, a condition each; never empty.
pub(super) fn misses(peer: &Peer, policy: &NetworkPolicy, question: &Question<'_>) -> Vec<String> {
    match peer {
        Peer::IpBlock(block) => vec![block_words(block)],
        Peer::Pods { namespaces, pods } => {
            let mut wants = Vec::new();
            let Some(pod) = question.other.pod() else {
                return vec![pod_words(namespaces.as_ref(), pods, policy)];
            };
            match namespaces {
                None if pod.namespace != policy.reference.namespace => {
                    wants.push(format!("namespace {}", policy.reference.namespace));
                }
                None => {}
                Some(selector) => {
                    let misses = selector.misses(&pod.namespace_labels);
                    wants.extend(misses.map(|miss| format!("namespace {miss}")));
                }
            }
            wants.extend(pods.misses(&pod.labels).map(|miss| format!("pod {miss}")));
            wants
        }
    }
}

/// Exceptions of a block that are told by themselves; there may be thousands.
const EXCEPTIONS_TOLD: usize = 8;

/// In words: `address in 10.0.0.0/8 except 10.1.0.0/16`.
pub(crate) fn block_words(block: &IpBlock) -> String {
    let mut words = format!("address in {}", block.cidr);
    for (index, except) in block.except.iter().take(EXCEPTIONS_TOLD).enumerate() {
        words.push_str(if index == 0 { " except " } else { ", " });
        words.push_str(&except.to_string());
    }
    if let Some(more @ 1..) = block.except.len().checked_sub(EXCEPTIONS_TOLD) {
        words.push_str(&format!(" and {more} more"));
    }
    words
}

/// A whole peer in words, for an end that is no pod at all.
fn pod_words(namespaces: Option<&Selector>, pods: &Selector, policy: &NetworkPolicy) -> String {
    let mut words = "a pod".to_owned();
    if !pods.requirements.is_empty() {
        words.push_str(&format!(" {pods}"));
    }
    match namespaces {
        None => words.push_str(&format!(" of namespace {}", policy.reference.namespace)),
        Some(selector) if selector.requirements.is_empty() => {}
        Some(selector) => words.push_str(&format!(" of a namespace {selector}")),
    }
    words
}
