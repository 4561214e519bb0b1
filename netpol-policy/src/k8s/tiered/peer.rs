//! Subjects and peers, which both versions of the API write in the same way.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::items;
use crate::k8s::ObjectError;
use crate::k8s::selector::selector;
use crate::model::{Cidr, DomainName, NamespacedPods, Selector, TieredPeer};

/// Most blocks in `networks`, and most names in `domainNames`.
const LISTED_MAX: usize = 25;
/// Longest text of a CIDR, in bytes.
const CIDR_MAX: usize = 43;

/// `spec.subject`. Exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct Subject {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespaces: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<NamespacedPod>,
}

/// `pods` of a subject or a peer.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct NamespacedPod {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_selector: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_selector: Option<LabelSelector>,
}

/// An entry of `from`. Exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct IngressPeer {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespaces: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<NamespacedPod>,
    /// Fields of later versions, and those of the other direction.
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

/// An entry of `to`. Exactly one field is set.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::k8s) struct EgressPeer {
    #[serde(skip_serializing_if = "Option::is_none")]
    namespaces: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<NamespacedPod>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    networks: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_names: Option<Vec<String>>,
    /// Fields of later versions.
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

impl EgressPeer {
    /// `networks` as written.
    pub(in crate::k8s) fn networks(&self) -> &[String] {
        self.networks.as_deref().unwrap_or_default()
    }
}

impl From<IngressPeer> for EgressPeer {
    fn from(peer: IngressPeer) -> Self {
        Self {
            namespaces: peer.namespaces,
            pods: peer.pods,
            unknown: peer.unknown,
            ..Self::default()
        }
    }
}

/// Which fields of `pods` have to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PodsForm {
    /// `v1alpha1`: both.
    BothSelectors,
    /// `v1alpha2`: `podSelector`; every namespace where the other one is missing.
    PodSelector,
}

/// Converts `spec.subject`.
pub(super) fn subject(
    from: Option<&Subject>,
    form: PodsForm,
) -> Result<NamespacedPods, ObjectError> {
    let field = "spec.subject";
    match from.map(|from| (&from.namespaces, &from.pods)) {
        Some((Some(found), None)) => namespaces(found, &format!("{field}.namespaces")),
        Some((None, Some(found))) => namespaced_pods(found, form, &format!("{field}.pods")),
        Some((Some(_), Some(_))) => Err(one_field(field, &["namespaces", "pods"])),
        Some((None, None)) | None => Err(ObjectError::new(
            field,
            "expected namespaces or pods, found neither",
        )),
    }
}

/// Converts an entry of `to`, or one of `from` in its form.
pub(super) fn peer(
    from: &EgressPeer,
    form: PodsForm,
    field: &str,
) -> Result<TieredPeer, ObjectError> {
    let known = [
        ("namespaces", from.namespaces.is_some()),
        ("pods", from.pods.is_some()),
        ("nodes", from.nodes.is_some()),
        ("networks", from.networks.is_some()),
        ("domainNames", from.domain_names.is_some()),
    ];
    let known = known.iter().filter(|(_, is_set)| *is_set);
    let known: Vec<&str> = known.map(|(name, _)| *name).collect();
    let unknown = from.unknown.iter().filter(|(_, value)| !value.is_null());
    let mut unknown = unknown.map(|(name, _)| name.clone());
    let [only] = *known else {
        return if known.is_empty() {
            Ok(TieredPeer::Unsupported(unknown.collect()))
        } else {
            Err(one_field(field, &known))
        };
    };
    if let Some(other) = unknown.next() {
        return Err(one_field(field, &[only, &other]));
    }
    let field = format!("{field}.{only}");
    if let Some(found) = &from.namespaces {
        namespaces(found, &field).map(TieredPeer::Pods)
    } else if let Some(found) = &from.pods {
        namespaced_pods(found, form, &field).map(TieredPeer::Pods)
    } else if let Some(found) = &from.nodes {
        selector(found, &field).map(TieredPeer::Nodes)
    } else if from.networks.is_some() {
        networks(from.networks.as_ref(), &field).map(TieredPeer::Networks)
    } else {
        domain_names(from.domain_names.as_ref(), &field).map(TieredPeer::DomainNames)
    }
}

fn one_field(field: &str, found: &[&str]) -> ObjectError {
    let message = format!("expected one field, found {}", found.join(" and "));
    ObjectError::new(field, message)
}

fn namespaces(from: &LabelSelector, field: &str) -> Result<NamespacedPods, ObjectError> {
    Ok(NamespacedPods {
        namespaces: selector(from, field)?,
        pods: Selector::default(),
    })
}

fn namespaced_pods(
    from: &NamespacedPod,
    form: PodsForm,
    field: &str,
) -> Result<NamespacedPods, ObjectError> {
    let compile = |found: &Option<LabelSelector>, name: &str, is_required: bool| {
        let field = format!("{field}.{name}");
        match found {
            Some(found) => selector(found, &field),
            None if is_required => Err(ObjectError::new(
                field,
                "expected a label selector, found none",
            )),
            None => Ok(Selector::default()),
        }
    };
    let both = form == PodsForm::BothSelectors;
    Ok(NamespacedPods {
        namespaces: compile(&from.namespace_selector, "namespaceSelector", both)?,
        pods: compile(&from.pod_selector, "podSelector", true)?,
    })
}

fn networks(from: Option<&Vec<String>>, field: &str) -> Result<Vec<Cidr>, ObjectError> {
    let mut blocks = Vec::new();
    for (index, text) in listed(from, field)? {
        let field = format!("{field}[{index}]");
        if text.len() > CIDR_MAX {
            let message = format!("expected a CIDR of at most {CIDR_MAX} characters");
            return Err(ObjectError::new(field, message));
        }
        let (block, _) = Cidr::parse_lenient(text)
            .map_err(|error| ObjectError::new(field, error.to_string()))?;
        blocks.push(block);
    }
    Ok(blocks)
}

fn domain_names(from: Option<&Vec<String>>, field: &str) -> Result<Vec<DomainName>, ObjectError> {
    let mut names = Vec::new();
    for (index, text) in listed(from, field)? {
        if !is_domain_name(text) {
            let message = format!(
                "expected a domain name of two labels or more, or one behind \"*.\", found {text:?}"
            );
            return Err(ObjectError::new(format!("{field}[{index}]"), message));
        }
        names.push(DomainName::new(text));
    }
    Ok(names)
}

/// Items of a list that is a set, with their positions.
fn listed<'a>(
    from: Option<&'a Vec<String>>,
    field: &str,
) -> Result<impl Iterator<Item = (usize, &'a String)>, ObjectError> {
    let listed = items(from, 1..=LISTED_MAX, field)?;
    for (index, text) in listed.iter().enumerate() {
        if listed[..index].contains(text) {
            let message = format!("expected each item once, found {text:?} again");
            return Err(ObjectError::new(format!("{field}[{index}]"), message));
        }
    }
    Ok(listed.iter().enumerate())
}

/// The pattern of the CRD, which takes a label's first character from `A-z`: also from what stands between the letters
/// in ASCII.
fn is_domain_name(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'z').contains(&byte);
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_label = |label: &str| match label.as_bytes() {
        [] => false,
        [one] => first(*one),
        [start, middle @ .., end] => {
            first(*start) && middle.iter().copied().all(inner) && end.is_ascii_alphanumeric()
        }
    };
    let text = text.strip_prefix("*.").unwrap_or(text);
    let text = text.strip_suffix('.').unwrap_or(text);
    text.contains('.') && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_35_domain_names_are_those_of_the_pattern() {
        for text in ["kubernetes.io", "*.k8s.io.", "a.b-c.d_e.F", "1.io", "_a.io"] {
            assert!(is_domain_name(text), "{text}");
        }
        for text in [
            "",
            ".",
            "io",
            "*.io",
            "*",
            "*.*.k8s.io",
            "a.*.io",
            "a..io",
            "-a.io",
            "a-.io",
            "é.io",
            "a.io..",
            "*k8s.io",
            "a b.io",
        ] {
            assert!(!is_domain_name(text), "{text}");
        }
    }
}
