//! What makes pods.

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::batch::v1 as batch;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::metadata::labels_and_annotations;
use super::pod::{RESTART_POLICIES, pod_spec};
use super::{Findings, Name, Scope, metadata};
use crate::k8s::ObjectError;

/// Longest name of a CronJob, in bytes: its Jobs put a number behind it.
const CRON_JOB_NAME_MAX: usize = 52;

/// Pods that run for good.
const ALWAYS: &[&str] = &[RESTART_POLICIES[0]];
/// Pods that come to an end.
const NOT_ALWAYS: &[&str] = &[RESTART_POLICIES[1], RESTART_POLICIES[2]];

/// What is wrong with the metadata of a namespaced object, whose name has this form.
fn named(from: &ObjectMeta, form: Name) -> Findings {
    let mut findings = Findings::default();
    metadata(from, Scope::Namespaced, form, &mut findings);
    findings
}

/// Checks a Deployment.
#[must_use]
pub fn deployment(from: &apps::Deployment) -> Vec<ObjectError> {
    let mut findings = named(&from.metadata, Name::Subdomain);
    selector(&from.spec.selector, &mut findings);
    template(&from.spec.template, "spec.template", ALWAYS, &mut findings);
    findings.into_errors()
}

/// Checks a StatefulSet.
#[must_use]
pub fn stateful_set(from: &apps::StatefulSet) -> Vec<ObjectError> {
    let mut findings = named(&from.metadata, Name::Label);
    selector(&from.spec.selector, &mut findings);
    template(&from.spec.template, "spec.template", ALWAYS, &mut findings);
    findings.into_errors()
}

/// Checks a DaemonSet.
#[must_use]
pub fn daemon_set(from: &apps::DaemonSet) -> Vec<ObjectError> {
    let mut findings = named(&from.metadata, Name::Subdomain);
    selector(&from.spec.selector, &mut findings);
    template(&from.spec.template, "spec.template", ALWAYS, &mut findings);
    findings.into_errors()
}

/// Checks a ReplicaSet.
#[must_use]
pub fn replica_set(from: &apps::ReplicaSet) -> Vec<ObjectError> {
    let mut findings = named(&from.metadata, Name::Subdomain);
    selector(&from.spec.selector, &mut findings);
    if let Some(found) = &from.spec.template {
        template(found, "spec.template", ALWAYS, &mut findings);
    }
    findings.into_errors()
}

/// Checks a ReplicationController. Without a selector it takes the labels of its template.
#[must_use]
pub fn replication_controller(from: &core::ReplicationController) -> Vec<ObjectError> {
    let mut findings = named(&from.metadata, Name::Subdomain);
    let found = from.spec.as_ref().and_then(|spec| spec.template.as_ref());
    if let Some(found) = found {
        template(found, "spec.template", ALWAYS, &mut findings);
    }
    findings.into_errors()
}

/// Checks a Job.
#[must_use]
pub fn job(from: &batch::Job) -> Vec<ObjectError> {
    let mut findings = named(&from.metadata, Name::Subdomain);
    if let Some(spec) = &from.spec {
        job_spec(spec, "spec", &mut findings);
    }
    findings.into_errors()
}

/// Checks a CronJob.
#[must_use]
pub fn cron_job(from: &batch::CronJob) -> Vec<ObjectError> {
    let mut findings = named(&from.metadata, Name::Subdomain);
    let name = from.metadata.name.as_deref().unwrap_or_default();
    if name.len() > CRON_JOB_NAME_MAX {
        let message = format!(
            "expected at most {CRON_JOB_NAME_MAX} characters, found {}",
            name.len()
        );
        findings.add("metadata.name", message);
    }
    findings.form(&from.spec.schedule, "spec.schedule", "a schedule", |_| true);
    if let Some(spec) = &from.spec.job_template.spec {
        job_spec(spec, "spec.jobTemplate.spec", &mut findings);
    }
    findings.into_errors()
}

fn job_spec(from: &batch::JobSpec, field: &str, findings: &mut Findings) {
    let is_manual = from.manual_selector == Some(true);
    // Stored Jobs have the one that the controller made.
    if is_manual && from.selector.is_none() {
        let message = "expected a selector beside manualSelector, found none";
        findings.add(format!("{field}.selector"), message);
    }
    template(
        &from.template,
        &format!("{field}.template"),
        NOT_ALWAYS,
        findings,
    );
}

/// The selector of kinds that have to have one. An empty one would select everything.
fn selector(from: &LabelSelector, findings: &mut Findings) {
    let labels = from.match_labels.iter().flatten().count();
    if labels + from.match_expressions.iter().flatten().count() == 0 {
        findings.add("spec.selector", "expected a label selector, found none");
    }
}

fn template(
    from: &core::PodTemplateSpec,
    field: &str,
    restart_policies: &[&str],
    findings: &mut Findings,
) {
    if let Some(metadata) = &from.metadata {
        labels_and_annotations(metadata, &format!("{field}.metadata"), findings);
    }
    if let Some(spec) = &from.spec {
        pod_spec(spec, &format!("{field}.spec"), restart_policies, findings);
    }
}
