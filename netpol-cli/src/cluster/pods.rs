//! The pods of netpol in a cluster: a relay, which has the flows of all nodes, and the agents.

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::{Api, api::ListParams};
use tokio::time::timeout;

use super::trouble::{PATIENCE, Trouble, Wanted};

/// The container port that serves flows, in the relay's and the agents' pods.
const PORT: &str = "flows";

/// What a pod of netpol is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Relay,
    Agent,
}

impl Role {
    /// Label `app.kubernetes.io/name` of its pods.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Relay => "netpol-relay",
            Self::Agent => "netpol-agent",
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Agent => "agent",
        }
    }

    /// The name that its certificate is for, wherever it runs.
    pub(super) fn server_name(self) -> &'static str {
        match self {
            Self::Relay => "netpol-relay.netpol.svc",
            Self::Agent => "netpol-agent.netpol.svc",
        }
    }
}

/// A pod of netpol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NetpolPod {
    pub(super) name: String,
    /// Empty while it has none.
    pub(super) node: String,
    /// `None`: it takes no connections over the network.
    pub(super) port: Option<u16>,
    /// What keeps it from being asked; `None` where it is ready.
    pub(super) not_ready: Option<String>,
}

/// Lists them by name, those that are ready first.
pub(super) async fn find(
    pods: &Api<Pod>,
    role: Role,
    namespace: &str,
) -> Result<Vec<NetpolPod>, Trouble> {
    let wanted = Wanted {
        verb: "list",
        resource: "pods",
        namespace,
    };
    let selector = format!("app.kubernetes.io/name={}", role.label());
    let params = ListParams::default().labels(&selector);
    let listed = timeout(PATIENCE, pods.list(&params)).await;
    let listed = listed
        .map_err(|_| Trouble::too_slow())?
        .map_err(|error| Trouble::of(&error, wanted))?;
    let mut found: Vec<NetpolPod> = listed.items.iter().filter_map(NetpolPod::of).collect();
    found.sort_by(|a, b| {
        let key = |pod: &NetpolPod| (pod.not_ready.is_some(), pod.name.clone());
        key(a).cmp(&key(b))
    });
    Ok(found)
}

impl NetpolPod {
    /// `None` for one that has ended or is about to.
    fn of(pod: &Pod) -> Option<Self> {
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref());
        if pod.metadata.deletion_timestamp.is_some()
            || matches!(phase, Some("Succeeded" | "Failed"))
        {
            return None;
        }
        let spec = pod.spec.as_ref();
        let containers = spec.map(|spec| spec.containers.as_slice());
        let ports = containers
            .unwrap_or_default()
            .iter()
            .flat_map(|container| container.ports.iter().flatten());
        let port = ports
            .filter(|port| port.name.as_deref() == Some(PORT))
            .find_map(|port| u16::try_from(port.container_port).ok());
        let conditions = status.and_then(|status| status.conditions.as_deref());
        let ready = conditions
            .unwrap_or_default()
            .iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True");
        Some(Self {
            name: pod.metadata.name.clone()?,
            node: spec
                .and_then(|spec| spec.node_name.clone())
                .unwrap_or_default(),
            port,
            not_ready: (!ready).then(|| reason(pod)),
        })
    }
}

/// Why a pod is not ready, as far as its status tells.
fn reason(pod: &Pod) -> String {
    let status = pod.status.as_ref();
    let containers = status.and_then(|status| status.container_statuses.as_deref());
    if let Some(waiting) = containers.unwrap_or_default().iter().find_map(waiting) {
        return waiting;
    }
    let conditions = status.and_then(|status| status.conditions.as_deref());
    let unscheduled = conditions
        .unwrap_or_default()
        .iter()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    match unscheduled.and_then(|condition| condition.message.as_deref()) {
        Some(message) => format!("it has no node: {message}"),
        None => "it runs, and does not say that it is ready".to_owned(),
    }
}

fn waiting(container: &ContainerStatus) -> Option<String> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or("no reason given");
    Some(format!("its container {} waits: {reason}", container.name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: serde_json::Value) -> Option<NetpolPod> {
        let pod = json!({
            "metadata": { "name": "netpol-relay-0" },
            "spec": {
                "nodeName": "worker-1",
                "containers": [
                    { "name": "sidecar", "ports": [{ "name": "http", "containerPort": 80 }] },
                    { "name": "relay", "ports": [{ "name": "flows", "containerPort": 4245 }] },
                ],
            },
            "status": status,
        });
        NetpolPod::of(&serde_json::from_value(pod).unwrap())
    }

    fn not_ready(status: serde_json::Value) -> String {
        read(status).unwrap().not_ready.unwrap()
    }

    #[test]
    fn a_ready_pod_is_asked_at_its_port_of_that_name() {
        let ready = json!({ "conditions": [{ "type": "Ready", "status": "True" }] });
        assert_eq!(
            read(ready),
            Some(NetpolPod {
                name: "netpol-relay-0".to_owned(),
                node: "worker-1".to_owned(),
                port: Some(4245),
                not_ready: None,
            })
        );
    }

    #[test]
    fn what_keeps_a_pod_from_being_ready_is_told() {
        let waiting = json!({ "containerStatuses": [{
            "name": "relay", "ready": false, "restartCount": 3, "image": "", "imageID": "",
            "state": { "waiting": { "reason": "CrashLoopBackOff" } },
        }] });
        assert_eq!(
            not_ready(waiting),
            "its container relay waits: CrashLoopBackOff"
        );
        let unscheduled = json!({ "conditions": [
            { "type": "PodScheduled", "status": "False", "message": "0/3 nodes are available" },
        ] });
        assert_eq!(
            not_ready(unscheduled),
            "it has no node: 0/3 nodes are available"
        );
        assert_eq!(
            not_ready(json!({ "conditions": [{ "type": "Ready", "status": "False" }] })),
            "it runs, and does not say that it is ready"
        );
    }

    #[test]
    fn a_pod_that_has_ended_is_none() {
        assert_eq!(read(json!({ "phase": "Failed" })), None);
    }
}
