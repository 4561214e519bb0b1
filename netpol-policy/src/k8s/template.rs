//! What makes pods: Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob and ReplicationController.
//!
//! The pod that stands for those it makes has what its template says. Of the labels that controllers add, only those are
//! there whose value the object tells: a Job's name. Others, such as `pod-template-hash`, are not known before the pods
//! are there.

use std::sync::Arc;

use k8s_openapi::api::apps::v1 as apps;
use k8s_openapi::api::batch::v1 as batch;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::pod::{controller, named_ports};
use super::selector::selector;
use super::{ObjectError, labels, name, namespace_of};
use crate::model::{Labels, Phase, Pod, Template, Workload};

/// Labels that a Job gets for its pods, with its name as value, unless it says `manualSelector` (well-known labels of
/// Kubernetes; the second is the older name).
const JOB_NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];

/// Converts a Deployment.
///
/// # Errors
/// The field that cannot be used.
pub fn deployment(from: &apps::Deployment) -> Result<Template, ObjectError> {
    let pods = PodTemplate::at("spec.template", Some(&from.spec.template))?;
    pods.check_selected_by(&from.spec.selector)?;
    pods.of("Deployment", &from.metadata)
}

/// Converts a StatefulSet.
///
/// # Errors
/// The field that cannot be used.
pub fn stateful_set(from: &apps::StatefulSet) -> Result<Template, ObjectError> {
    let pods = PodTemplate::at("spec.template", Some(&from.spec.template))?;
    pods.check_selected_by(&from.spec.selector)?;
    pods.of("StatefulSet", &from.metadata)
}

/// Converts a DaemonSet.
///
/// # Errors
/// The field that cannot be used.
pub fn daemon_set(from: &apps::DaemonSet) -> Result<Template, ObjectError> {
    let pods = PodTemplate::at("spec.template", Some(&from.spec.template))?;
    pods.check_selected_by(&from.spec.selector)?;
    pods.of("DaemonSet", &from.metadata)
}

/// Converts a ReplicaSet.
///
/// # Errors
/// The field that cannot be used.
pub fn replica_set(from: &apps::ReplicaSet) -> Result<Template, ObjectError> {
    let pods = PodTemplate::at("spec.template", from.spec.template.as_ref())?;
    pods.check_selected_by(&from.spec.selector)?;
    pods.of("ReplicaSet", &from.metadata)
}

/// Converts a ReplicationController.
///
/// # Errors
/// The field that cannot be used.
pub fn replication_controller(from: &core::ReplicationController) -> Result<Template, ObjectError> {
    let spec = from.spec.clone().unwrap_or_default();
    let pods = PodTemplate::at("spec.template", spec.template.as_ref())?;
    // Older than label selectors: a plain map.
    pods.check_selected_by(&LabelSelector {
        match_labels: spec.selector,
        match_expressions: None,
    })?;
    pods.of("ReplicationController", &from.metadata)
}

/// Converts a Job.
///
/// # Errors
/// The field that cannot be used.
pub fn job(from: &batch::Job) -> Result<Template, ObjectError> {
    let spec = from.spec.clone().unwrap_or_default();
    let mut pods = PodTemplate::at("spec.template", Some(&spec.template))?;
    if spec.manual_selector != Some(true) {
        let name = name(&from.metadata)?;
        for label in JOB_NAME_LABELS {
            pods.labels = pods.labels.with(label, &name);
        }
    }
    pods.of("Job", &from.metadata)
}

/// Converts a CronJob. Each of its Jobs has a name of its own, so no label tells it.
///
/// # Errors
/// The field that cannot be used.
pub fn cron_job(from: &batch::CronJob) -> Result<Template, ObjectError> {
    let spec = from.spec.job_template.spec.as_ref();
    let pods = PodTemplate::at(
        "spec.jobTemplate.spec.template",
        spec.map(|spec| &spec.template),
    )?;
    pods.of("CronJob", &from.metadata)
}

/// A pod template, and the path at which it stands.
struct PodTemplate<'a> {
    field: &'static str,
    labels: Labels,
    spec: &'a core::PodSpec,
}

impl<'a> PodTemplate<'a> {
    /// A template without a spec is no template but a patch for one: its pods would have no labels.
    fn at(
        field: &'static str,
        from: Option<&'a core::PodTemplateSpec>,
    ) -> Result<Self, ObjectError> {
        let Some(spec) = from.and_then(|from| from.spec.as_ref()) else {
            return Err(ObjectError::new(
                format!("{field}.spec"),
                "expected a pod's spec, found none",
            ));
        };
        let metadata = from.and_then(|from| from.metadata.as_ref());
        Ok(Self {
            field,
            labels: metadata.map(labels).unwrap_or_default(),
            spec,
        })
    }

    /// The API server takes no object whose selector misses its own pods.
    fn check_selected_by(&self, from: &LabelSelector) -> Result<(), ObjectError> {
        let selector = selector(from, "spec.selector")?;
        let Some(missed) = selector.misses(&self.labels).next() else {
            return Ok(());
        };
        let message = format!("expected labels that spec.selector matches, {missed} does not");
        Err(ObjectError::new(
            format!("{}.metadata.labels", self.field),
            message,
        ))
    }

    /// The template of an object of this kind.
    fn of(self, kind: &str, metadata: &ObjectMeta) -> Result<Template, ObjectError> {
        let name = name(metadata)?;
        let namespace = namespace_of(metadata);
        let controller = controller(metadata);
        let workload = Workload {
            kind: kind.into(),
            name: name.clone(),
        };
        let is_of_another = |owner: &&Workload| matches!(&*owner.kind, "Deployment" | "CronJob");
        let pod = Pod {
            uid: "".into(),
            namespace: namespace.clone(),
            name: format!("{name}[{kind}]").into(),
            labels: self.labels,
            phase: Phase::Running,
            addresses: Vec::new(),
            node: None,
            host_network: self.spec.host_network.unwrap_or(false),
            ports: named_ports(self.spec, &format!("{}.spec", self.field))?,
            workload: controller
                .as_ref()
                .filter(is_of_another)
                .or(Some(&workload))
                .cloned(),
            controller: Some(workload.clone()),
            started: None,
        };
        Ok(Template {
            namespace,
            workload,
            controller,
            pod: Arc::new(pod),
        })
    }
}
