//! Agents by the pods of their DaemonSet, and nodes without one.
//!
//! ```text
//! watch Pods, by label, in one namespace ──► agent pods ─┐
//!                                                        ├─► coverage ─► Discovered
//! watch Nodes, metadata alone ─────────────► names ──────┘
//! ```
//!
//! Pods alone find agents. A DaemonSet tells how many are missing, and not where; only the list of nodes names those that
//! it passes over. Who may not read nodes goes without these names, and is told.

mod agent_pod;
mod coverage;
mod trouble;
mod watched;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{Config, watcher};
use kube::{Api, Client};
use tokio::sync::watch;

use super::Discovered;
use agent_pod::AgentPod;
use coverage::coverage;
use watched::{Watched, follow};

/// The label of the pods that agents run in.
pub const AGENT_LABEL: &str = "app.kubernetes.io/name=netpol-agent";
/// Agents run on Linux alone. A node that does not say what it runs is taken to be one of theirs.
const AGENT_NODES: &str = "kubernetes.io/os!=windows";

/// What finds agents by their pods.
pub struct Pods {
    client: Client,
    namespace: String,
}

impl Pods {
    /// Pods of agents in this namespace.
    #[must_use]
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
        }
    }

    /// Tells of agents for as long as it is polled.
    pub(super) async fn follow(self, found: &watch::Sender<Discovered>) {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        let nodes: Api<PartialObjectMeta<Node>> = Api::all(self.client);
        let (agent_pods, mut pods_changed) = watch::channel(Watched::default());
        let (node_names, mut nodes_changed) = watch::channel(Watched::default());
        let follow_pods = follow(
            || watcher(pods.clone(), Config::default().labels(AGENT_LABEL)),
            AgentPod::of,
            "pods",
            &agent_pods,
        );
        let follow_nodes = follow(
            || watcher(nodes.clone(), Config::default().labels(AGENT_NODES)),
            |_| (),
            "nodes",
            &node_names,
        );
        let put_together = async {
            loop {
                tokio::select! {
                    changed = pods_changed.changed() => changed,
                    changed = nodes_changed.changed() => changed,
                }
                // Both senders outlive this future.
                .ok()?;
                let next = coverage(
                    &pods_changed.borrow_and_update(),
                    &nodes_changed.borrow_and_update(),
                );
                found.send_if_modified(|found| {
                    let differs = *found != next;
                    if differs {
                        *found = next;
                    }
                    differs
                });
            }
        };
        let _: (_, _, Option<()>) = tokio::join!(follow_pods, follow_nodes, put_together);
    }
}
