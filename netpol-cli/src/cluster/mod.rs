//! The way from a kubeconfig to netpol in the cluster, without a server's address.
//!
//! ```text
//! kubeconfig ─► context ─► token ─► API server ─┬─► server      the relay, else an agent: one of the pods
//!                                               ├─► authority   ConfigMap netpol-ca
//!                                               ├─► namespaces  do those asked for exist?
//!                                               └─► tunnel ───► TLS ───► client
//! proxy: which hosts the environment's is not for
//! trouble: what the API server refuses, in words            error: all that can go wrong
//! ```

mod authority;
mod error;
mod kubeconfig;
mod namespaces;
mod pods;
mod proxy;
mod server;
mod token;
mod trouble;
mod tunnel;

use std::path::PathBuf;

use kube::Api;
use netpol_transport::{
    client::{Client, Options, Token},
    tls::{ClientTls, ClientTlsFiles},
};

pub(crate) use error::ClusterError;
pub(crate) use kubeconfig::Files;
use server::Cluster;
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
