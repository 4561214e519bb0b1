//! ClusterNetworkPolicy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::peer::{EgressPeer, IngressPeer, PodsForm, Subject, subject};
use super::rule::{Form, Written, named_port, one_port, port_range, rules};
use super::{EgressPeers, priority, reference};
use crate::k8s::ObjectError;
use crate::model::{PortMatch, PortRule, Protocol, TieredPolicy};
use crate::verdict::{Direction, PolicyKind, Tier};

/// `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy, as an API server gives it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct ClusterNetworkPolicy {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<Spec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ingress: Option<Vec<IngressRule>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    egress: Option<Vec<EgressRule>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct IngressRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Vec<IngressPeer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocols: Option<Vec<ProtocolMatch>>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct EgressRule {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Vec<EgressPeer>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocols: Option<Vec<ProtocolMatch>>,
}

/// An entry of `protocols`. Exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProtocolMatch {
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp: Option<Ports>,
    #[serde(skip_serializing_if = "Option::is_none")]
    udp: Option<Ports>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sctp: Option<Ports>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_named_port: Option<String>,
}

/// `tcp`, `udp` or `sctp`. The one field it has so far has to be set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ports {
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_port: Option<Port>,
}

/// Exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct Port {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<PortRange>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct PortRange {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<i32>,
}

impl EgressPeers for ClusterNetworkPolicy {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn egress_peers(&self) -> Vec<&[EgressPeer]> {
        peers_of_each(self.spec.as_ref().and_then(|spec| spec.egress.as_ref()))
    }
}

fn peers_of_each(rules: Option<&Vec<EgressRule>>) -> Vec<&[EgressPeer]> {
    let rules = rules.into_iter().flatten();
    rules
        .map(|rule| rule.to.as_deref().unwrap_or_default())
        .collect()
}

const FORM: Form = Form {
    accept: "Accept",
    has_pass: true,
    has_domain_names: true,
    most: 25,
    ports: "protocols",
    pods: PodsForm::PodSelector,
};

/// Converts and validates a policy.
///
/// # Errors
/// The field that is invalid; the policy is then not in force at all.
pub fn cluster_network_policy(from: &ClusterNetworkPolicy) -> Result<TieredPolicy, ObjectError> {
    let spec = from.spec.clone().unwrap_or_default();
    let ingress = |rule: &IngressRule| Written {
        name: rule.name.clone(),
        action: rule.action.clone(),
        peers: rule
            .from
            .clone()
            .map(|peers| peers.into_iter().map(EgressPeer::from).collect()),
        ports: rule.protocols.clone(),
    };
    let egress = |rule: &EgressRule| Written {
        name: rule.name.clone(),
        action: rule.action.clone(),
        peers: rule.to.clone(),
        ports: rule.protocols.clone(),
    };
    Ok(TieredPolicy {
        reference: reference(PolicyKind::ClusterNetworkPolicy, &from.metadata)?,
        tier: tier(spec.tier.as_deref())?,
        priority: Some(priority(spec.priority)?),
        subjects: subject(spec.subject.as_ref(), FORM.pods)?,
        ingress: rules(
            spec.ingress.as_ref(),
            Direction::Ingress,
            FORM,
            ingress,
            port_rule,
        )?,
        egress: rules(
            spec.egress.as_ref(),
            Direction::Egress,
            FORM,
            egress,
            port_rule,
        )?,
    })
}

fn tier(found: Option<&str>) -> Result<Tier, ObjectError> {
    match found {
        Some("Admin") => Ok(Tier::Admin),
        Some("Baseline") => Ok(Tier::Baseline),
        found => {
            let found = found.map_or_else(|| "none".to_owned(), |found| format!("{found:?}"));
            let message = format!("expected Admin or Baseline, found {found}");
            Err(ObjectError::new("spec.tier", message))
        }
    }
}

fn port_rule(from: &ProtocolMatch, field: &str) -> Result<PortRule, ObjectError> {
    let name = from.destination_named_port.as_deref();
    let (protocol, name_of_protocol, ports) = match (&from.tcp, &from.udp, &from.sctp, name) {
        (Some(ports), None, None, None) => (Protocol::Tcp, "tcp", ports),
        (None, Some(ports), None, None) => (Protocol::Udp, "udp", ports),
        (None, None, Some(ports), None) => (Protocol::Sctp, "sctp", ports),
        (None, None, None, Some(name)) => {
            return named_port(name, format!("{field}.destinationNamedPort"));
        }
        _ => {
            return Err(ObjectError::new(
                field,
                "expected one of tcp, udp, sctp and destinationNamedPort",
            ));
        }
    };
    let field = format!("{field}.{name_of_protocol}");
    let Some(port) = &ports.destination_port else {
        return Err(ObjectError::new(
            field,
            "expected a destinationPort, found none",
        ));
    };
    let field = format!("{field}.destinationPort");
    let ports = match (port.number, &port.range) {
        (number @ Some(_), None) => one_port(number, format!("{field}.number"))?,
        (None, Some(range)) => port_range(range.start, range.end, &format!("{field}.range"))?,
        _ => {
            return Err(ObjectError::new(field, "expected one of number and range"));
        }
    };
    Ok(PortRule {
        protocol: Some(protocol),
        port: PortMatch::Range(*ports.start(), *ports.end()),
    })
}
