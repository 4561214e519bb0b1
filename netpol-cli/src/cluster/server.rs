//! Which pod of netpol is asked, and the connection to it.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use netpol_transport::client::{self, Client, ConnectError, Options};

use super::{
    Choice, ClusterError,
    kubeconfig::Context,
    pods::{self, NetpolPod, Role},
    trouble::Trouble,
    tunnel,
};

/// Where a relay listens whose pod names no port.
const DEFAULT_PORT: u16 = 4245;

/// A pod to connect to.
pub(super) struct Target {
    pub(super) role: Role,
    pod: String,
    port: u16,
}

/// A cluster that can be asked.
pub(super) struct Cluster<'a> {
    pub(super) choice: &'a Choice,
    pub(super) context: &'a Context,
    /// Of netpol's namespace.
    pub(super) pods: Api<Pod>,
}

impl Cluster<'_> {
    /// The relay, else the agent of `node`, else the only agent there is.
    pub(super) async fn find(&self, node: Option<&str>) -> Result<Target, ClusterError> {
        let relays = self.list(Role::Relay).await?;
        let relay = relays.iter().find(|relay| relay.not_ready.is_none());
        if let Some(relay) = relay {
            return Ok(Target {
                role: Role::Relay,
                pod: relay.name.clone(),
                port: relay.port.unwrap_or(DEFAULT_PORT),
            });
        }
        if let Some(NetpolPod {
            name,
            not_ready: Some(reason),
            ..
        }) = relays.first()
        {
            return Err(ClusterError::RelayNotReady {
                relay: self.name(Role::Relay, name),
                reason: reason.clone(),
                context: self.context.name.clone(),
                namespace: self.choice.netpol_namespace.clone(),
                pod: name.clone(),
            });
        }
        self.agent(&self.list(Role::Agent).await?, node)
    }

    fn agent(&self, agents: &[NetpolPod], node: Option<&str>) -> Result<Target, ClusterError> {
        let Some(first) = agents.first() else {
            return Err(ClusterError::NoNetpol {
                context: self.context.name.clone(),
                namespace: self.choice.netpol_namespace.clone(),
            });
        };
        let meant = match node {
            Some(node) => agents.iter().find(|agent| agent.node == node),
            None => Some(first),
        };
        let Some(meant) = meant else {
            return Err(ClusterError::NoSuchNode {
                node: node.unwrap_or_default().to_owned(),
                context: self.context.name.clone(),
                known: nodes(agents),
            });
        };
        let no_relay = |reason: String| ClusterError::NoRelay {
            context: self.context.name.clone(),
            namespace: self.choice.netpol_namespace.clone(),
            reason,
            pod: meant.name.clone(),
        };
        if node.is_none() && agents.len() > 1 {
            let (count, nodes) = (agents.len(), nodes(agents));
            let reason =
                format!("{count} agents have a part of the flows each (--node asks one: {nodes})");
            return Err(no_relay(reason));
        }
        match (&meant.not_ready, meant.port) {
            (Some(reason), _) => Err(no_relay(format!(
                "agent {} is not ready: {reason}",
                meant.name
            ))),
            (None, None) => Err(no_relay(
                "its agents take no connections over the network".to_owned(),
            )),
            (None, Some(port)) => Ok(Target {
                role: Role::Agent,
                pod: meant.name.clone(),
                port,
            }),
        }
    }

    async fn list(&self, role: Role) -> Result<Vec<NetpolPod>, ClusterError> {
        let listed = pods::find(&self.pods, role, &self.choice.netpol_namespace).await;
        listed.map_err(|trouble| ClusterError::ApiServer {
            context: self.context.name.clone(),
            url: self.context.address(),
            trouble,
        })
    }

    fn name(&self, role: Role, pod: &str) -> String {
        format!(
            "{} {}/{pod} of context {}",
            role.word(),
            self.choice.netpol_namespace,
            self.context.name
        )
    }

    pub(super) fn describe(&self, target: &Target) -> String {
        self.name(target.role, &target.pod)
    }

    pub(super) async fn connect(
        &self,
        target: &Target,
        server: &str,
        options: &Options,
    ) -> Result<Client, ClusterError> {
        let failed = |trouble| ClusterError::Tunnel {
            server: server.to_owned(),
            trouble,
        };
        let namespace = &self.choice.netpol_namespace;
        let tunnel = tunnel::open(&self.pods, namespace, &target.pod, target.port)
            .await
            .map_err(failed)?;
        let (stream, complaint) = tunnel.split();
        let error = match client::connect_over(stream, server, options).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        // What is wrong with a certificate is all there is to say.
        let broken = matches!(
            error,
            ConnectError::Other { .. } | ConnectError::TimedOut { .. }
        );
        let said = if broken { complaint.await } else { None };
        Err(match said {
            Some(said) => failed(Trouble::Other(said.trim().to_owned())),
            None => match error {
                ConnectError::Other { reason, .. } => failed(Trouble::Other(format!(
                    "it ends at once ({reason}); does the pod listen on port {}?",
                    target.port
                ))),
                error => error.into(),
            },
        })
    }
}

/// The nodes of some agents, the first few by name.
fn nodes(agents: &[NetpolPod]) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = agents
        .iter()
        .map(|agent| agent.node.as_str())
        .filter(|node| !node.is_empty())
        .collect();
    let shown = names
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}
