//! Objects have fields of their kinds and no others.

use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment},
    core::v1::{ConfigMap, Namespace, Secret, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
    rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding},
    scheduling::v1::PriorityClass,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::manifests::{self, BASE, ENTRIES};

/// Says what of an object its kind does not have.
///
/// # Errors
/// The field, or that the kind is not expected.
pub(crate) fn check(object: &Value) -> Result<(), String> {
    let kind = (object["apiVersion"].as_str(), object["kind"].as_str());
    let (Some(version), Some(kind)) = kind else {
        return Err("an object without apiVersion or kind".to_owned());
    };
    let check = match (version, kind) {
        ("v1", "Namespace") => is_known::<Namespace>,
        ("v1", "ConfigMap") => is_known::<ConfigMap>,
        ("v1", "Secret") => is_known::<Secret>,
        ("v1", "Service") => is_known::<Service>,
        ("v1", "ServiceAccount") => is_known::<ServiceAccount>,
        ("rbac.authorization.k8s.io/v1", "Role") => is_known::<Role>,
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => is_known::<RoleBinding>,
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => is_known::<ClusterRole>,
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => is_known::<ClusterRoleBinding>,
        ("scheduling.k8s.io/v1", "PriorityClass") => is_known::<PriorityClass>,
        ("networking.k8s.io/v1", "NetworkPolicy") => is_known::<NetworkPolicy>,
        ("policy/v1", "PodDisruptionBudget") => is_known::<PodDisruptionBudget>,
        ("apps/v1", "DaemonSet") => is_known::<DaemonSet>,
        ("apps/v1", "Deployment") => is_known::<Deployment>,
        // Of the Prometheus operator and of cert-manager, whose types are not at hand.
        ("monitoring.coreos.com/v1", "ServiceMonitor")
        | ("cert-manager.io/v1", "Issuer" | "Certificate") => |_: &Value| Ok(()),
        _ => return Err(format!("{version} {kind} is not expected here")),
    };
    check(object)
}

/// Deserializing drops a field that the type does not have: what comes back has it no more.
fn is_known<T: DeserializeOwned + Serialize>(object: &Value) -> Result<(), String> {
    let typed: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    is_within(object, &serde_json::to_value(typed).unwrap(), "")
}

fn is_within(part: &Value, whole: &Value, at: &str) -> Result<(), String> {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().try_for_each(|(name, value)| {
            let at = format!("{at}.{name}");
            match whole.get(name) {
                Some(found) => is_within(value, found, &at),
                None => Err(format!("{at} is no field")),
            }
        }),
        (Value::Array(part), Value::Array(whole)) if part.len() == whole.len() => {
            let mut pairs = part.iter().zip(whole).enumerate();
            pairs.try_for_each(|(index, (part, whole))| {
                is_within(part, whole, &format!("{at}[{index}]"))
            })
        }
        (part, whole) if part == whole => Ok(()),
        (part, whole) => Err(format!("{at} is {part}, read as {whole}")),
    }
}

#[test]
fn objects_are_of_their_kinds_and_have_no_other_fields() {
    if !manifests::can_render() {
        return;
    }
    for entry in ENTRIES {
        for object in manifests::rendered(entry) {
            let name = format!("{entry}: {} {}", object["kind"], object["metadata"]["name"]);
            check(&object).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn a_misspelt_field_is_found() {
    if !manifests::can_render() {
        return;
    }
    let base = manifests::rendered(BASE);
    let agents = base.iter().find(|one| one["kind"] == "DaemonSet");
    let mut misspelt = agents.unwrap().clone();
    misspelt["spec"]["template"]["spec"]["hostNetwrok"] = true.into();
    let error = check(&misspelt).unwrap_err();
    assert_eq!(error, ".spec.template.spec.hostNetwrok is no field");
}
