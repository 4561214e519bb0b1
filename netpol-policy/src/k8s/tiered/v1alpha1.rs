//! AdminNetworkPolicy and BaselineAdminNetworkPolicy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::peer::{EgressPeer, IngressPeer, PodsForm, Subject, subject};
use super::rule::{Form, Written, named_port, one_port, port_range, rules};
use super::{EgressPeers, priority, reference};
use crate::k8s::{ObjectError, protocol};
use crate::model::{PortMatch, PortRule, TieredPolicy, TieredRule};
use crate::verdict::{Direction, PolicyKind, Tier};

/// `policy.networking.k8s.io/v1alpha1` AdminNetworkPolicy, as an API server gives it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct AdminNetworkPolicy {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<AdminSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
}

/// `policy.networking.k8s.io/v1alpha1` BaselineAdminNetworkPolicy, as an API server gives it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct BaselineAdminNetworkPolicy {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<BaselineSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct AdminSpec {
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
struct BaselineSpec {
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
    ports: Option<Vec<Port>>,
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
    ports: Option<Vec<Port>>,
}

/// An entry of `ports`. Exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    #[serde(skip_serializing_if = "Option::is_none")]
    port_number: Option<PortNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port_range: Option<PortRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    named_port: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct PortNumber {
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<i32>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct PortRange {
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<i32>,
}

impl EgressPeers for AdminNetworkPolicy {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn egress_peers(&self) -> Vec<&[EgressPeer]> {
        peers_of_each(self.spec.as_ref().and_then(|spec| spec.egress.as_ref()))
    }
}

impl EgressPeers for BaselineAdminNetworkPolicy {
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

const ADMIN: Form = Form {
    accept: "Allow",
    has_pass: true,
    has_domain_names: true,
    most: 100,
    ports: "ports",
    pods: PodsForm::BothSelectors,
};

const BASELINE: Form = Form {
    has_pass: false,
    has_domain_names: false,
    ..ADMIN
};

/// The only name that a BaselineAdminNetworkPolicy may have (rule 38).
const BASELINE_NAME: &str = "default";

/// Converts and validates a policy.
///
/// # Errors
/// The field that is invalid; the policy is then not in force at all.
pub fn admin_network_policy(from: &AdminNetworkPolicy) -> Result<TieredPolicy, ObjectError> {
    let spec = from.spec.clone().unwrap_or_default();
    Ok(TieredPolicy {
        reference: reference(PolicyKind::AdminNetworkPolicy, &from.metadata)?,
        tier: Tier::Admin,
        priority: Some(priority(spec.priority)?),
        subjects: subject(spec.subject.as_ref(), ADMIN.pods)?,
        ingress: ingress(spec.ingress.as_ref(), ADMIN)?,
        egress: egress(spec.egress.as_ref(), ADMIN)?,
    })
}

/// Converts and validates the policy.
///
/// # Errors
/// The field that is invalid; the policy is then not in force at all.
pub fn baseline_admin_network_policy(
    from: &BaselineAdminNetworkPolicy,
) -> Result<TieredPolicy, ObjectError> {
    let spec = from.spec.clone().unwrap_or_default();
    let reference = reference(PolicyKind::BaselineAdminNetworkPolicy, &from.metadata)?;
    if &*reference.name != BASELINE_NAME {
        let message = format!("expected {BASELINE_NAME:?}, found {:?}", reference.name);
        return Err(ObjectError::new("metadata.name", message));
    }
    Ok(TieredPolicy {
        reference,
        tier: Tier::Baseline,
        priority: None,
        subjects: subject(spec.subject.as_ref(), BASELINE.pods)?,
        ingress: ingress(spec.ingress.as_ref(), BASELINE)?,
        egress: egress(spec.egress.as_ref(), BASELINE)?,
    })
}

fn ingress(from: Option<&Vec<IngressRule>>, form: Form) -> Result<Vec<TieredRule>, ObjectError> {
    let written = |rule: &IngressRule| Written {
        name: rule.name.clone(),
        action: rule.action.clone(),
        peers: rule
            .from
            .clone()
            .map(|peers| peers.into_iter().map(EgressPeer::from).collect()),
        ports: rule.ports.clone(),
    };
    rules(from, Direction::Ingress, form, written, port_rule)
}

fn egress(from: Option<&Vec<EgressRule>>, form: Form) -> Result<Vec<TieredRule>, ObjectError> {
    let written = |rule: &EgressRule| Written {
        name: rule.name.clone(),
        action: rule.action.clone(),
        peers: rule.to.clone(),
        ports: rule.ports.clone(),
    };
    rules(from, Direction::Egress, form, written, port_rule)
}

fn port_rule(from: &Port, field: &str) -> Result<PortRule, ObjectError> {
    let (transport, ports) = match (&from.port_number, &from.port_range, &from.named_port) {
        (Some(number), None, None) => {
            let field = format!("{field}.portNumber");
            let transport = protocol(number.protocol.as_deref(), format!("{field}.protocol"))?;
            (transport, one_port(number.port, format!("{field}.port"))?)
        }
        (None, Some(range), None) => {
            let field = format!("{field}.portRange");
            let transport = protocol(range.protocol.as_deref(), format!("{field}.protocol"))?;
            (transport, port_range(range.start, range.end, &field)?)
        }
        (None, None, Some(name)) => return named_port(name, format!("{field}.namedPort")),
        _ => {
            return Err(ObjectError::new(
                field,
                "expected one of portNumber, portRange and namedPort",
            ));
        }
    };
    Ok(PortRule {
        protocol: Some(transport),
        port: PortMatch::Range(*ports.start(), *ports.end()),
    })
}
