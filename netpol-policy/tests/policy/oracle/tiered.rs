//! AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy: rules 27 to 38.

use std::collections::BTreeMap;

use serde_json::Value;

use super::address::{is_name_of, is_within};
use super::ends::{Who, node_addresses};
use super::labels::{selects_object, selects_pod_anywhere};
use super::outcome::{Outcomes, Reason, Reasons};
use super::truth::Truth;
use super::{Direction, Question, items, name, text};

/// The Admin tier: policies of both versions, ordered by one scale of priorities.
pub(super) fn admin(question: &Question<'_>) -> Outcomes {
    let all = question
        .world
        .of_kind("AdminNetworkPolicy")
        .chain(cluster_network_policies(question, "Admin"));
    by_priority(question, all).end_of_tier()
}

/// The Baseline tier: the BaselineAdminNetworkPolicy has no priority, so it may stand anywhere in the order.
pub(super) fn baseline(question: &Question<'_>) -> Outcomes {
    let ordered = by_priority(question, cluster_network_policies(question, "Baseline"));
    let singleton = question
        .world
        .of_kind("BaselineAdminNetworkPolicy")
        .map(|policy| first_match(question, policy));
    Outcomes::any_of(singleton.chain([ordered])).end_of_tier()
}

fn cluster_network_policies<'a>(
    question: &Question<'a>,
    tier: &'static str,
) -> impl Iterator<Item = &'a Value> {
    question
        .world
        .of_kind("ClusterNetworkPolicy")
        .filter(move |policy| policy["spec"]["tier"] == tier)
}

/// Lower numbers first (rule 27).
fn by_priority<'a>(question: &Question<'_>, policies: impl Iterator<Item = &'a Value>) -> Outcomes {
    let mut by_priority: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    for policy in policies {
        let priority = policy["spec"]["priority"].as_u64().unwrap();
        by_priority.entry(priority).or_default().push(policy);
    }
    let any_of = |equals: Vec<&Value>| {
        Outcomes::any_of(
            equals
                .into_iter()
                .map(|policy| first_match(question, policy)),
        )
    };
    by_priority
        .into_values()
        .map(any_of)
        .fold(Outcomes::silent(), Outcomes::then)
}

/// One policy: its first rule that matches decides; selection alone does nothing (rule 27).
fn first_match(question: &Question<'_>, policy: &Value) -> Outcomes {
    let spec = &policy["spec"];
    if !selects_pod_anywhere(question.world, &spec["subject"], question.subject) {
        return Outcomes::silent();
    }
    let rules = items(&spec[question.direction.rules()]).iter().enumerate();
    rules
        .map(|(index, rule)| outcomes_of_rule(question, policy, index, rule))
        .fold(Outcomes::silent(), Outcomes::then)
}

fn outcomes_of_rule(
    question: &Question<'_>,
    policy: &Value,
    index: usize,
    rule: &Value,
) -> Outcomes {
    let kind = text(&policy["kind"]);
    let reason = |peer, port| Reason {
        kind: kind.to_owned(),
        namespace: String::new(),
        name: name(policy).to_owned(),
        rule: Some(index),
        peer,
        port,
    };
    let peers = items(&rule[question.direction.peers()]);
    let action = text(&rule["action"]);
    let accepts = matches!(action, "Accept" | "Allow");
    // Rule 33: the rule as a whole fails closed.
    if peers
        .iter()
        .any(|peer| !is_known(kind, question.direction, peer))
    {
        if accepts {
            return Outcomes::silent();
        }
        let reasons = Reasons {
            surely: [reason(None, None)].into(),
            possibly: [reason(None, None)].into(),
            exempt: None,
        };
        return Outcomes {
            denied: Some(reasons),
            ..Outcomes::default()
        };
    }
    let mut truth = Truth::No;
    let mut reasons = Reasons::default();
    for (peer, entry) in peers.iter().enumerate() {
        for (port, is_port) in ports(question, kind, rule) {
            let matches = is_peer(question, entry).and(is_port);
            truth = truth.max(matches);
            // A denial names the rule, not its peers and ports.
            let reason = if accepts {
                reason(Some(peer), port)
            } else {
                reason(None, None)
            };
            if matches == Truth::Yes {
                reasons.surely.insert(reason.clone());
            }
            if matches != Truth::No {
                reasons.possibly.insert(reason);
            }
        }
    }
    if truth == Truth::No {
        return Outcomes::silent();
    }
    let mut outcomes = Outcomes {
        silent: truth == Truth::Maybe,
        ..Outcomes::default()
    };
    match action {
        "Accept" | "Allow" => outcomes.allowed = Some(reasons),
        "Deny" => outcomes.denied = Some(reasons),
        "Pass" => outcomes.passed = true,
        other => panic!("no action of the API: {other:?}"),
    }
    outcomes
}

/// Whether the peer has a field that its kind defines in this direction.
fn is_known(kind: &str, direction: Direction, peer: &Value) -> bool {
    let fields: &[&str] = match (direction, kind) {
        (Direction::Ingress, _) => &["namespaces", "pods"],
        (Direction::Egress, "BaselineAdminNetworkPolicy") => {
            &["namespaces", "pods", "nodes", "networks"]
        }
        (Direction::Egress, _) => &["namespaces", "pods", "nodes", "networks", "domainNames"],
    };
    fields.iter().any(|field| peer.get(field).is_some())
}

fn is_peer(question: &Question<'_>, peer: &Value) -> Truth {
    let (who, address) = (&question.peer.who, question.peer.address);
    if let Some(networks) = peer["networks"].as_array() {
        // Rule 32: whoever has the address.
        return match (who, address) {
            (Who::Service, _) | (_, None) => Truth::Maybe,
            (_, Some(address)) => networks
                .iter()
                .any(|cidr| is_within(address, text(cidr)))
                .into(),
        };
    }
    if let Some(selector) = peer.get("nodes") {
        return match who {
            Who::Pod(_) | Who::Outside => Truth::No,
            Who::Unknown | Who::Service => Truth::Maybe,
            Who::Node(host) => {
                // A hostNetwork pod is its node's address, whichever that is.
                let mut nodes = question.world.of_kind("Node");
                let node = nodes.find(|node| match address {
                    Some(address) => node_addresses(node).contains(&address),
                    None => name(node) == *host,
                });
                match (node, address) {
                    (Some(node), _) => selects_object(selector, node).into(),
                    (None, Some(_)) => Truth::No,
                    (None, None) => Truth::Maybe,
                }
            }
        };
    }
    if let Some(patterns) = peer["domainNames"].as_array() {
        if matches!(who, Who::Pod(_) | Who::Node(_)) {
            return Truth::No;
        }
        let names = address.and_then(|address| question.world.names.get(&address));
        return names.map_or(Truth::Maybe, |names| {
            let is_one = |name: &String| patterns.iter().any(|one| is_name_of(name, text(one)));
            names.iter().any(is_one).into()
        });
    }
    match who {
        // Rule 31.
        Who::Node(_) | Who::Outside => Truth::No,
        Who::Unknown | Who::Service => Truth::Maybe,
        Who::Pod(pod) => selects_pod_anywhere(question.world, peer, pod).into(),
    }
}

/// The rule's ports by index; without any it matches every protocol.
fn ports(question: &Question<'_>, kind: &str, rule: &Value) -> Vec<(Option<usize>, Truth)> {
    let target = question.target;
    let found: Vec<Truth> = if kind == "ClusterNetworkPolicy" {
        let entries = items(&rule["protocols"]).iter();
        entries
            .map(|entry| target.is_in_protocols_entry(entry))
            .collect()
    } else {
        let entries = items(&rule["ports"]).iter();
        entries
            .map(|entry| target.is_in_admin_entry(entry))
            .collect()
    };
    if found.is_empty() {
        return vec![(None, Truth::Yes)];
    }
    let numbered = found.into_iter().enumerate();
    numbered
        .map(|(index, truth)| (Some(index), truth))
        .collect()
}
