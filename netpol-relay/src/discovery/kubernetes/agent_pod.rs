//! What is used of an agent's pod.

use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use crate::discovery::{AgentAddress, Whereabouts};

/// The container port on which agents serve flows.
const PORT_NAME: &str = "flows";
/// Where they serve flows unless the pod says otherwise.
const PORT: u16 = 4245;

/// What is used of an agent's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentPod {
    /// The node it runs on, or is meant for.
    pub(super) node: Option<String>,
    /// Where its agent listens. Whether it does is seen by connecting, so readiness is not waited for.
    pub(super) whereabouts: Whereabouts,
}

impl AgentPod {
    pub(super) fn of(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        let node = spec.and_then(|spec| spec.node_name.clone().or_else(|| meant_for(spec)));
        Self {
            node,
            whereabouts: whereabouts(pod),
        }
    }
}

/// The controller of a DaemonSet makes a pod for each node, and names the node by an affinity that the scheduler follows.
fn meant_for(spec: &PodSpec) -> Option<String> {
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    let required = affinity
        .required_during_scheduling_ignored_during_execution
        .as_ref()?;
    let fields = required
        .node_selector_terms
        .iter()
        .flat_map(|term| term.match_fields.iter().flatten());
    fields
        .filter(|field| field.key == "metadata.name" && field.operator == "In")
        .find_map(|field| field.values.as_ref()?.first().cloned())
}

fn whereabouts(pod: &Pod) -> Whereabouts {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    let address = status
        .and_then(|status| status.pod_ip.as_ref())
        .and_then(|address| address.parse::<IpAddr>().ok());
    match (phase, address) {
        (Some("Running"), Some(address)) => {
            let address = SocketAddr::new(address, port(pod));
            Whereabouts::At(AgentAddress::Tcp(address.to_string()))
        }
        (phase, _) => {
            let phase = phase.unwrap_or("Pending");
            let why = waiting_for(pod).map_or_else(String::new, |reason| format!(": {reason}"));
            Whereabouts::Nowhere(format!("pod {name} is {phase}{why}"))
        }
    }
}

fn port(pod: &Pod) -> u16 {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .flat_map(|container| container.ports.iter().flatten())
        .find(|port| port.name.as_deref() == Some(PORT_NAME))
        .and_then(|port| u16::try_from(port.container_port).ok())
        .unwrap_or(PORT)
}

/// Why it does not run, such as `ImagePullBackOff` or `Unschedulable`.
fn waiting_for(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .flatten();
    let waiting = containers
        .filter_map(|container| container.state.as_ref()?.waiting.as_ref())
        .find_map(|waiting| waiting.reason.clone());
    let unscheduled = || {
        let conditions = status.conditions.iter().flatten();
        conditions
            .filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
            .find_map(|condition| condition.reason.clone())
    };
    waiting
        .or_else(unscheduled)
        .or_else(|| status.reason.clone())
}

#[cfg(test)]
mod tests {
    use kube::core::DynamicObject;

    use super::*;

    fn pod(spec: &str, status: &str) -> AgentPod {
        let json = format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"agent-x"}},"spec":{spec},"status":{status}}}"#
        );
        let object: DynamicObject = serde_json::from_str(&json).unwrap();
        AgentPod::of(&object.try_parse().unwrap())
    }

    #[test]
    fn a_running_pod_listens_at_its_named_port() {
        let spec = r#"{"nodeName":"n1","containers":[{"name":"agent","ports":[
            {"name":"metrics","containerPort":9964},{"name":"flows","containerPort":5000}]}]}"#;
        let running = pod(spec, r#"{"phase":"Running","podIP":"10.0.0.7"}"#);
        assert_eq!(running.node.as_deref(), Some("n1"));
        let at = |address: &str| Whereabouts::At(AgentAddress::Tcp(address.to_owned()));
        assert_eq!(running.whereabouts, at("10.0.0.7:5000"));
        let bare = pod(
            r#"{"containers":[{"name":"agent"}]}"#,
            r#"{"phase":"Running","podIP":"fd00::7"}"#,
        );
        assert_eq!(bare.whereabouts, at("[fd00::7]:4245"));
    }

    #[test]
    fn a_pod_that_does_not_run_names_its_node_and_why() {
        let spec = r#"{"containers":[],"affinity":{"nodeAffinity":{
            "requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchFields":[
                {"key":"metadata.name","operator":"In","values":["n2"]}]}]}}}}"#;
        let unscheduled = pod(
            spec,
            r#"{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable"}]}"#,
        );
        assert_eq!(unscheduled.node.as_deref(), Some("n2"));
        let nowhere = |text: &str| Whereabouts::Nowhere(text.to_owned());
        assert_eq!(
            unscheduled.whereabouts,
            nowhere("pod agent-x is Pending: Unschedulable")
        );
        let pulling = pod(
            r#"{"nodeName":"n3","containers":[]}"#,
            r#"{"phase":"Pending","podIP":"10.0.0.9","containerStatuses":[{"name":"agent","image":"i","imageID":"","ready":false,
                "restartCount":0,"state":{"waiting":{"reason":"ImagePullBackOff"}}}]}"#,
        );
        assert_eq!(
            pulling.whereabouts,
            nowhere("pod agent-x is Pending: ImagePullBackOff")
        );
        let evicted = pod(
            r#"{"containers":[]}"#,
            r#"{"phase":"Failed","reason":"Evicted"}"#,
        );
        assert_eq!(
            evicted.whereabouts,
            nowhere("pod agent-x is Failed: Evicted")
        );
    }
}
