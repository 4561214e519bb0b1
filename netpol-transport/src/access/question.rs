//! What the API server is asked about a user.

use std::fmt;

use k8s_openapi::api::authorization::v1::ResourceAttributes;

const GROUP: &str = "observer.netpol";
const FLOWS: &str = "flows";
const STATUS: &str = "status";
const WATCH: &str = "watch";
const GET: &str = "get";

/// A right, as RBAC grants it. The resources exist in its rules alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// To read every flow.
    AllFlows,
    /// To read the flows of the pods of a namespace.
    FlowsOf(String),
    /// To read the status with all its names.
    Status,
}

impl Question {
    pub(super) const STATUS_VERB: &str = GET;
    pub(super) const STATUS_NAME: &str = "status.observer.netpol";

    pub(super) fn attributes(&self) -> ResourceAttributes {
        let (verb, resource, namespace) = self.parts();
        ResourceAttributes {
            verb: Some(verb.to_owned()),
            group: Some(GROUP.to_owned()),
            resource: Some(resource.to_owned()),
            namespace: namespace.map(str::to_owned),
            ..ResourceAttributes::default()
        }
    }

    fn parts(&self) -> (&str, &str, Option<&str>) {
        match self {
            Self::AllFlows => (WATCH, FLOWS, None),
            Self::FlowsOf(namespace) => (WATCH, FLOWS, Some(namespace)),
            Self::Status => (GET, STATUS, None),
        }
    }
}

/// In the words of an API server that refuses it.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, resource, namespace) = self.parts();
        write!(
            f,
            "{verb} resource \"{resource}\" in API group \"{GROUP}\" "
        )?;
        match namespace {
            Some(namespace) => write!(f, "in the namespace \"{namespace}\""),
            None => f.write_str("at the cluster scope"),
        }
    }
}
