//! The way from a kubeconfig to netpol in the cluster, without a server's address.
//!
//! ```text
//! kubeconfig ─► context ─► token ─► API server ─┬─► pods        relay, else an agent
//!                                               ├─► authority   ConfigMap netpol-ca
//!                                               ├─► namespaces  do those asked for exist?
//!                                               └─► tunnel ───► TLS ───► client
//! trouble: what the API server refuses, in words            error: all that can go wrong
//! ```

mod authority;
mod error;
mod kubeconfig;
mod namespaces;
mod pods;
mod proxy;
mod token;
mod trouble;
mod tunnel;

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use netpol_transport::{
    client::{self, Client, ConnectError, Options, Token},
    tls::{ClientTls, ClientTlsFiles},
};

pub(crate) use error::ClusterError;
use kubeconfig::Context;
pub(crate) use kubeconfig::Files;
use pods::{NetpolPod, Role};
use trouble::Trouble;

/// The contexts there are, for completion: a kubeconfig that cannot be read has none.
pub(crate) fn contexts() -> Vec<String> {
    Files::find(None).contexts().unwrap_or_default()
}

/// What the command line says of the cluster to ask.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) files: Files,
    /// `None`: the current one.
    pub(crate) context: Option<String>,
    /// Where relay and agents run.
    pub(crate) netpol_namespace: String,
}

/// What is wanted of it.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    /// The namespaces that are named; `None`: that of the context is meant.
    pub(crate) namespaces: Option<&'a [String]>,
    /// The one node whose flows are of interest, if it is one.
    pub(crate) node: Option<&'a str>,
    /// As the flags give them.
    pub(crate) tls: &'a ClientTlsFiles,
    pub(crate) token_file: Option<&'a PathBuf>,
}

/// A client of a cluster's relay or agent.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) client: Client,
    /// `relay netpol/netpol-relay-7d9 of context kind`.
    pub(crate) server: String,
    /// Of the context.
    pub(crate) namespace: String,
    /// What to tell before anything else.
    pub(crate) warnings: Vec<String>,
    /// Why no token is shown; of use once the server wants one.
    pub(crate) no_token: Option<String>,
}

impl Choice {
    /// Finds netpol in the cluster and connects.
    pub(crate) async fn reach(&self, wish: &Wish<'_>) -> Result<Reached, ClusterError> {
        let mut context = self.files.context(self.context.as_deref()).await?;
        let name = context.name.clone();
        let credentials = |reason| ClusterError::Credentials {
            context: name.clone(),
            reason,
        };
        let own = token::of_user(&mut context.config)
            .await
            .map_err(credentials)?;
        let client = kube::Client::try_from(context.config.clone())
            .map_err(|error| credentials(trouble::unreachable(&error)))?;
        let cluster = Cluster {
            choice: self,
            context: &context,
            pods: Api::namespaced(client.clone(), &self.netpol_namespace),
        };
        let named = wish.namespaces.map(<[String]>::to_vec);
        let named = named.unwrap_or_else(|| vec![context.namespace.clone()]);
        let (target, authority, token, mut warnings) = tokio::join!(
            cluster.find(wish.node),
            authority::find(client.clone(), &self.netpol_namespace, wish.tls),
            token(client.clone(), &self.netpol_namespace, own, wish),
            namespaces::check(client.clone(), &named, &context.name),
        );
        let target = target?;
        let server = cluster.describe(&target);
        let authority = authority.map_err(|trouble| ClusterError::Authority {
            server: server.clone(),
            trouble,
        })?;
        let tls = ClientTlsFiles {
            authority: Some(authority),
            identity: wish.tls.identity.clone(),
            server_name: wish
                .tls
                .server_name
                .clone()
                .or_else(|| Some(target.role.server_name().to_owned())),
        };
        let (token, no_token) = match token {
            Ok(token) => (token, None),
            Err(trouble) => (None, Some(error::no_token(&trouble))),
        };
        if let Some(other) = &context.config.auth_info.impersonate {
            let (context, role) = (&context.name, target.role.word());
            warnings.push(format!(
                "context {context} acts as {other}: that holds for the API server; the {role} is shown who you are"
            ));
        }
        let options = Options {
            tls: Some(ClientTls::load(&tls)?),
            token,
        };
        Ok(Reached {
            client: cluster.connect(&target, &server, &options).await?,
            server,
            namespace: context.namespace.clone(),
            warnings,
            no_token,
        })
    }
}

/// The token to show. One of the ServiceAccount for reading is asked for where there is nothing else to show.
async fn token(
    client: kube::Client,
    namespace: &str,
    own: Option<String>,
    wish: &Wish<'_>,
) -> Result<Option<Token>, Trouble> {
    if let Some(file) = wish.token_file {
        return Ok(Some(Token::File(file.clone())));
    }
    if wish.tls.identity.is_some() {
        return Ok(None);
    }
    let token = match own {
        Some(token) => token,
        None => token::of_reader(client, namespace).await?,
    };
    Ok(Some(Token::Text(token)))
}

/// A pod to connect to.
struct Target {
    role: Role,
    pod: String,
    port: u16,
}

/// A cluster that can be asked.
struct Cluster<'a> {
    choice: &'a Choice,
    context: &'a Context,
    /// Of netpol's namespace.
    pods: Api<Pod>,
}

impl Cluster<'_> {
    /// The relay, else the agent of `node`, else the only agent there is.
    async fn find(&self, node: Option<&str>) -> Result<Target, ClusterError> {
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

    fn describe(&self, target: &Target) -> String {
        self.name(target.role, &target.pod)
    }

    async fn connect(
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

/// Where a relay listens whose pod names no port.
const DEFAULT_PORT: u16 = 4245;

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
