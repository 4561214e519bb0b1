//! What the API server checks when an object is made, beyond what reading it needs. Each function gives everything that
//! is wrong, in no particular order; nothing where all is right.
//!
//! - Every kind: the form of name and namespace, of label and annotation keys and label values; owners.
//! - Pods and pod templates: at least one container; names, images, ports and restart policies.
//! - Workloads: selectors that are there; what Job and CronJob ask of their pods.
//! - Services and EndpointSlices: names and numbers of ports, addresses of the right family.
//! - Policies: CIDRs in canonical form, and peers that hold a field that is known. All the rest of a policy is checked
//!   whenever one is read.
//!
//! Left out is what has nothing to do with traffic: volumes, probes, resources, security contexts and the like.

mod cidr;
mod metadata;
mod pod;
mod policy;
mod service;
mod workload;

pub use self::pod::{namespace, node, pod};
pub use self::policy::{
    admin_network_policy, baseline_admin_network_policy, cluster_network_policy, network_policy,
};
pub use self::service::{endpoint_slice, service};
pub use self::workload::{
    cron_job, daemon_set, deployment, job, replica_set, replication_controller, stateful_set,
};

pub(super) use self::cidr::{network_policy_cidrs, node_cidrs, tiered_cidrs};
use self::metadata::{Name, Scope, metadata};
use super::ObjectError;

/// Collects what is wrong with an object.
#[derive(Debug, Default)]
struct Findings(Vec<ObjectError>);

impl Findings {
    fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(ObjectError::new(field, message));
    }

    /// Takes what a check found.
    fn check<T>(&mut self, result: Result<T, ObjectError>) {
        self.0.extend(result.err());
    }

    /// Takes all that others found.
    fn extend(&mut self, others: Vec<ObjectError>) {
        self.0.extend(others);
    }

    fn into_errors(self) -> Vec<ObjectError> {
        self.0
    }

    /// A field that has to be there, and to have a form.
    fn form(
        &mut self,
        text: &str,
        field: impl Into<String>,
        what: &str,
        is_right: impl Fn(&str) -> bool,
    ) {
        if text.is_empty() {
            self.add(field, format!("expected {what}, found none"));
        } else if !is_right(text) {
            self.add(field, format!("expected {what}, found {text:?}"));
        }
    }

    /// A field that has one of some values.
    fn one_of(&mut self, text: &str, values: &[&str], field: impl Into<String>) {
        if !values.contains(&text) {
            let listed = values.join(", ");
            self.add(field, format!("expected one of {listed}; found {text:?}"));
        }
    }
}
