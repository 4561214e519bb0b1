//! NetworkPolicy: rules 1 to 26.

use serde_json::Value;

use super::address::is_within;
use super::ends::Who;
use super::labels::{selects_namespace, selects_object};
use super::outcome::{Outcomes, Reason, Reasons};
use super::truth::Truth;
use super::{Direction, Question, items, name, namespace};

/// What the policies of the subject's namespace make of it.
pub(super) fn outcomes(question: &Question<'_>) -> Outcomes {
    let isolating: Vec<&Value> = question
        .world
        .of_kind("NetworkPolicy")
        .filter(|policy| isolates(policy, question))
        .collect();
    // Rule 2.
    if isolating.is_empty() {
        return Outcomes::silent();
    }
    let mut truth = Truth::No;
    let (mut allowing, mut denying) = (Reasons::default(), Reasons::default());
    for policy in isolating {
        let reason = |rule, peer, port| Reason {
            kind: "NetworkPolicy".to_owned(),
            namespace: namespace(policy).to_owned(),
            name: name(policy).to_owned(),
            rule,
            peer,
            port,
        };
        denying.surely.insert(reason(None, None, None));
        let rules = items(&policy["spec"][question.direction.rules()]);
        for (index, rule) in rules.iter().enumerate() {
            for (peer, is_peer) in peers(policy, rule, question) {
                for (port, is_port) in ports(rule, question) {
                    let matches = is_peer.and(is_port);
                    truth = truth.max(matches);
                    let reason = reason(Some(index), peer, port);
                    if matches == Truth::Yes {
                        allowing.surely.insert(reason.clone());
                    }
                    if matches != Truth::No {
                        allowing.possibly.insert(reason);
                    }
                }
            }
        }
    }
    denying.possibly = denying.surely.clone();
    // Rule 23: neither is defined.
    if !matches!(question.target.protocol, "TCP" | "UDP" | "SCTP") {
        truth = Truth::Maybe;
    }
    Outcomes {
        allowed: (truth != Truth::No).then_some(allowing),
        denied: (truth != Truth::Yes).then_some(denying),
        ..Outcomes::default()
    }
}

/// Rules 2, 4, 7.
fn isolates(policy: &Value, question: &Question<'_>) -> bool {
    let spec = &policy["spec"];
    let lists_direction = match (items(&spec["policyTypes"]), question.direction) {
        ([], Direction::Ingress) => true,
        ([], Direction::Egress) => !items(&spec["egress"]).is_empty(),
        (types, Direction::Ingress) => types.iter().any(|one| one == "Ingress"),
        (types, Direction::Egress) => types.iter().any(|one| one == "Egress"),
    };
    lists_direction
        && namespace(policy) == namespace(question.subject)
        && selects_object(&spec["podSelector"], question.subject)
}

/// The rule's peers by index; without any it matches everyone (rule 6).
fn peers(policy: &Value, rule: &Value, question: &Question<'_>) -> Vec<(Option<usize>, Truth)> {
    let listed = items(&rule[question.direction.peers()]).iter().enumerate();
    let found: Vec<_> = listed
        .map(|(index, peer)| (Some(index), is_peer(policy, peer, question)))
        .collect();
    if found.is_empty() {
        return vec![(None, Truth::Yes)];
    }
    found
}

fn is_peer(policy: &Value, peer: &Value, question: &Question<'_>) -> Truth {
    if let Some(cidr) = peer["ipBlock"]["cidr"].as_str() {
        let address = match (&question.peer.who, question.peer.address) {
            // Which address policy sees is undefined (rule 18).
            (Who::Service, _) | (_, None) => return Truth::Maybe,
            (_, Some(address)) => address,
        };
        // Rules 16, 17.
        let is_excepted = items(&peer["ipBlock"]["except"])
            .iter()
            .any(|block| is_within(address, block.as_str().unwrap()));
        return (is_within(address, cidr) && !is_excepted).into();
    }
    match question.peer.who {
        Who::Node(_) | Who::Outside => Truth::No,
        Who::Unknown | Who::Service => Truth::Maybe,
        Who::Pod(pod) => {
            // Rule 8: a selector that is there and empty is not one that is missing.
            let in_namespace = match &peer["namespaceSelector"] {
                Value::Null => namespace(pod) == namespace(policy),
                selector => selects_namespace(question.world, selector, namespace(pod)),
            };
            (in_namespace && selects_object(&peer["podSelector"], pod)).into()
        }
    }
}

/// The rule's ports by index; without any it matches all (rule 6).
fn ports(rule: &Value, question: &Question<'_>) -> Vec<(Option<usize>, Truth)> {
    let listed = items(&rule["ports"]).iter().enumerate();
    let found: Vec<_> = listed
        .map(|(index, entry)| (Some(index), question.target.is_in_entry(entry)))
        .collect();
    if found.is_empty() {
        return vec![(None, Truth::Yes)];
    }
    found
}
