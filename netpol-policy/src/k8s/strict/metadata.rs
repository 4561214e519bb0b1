//! `metadata`, which all kinds share.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Findings;
use crate::k8s::selector::{check_key, check_value};
use crate::k8s::syntax::{is_dns_label, is_label_key, is_service_name, is_subdomain};

/// Keys and values of all annotations together, in bytes.
const ANNOTATIONS_MAX: usize = 256 << 10;

/// What the kind asks of `metadata.name`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    /// Most kinds.
    Subdomain,
    /// Kinds whose name becomes part of a DNS name.
    Label,
    /// A DNS label that begins with a letter. Some versions of Kubernetes have begun to take a digit there too.
    Service,
}

/// Whether objects of the kind have a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Namespaced,
    Cluster,
}

pub(super) fn metadata(from: &ObjectMeta, scope: Scope, name: Name, findings: &mut Findings) {
    let (what, is_name): (_, fn(&str) -> bool) = match name {
        Name::Subdomain => ("a DNS subdomain", is_subdomain),
        Name::Label => ("a DNS label", is_dns_label),
        Name::Service => ("a DNS label that begins with a letter", is_service_name),
    };
    let text = from.name.as_deref().unwrap_or_default();
    findings.form(text, "metadata.name", what, is_name);
    if let Some(namespace) = &from.namespace {
        let field = "metadata.namespace";
        match scope {
            Scope::Namespaced => findings.form(namespace, field, "a DNS label", is_dns_label),
            Scope::Cluster if !namespace.is_empty() => {
                findings.add(
                    field,
                    "expected none: objects of this kind have no namespace",
                );
            }
            Scope::Cluster => {}
        }
    }
    labels_and_annotations(from, "metadata", findings);
    let owners = from.owner_references.iter().flatten().enumerate();
    for (index, owner) in owners {
        let field = format!("metadata.ownerReferences[{index}]");
        for (name, text) in [
            ("apiVersion", &owner.api_version),
            ("kind", &owner.kind),
            ("name", &owner.name),
            ("uid", &owner.uid),
        ] {
            findings.form(text, format!("{field}.{name}"), "a text", |_| true);
        }
    }
    let controllers = from.owner_references.iter().flatten();
    if controllers
        .filter(|owner| owner.controller == Some(true))
        .count()
        > 1
    {
        findings.add(
            "metadata.ownerReferences",
            "expected one controller at most",
        );
    }
}

/// Of an object, or of a pod template.
pub(super) fn labels_and_annotations(from: &ObjectMeta, field: &str, findings: &mut Findings) {
    for (key, value) in from.labels.iter().flatten() {
        let field = format!("{field}.labels");
        findings.check(check_key(key, &field));
        findings.check(check_value(value, &format!("{field}.{key}")));
    }
    let field = format!("{field}.annotations");
    let mut size = 0;
    for (key, value) in from.annotations.iter().flatten() {
        // Unlike those of labels, prefixes may have upper case letters.
        if !is_label_key(&key.to_lowercase()) {
            findings.add(&field, format!("expected an annotation key, found {key:?}"));
        }
        size += key.len() + value.len();
    }
    if size > ANNOTATIONS_MAX {
        let message = format!("expected at most {ANNOTATIONS_MAX} bytes, found {size}");
        findings.add(&field, message);
    }
}
