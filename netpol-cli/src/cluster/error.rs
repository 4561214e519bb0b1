//! Why a cluster cannot be asked, and what to do about it.

use netpol_transport::{client::ConnectError, tls::TlsError};

use super::{kubeconfig::ContextError, token::READER, trouble::Trouble};

/// Names the context wherever that is not the kubeconfig's own trouble.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    #[error(transparent)]
    Context(#[from] ContextError),
    #[error("context {context}: {reason}")]
    Credentials { context: String, reason: String },
    #[error("context {context} ({url}): {}", words(.trouble, "it has no such thing"))]
    ApiServer {
        context: String,
        url: String,
        trouble: Trouble,
    },
    #[error(
        "there is no netpol in namespace {namespace} of context {context}: no pod is labelled \
         app.kubernetes.io/name=netpol-relay or netpol-agent; is it in another namespace? (--netpol-namespace)"
    )]
    NoNetpol { context: String, namespace: String },
    #[error(
        "{relay} is not ready: {reason}; see kubectl --context {context} -n {namespace} describe pod {pod}"
    )]
    RelayNotReady {
        relay: String,
        reason: String,
        context: String,
        namespace: String,
        pod: String,
    },
    #[error(
        "there is no relay in namespace {namespace} of context {context}, and {reason}: install the relay, or ask one \
         agent: kubectl --context {context} -n {namespace} exec {pod} -- flows …"
    )]
    NoRelay {
        context: String,
        namespace: String,
        reason: String,
        pod: String,
    },
    #[error("no agent runs on node {node} of context {context}; there are agents on {known}")]
    NoSuchNode {
        node: String,
        context: String,
        known: String,
    },
    #[error("it cannot be told whether {server} is really netpol's: {}; --tls-ca FILE names the authority", words(.trouble, "there is no ConfigMap netpol-ca in its namespace"))]
    Authority { server: String, trouble: Trouble },
    #[error("no connection to {server} through the API server: {}", words(.trouble, "the pod is gone"))]
    Tunnel { server: String, trouble: Trouble },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

fn words<'a>(trouble: &'a Trouble, not_found: &'a str) -> &'a str {
    match trouble {
        Trouble::NotFound => not_found,
        Trouble::Forbidden(text) | Trouble::Other(text) => text,
    }
}

/// Why no token could be shown: of use once the server wants one.
pub(super) fn no_token(trouble: &Trouble) -> String {
    let no_account = format!("there is no ServiceAccount {READER} in netpol's namespace");
    format!(
        "the kubeconfig's user shows no bearer token, and none could be had for {READER}: {}; --token-file FILE gives one",
        words(trouble, &no_account)
    )
}
