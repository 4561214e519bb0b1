//! Peers, selectors and caveats in words.

use crate::evaluate::block_words;
use crate::model::{Action, DomainName, Labels, NetworkPolicy, Peer, Selector, TieredPeer};
use crate::verdict::{Caveat, PolicyKind, PolicyRef};

/// Which pods two selectors include together; without the first one, pods of the one namespace.
pub(super) fn pods(namespaces: Option<&Selector>, own: &str, pods: &Selector) -> String {
    let pods = if pods.requirements.is_empty() {
        "every pod".to_owned()
    } else {
        format!("pods {pods}")
    };
    match namespaces {
        None => format!("{pods} of namespace {own}"),
        Some(selector) if selector.requirements.is_empty() => format!("{pods} of every namespace"),
        Some(selector) => format!("{pods} of namespaces {selector}"),
    }
}

pub(crate) fn peer(peer: &Peer, policy: &NetworkPolicy) -> String {
    match peer {
        Peer::IpBlock(block) => block_words(block),
        Peer::Pods {
            namespaces,
            pods: selected,
        } => pods(namespaces.as_ref(), &policy.reference.namespace, selected),
    }
}

pub(crate) fn tiered_peer(peer: &TieredPeer) -> String {
    match peer {
        TieredPeer::Pods(selected) => pods(Some(&selected.namespaces), "", &selected.pods),
        TieredPeer::Nodes(selector) if selector.requirements.is_empty() => "every node".to_owned(),
        TieredPeer::Nodes(selector) => format!("nodes {selector}"),
        TieredPeer::Networks(blocks) => format!("address in {}", list(blocks, "or")),
        TieredPeer::DomainNames(names) => domain_names(names),
        TieredPeer::Unsupported(fields) if fields.is_empty() => "a peer without a field".to_owned(),
        TieredPeer::Unsupported(fields) => {
            format!(
                "a kind of peer that is not known here: {}",
                list(fields, "and")
            )
        }
    }
}

pub(super) fn domain_names(names: &[DomainName]) -> String {
    format!("domain name {}", list(names, "or"))
}

/// `prod/db`, and the kind before it where it is not a NetworkPolicy.
#[must_use]
pub fn policy(policy: &PolicyRef) -> String {
    match policy.kind {
        PolicyKind::NetworkPolicy => policy.to_string(),
        kind => format!("{} {policy}", kind.as_str()),
    }
}

/// What one label of somebody is: `ci has team=build`.
pub(super) fn label(name: &str, labels: &Labels, key: &str) -> String {
    match labels.get(key) {
        Some(value) => format!("{name} has {key}={value}"),
        None => format!("{name} has no label {key}"),
    }
}

/// As policies spell it, in a sentence of its own: "accepts".
pub(super) fn acts(action: Action) -> &'static str {
    match action {
        Action::Accept => "accepts",
        Action::Deny => "denies",
        Action::Pass => "passes",
    }
}

/// `a, b or c`.
pub(super) fn list(items: &[impl ToString], last: &str) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    match items.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., end] => format!("{} {last} {end}", rest.join(", ")),
    }
}

/// A caveat as a sentence.
#[must_use]
pub fn caveat(caveat: Caveat) -> &'static str {
    match caveat {
        Caveat::ProtocolUndefined => {
            "Policies only define TCP, UDP and SCTP; what happens to other protocols at an isolated pod is up to the implementation."
        }
        Caveat::HostNetwork => {
            "A pod with hostNetwork takes part. The specification leaves open how policies treat it; here it counts as its node, and no policy applies to it."
        }
        Caveat::IpBlockMatchesPod => {
            "Only an ipBlock allows this pod's address. Some implementations never match pods by ipBlock and deny it."
        }
        Caveat::BackendUnknown => {
            "A Service is reached and its backend is not known, and policies only see the backend."
        }
        Caveat::EndUnknown => {
            "An address lies in the cluster, but no pod, node or Service of the manifests has it."
        }
        Caveat::PortUnknown => "No port was given, and rules depend on it.",
        Caveat::SelfThroughService => {
            "The pod reaches itself through a Service and no rule allows that. The specification leaves open whether it is exempt."
        }
        Caveat::AddressUnknown => {
            "A pod has no address in the manifests, and rules on address blocks depend on it."
        }
        Caveat::DomainNamesUnknown => {
            "Which domain names the address has is not known, and a rule on domainNames depends on it."
        }
        Caveat::EqualPriority => {
            "Policies of one tier and one priority say different things; the specification leaves open which one counts."
        }
        Caveat::UnsupportedPeer => {
            "A rule has a peer of a kind that is not known here, so it accepts nothing, or denies everything."
        }
        Caveat::AddressTranslated => {
            "A Service was dialled and rules compare addresses; the specification leaves open whether they see the Service's address or the backend's."
        }
        Caveat::PodsDiffer => {
            "The pods of the workload, or the backends of the Service, get different answers."
        }
        Caveat::PoliciesUnread => "Policies of some kind could not be read, and may say otherwise.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Operator, Requirement};

    #[test]
    fn selectors_that_match_everything_say_so() {
        let some = Selector {
            requirements: vec![Requirement {
                key: "app".into(),
                operator: Operator::In(vec!["db".into()]),
            }],
        };
        let every = Selector::default();
        for (namespaces, selected, expected) in [
            (None, &every, "every pod of namespace prod"),
            (None, &some, "pods app=db of namespace prod"),
            (Some(&every), &every, "every pod of every namespace"),
            (Some(&some), &every, "every pod of namespaces app=db"),
            (Some(&every), &some, "pods app=db of every namespace"),
        ] {
            assert_eq!(pods(namespaces, "prod", selected), expected);
        }
    }

    #[test]
    fn lists_read_as_sentences_do() {
        assert_eq!(list(&["a"], "or"), "a");
        assert_eq!(list(&["a", "b"], "or"), "a or b");
        assert_eq!(list(&["a", "b", "c"], "and"), "a, b and c");
    }
}
