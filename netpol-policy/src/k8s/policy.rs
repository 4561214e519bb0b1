//! NetworkPolicy.

use std::sync::Arc;

use k8s_openapi::api::networking::v1 as api;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::selector::selector;
use super::syntax::is_port_name;
use super::{ObjectError, name, namespace_of, port, protocol};
use crate::model::{Cidr, IpBlock, NetworkPolicy, Peer, PortMatch, PortRule, Rule, Selector};
use crate::verdict::{PolicyKind, PolicyRef};

/// Converts and validates a policy.
///
/// # Errors
/// The field that is invalid; the policy is then not in force at all.
pub fn network_policy(from: &api::NetworkPolicy) -> Result<NetworkPolicy, ObjectError> {
    let metadata = &from.metadata;
    let spec = from.spec.clone().unwrap_or_default();
    // Rule 7.
    let subjects = match &spec.pod_selector {
        Some(found) => selector(found, "spec.podSelector")?,
        None => Selector::default(),
    };
    let ingress = rules(
        spec.ingress
            .unwrap_or_default()
            .into_iter()
            .map(|rule| (rule.from, rule.ports)),
        "spec.ingress",
        "from",
    )?;
    let egress = rules(
        spec.egress
            .unwrap_or_default()
            .into_iter()
            .map(|rule| (rule.to, rule.ports)),
        "spec.egress",
        "to",
    )?;
    let (isolates_ingress, isolates_egress) = types(
        spec.policy_types.as_deref().unwrap_or_default(),
        !egress.is_empty(),
    )?;
    Ok(NetworkPolicy {
        reference: PolicyRef {
            kind: PolicyKind::NetworkPolicy,
            namespace: namespace_of(metadata),
            name: name(metadata)?,
            uid: metadata
                .uid
                .as_deref()
                .map_or_else(|| Arc::from(""), Arc::from),
            generation: metadata.generation.unwrap_or(0),
        },
        subjects,
        ingress: isolates_ingress.then_some(ingress),
        egress: isolates_egress.then_some(egress),
    })
}

/// Which directions `policyTypes` isolates (rule 4).
fn types(types: &[String], has_egress: bool) -> Result<(bool, bool), ObjectError> {
    if types.is_empty() {
        return Ok((true, has_egress));
    }
    if types.len() > 2 {
        return Err(ObjectError::new(
            "spec.policyTypes",
            "expected Ingress, Egress or both",
        ));
    }
    let (mut ingress, mut egress) = (false, false);
    for (index, found) in types.iter().enumerate() {
        match found.as_str() {
            "Ingress" => ingress = true,
            "Egress" => egress = true,
            other => {
                let message = format!("expected Ingress or Egress, found {other:?}");
                return Err(ObjectError::new(
                    format!("spec.policyTypes[{index}]"),
                    message,
                ));
            }
        }
    }
    Ok((ingress, egress))
}

type Lists = (
    Option<Vec<api::NetworkPolicyPeer>>,
    Option<Vec<api::NetworkPolicyPort>>,
);

fn rules(
    lists: impl Iterator<Item = Lists>,
    field: &str,
    peers_field: &str,
) -> Result<Vec<Rule>, ObjectError> {
    let mut rules = Vec::new();
    for (index, (peers, ports)) in lists.enumerate() {
        let field = format!("{field}[{index}]");
        let mut rule = Rule::default();
        for (at, found) in peers.iter().flatten().enumerate() {
            rule.peers
                .push(peer(found, &format!("{field}.{peers_field}[{at}]"))?);
        }
        for (at, found) in ports.iter().flatten().enumerate() {
            rule.ports
                .push(port_rule(found, &format!("{field}.ports[{at}]"))?);
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn peer(from: &api::NetworkPolicyPeer, field: &str) -> Result<Peer, ObjectError> {
    let has_selector = from.pod_selector.is_some() || from.namespace_selector.is_some();
    match (&from.ip_block, has_selector) {
        // Rule 9.
        (Some(_), true) => Err(ObjectError::new(
            field,
            "expected ipBlock alone, found a selector beside it",
        )),
        (None, false) => Err(ObjectError::new(
            field,
            "expected podSelector, namespaceSelector or ipBlock, found none",
        )),
        (Some(block), false) => ip_block(block, &format!("{field}.ipBlock")).map(Peer::IpBlock),
        (None, true) => {
            let compile = |found: &Option<_>, name: &str| {
                found
                    .as_ref()
                    .map(|found| selector(found, &format!("{field}.{name}")))
                    .transpose()
            };
            Ok(Peer::Pods {
                namespaces: compile(&from.namespace_selector, "namespaceSelector")?,
                pods: compile(&from.pod_selector, "podSelector")?.unwrap_or_default(),
            })
        }
    }
}

fn ip_block(from: &api::IPBlock, field: &str) -> Result<IpBlock, ObjectError> {
    let parse = |text: &str, field: String| {
        Cidr::parse_lenient(text)
            .map(|(cidr, _)| cidr)
            .map_err(|error| ObjectError::new(field, error.to_string()))
    };
    let cidr = parse(&from.cidr, format!("{field}.cidr"))?;
    let mut except = Vec::new();
    for (index, text) in from.except.iter().flatten().enumerate() {
        let field = format!("{field}.except[{index}]");
        let block = parse(text, field.clone())?;
        // Rule 16.
        if !cidr.strictly_contains(&block) {
            let message = format!("expected a block within {cidr}, found {text:?}");
            return Err(ObjectError::new(field, message));
        }
        except.push(block);
    }
    Ok(IpBlock { cidr, except })
}

fn port_rule(from: &api::NetworkPolicyPort, field: &str) -> Result<PortRule, ObjectError> {
    let protocol = protocol(from.protocol.as_deref(), format!("{field}.protocol"))?;
    let end_field = format!("{field}.endPort");
    let port = match (&from.port, from.end_port) {
        (None, None) => PortMatch::Any,
        (Some(IntOrString::Int(number)), end) => {
            let first = port(*number, format!("{field}.port"))?;
            let last = end.map_or(Ok(first), |end| port(end, end_field.clone()))?;
            if last < first {
                let message = format!("expected a port not below {first}, found {last}");
                return Err(ObjectError::new(end_field, message));
            }
            PortMatch::Range(first, last)
        }
        // Rule 15.
        (None | Some(IntOrString::String(_)), Some(_)) => {
            return Err(ObjectError::new(
                end_field,
                "expected a number in port beside endPort",
            ));
        }
        (Some(IntOrString::String(name)), None) => {
            if !is_port_name(name) {
                let is_quoted = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
                let hint = if is_quoted {
                    ": take the quotes off"
                } else {
                    ""
                };
                let message = format!("expected a number or a port name, found {name:?}{hint}");
                return Err(ObjectError::new(format!("{field}.port"), message));
            }
            PortMatch::Name(name.clone())
        }
    };
    Ok(PortRule {
        protocol: Some(protocol),
        port,
    })
}
