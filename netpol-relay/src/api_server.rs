//! Which API server is asked, and as whom.

use std::path::PathBuf;
use std::time::Duration;

use kube::Client;
use kube::config::{Config, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::config::AgentOptions;

/// A connection on which nothing is heard for so long is dead. Streams without news get a bookmark about once a minute.
const SILENCE: Duration = Duration::from_secs(150);

/// Where agents are unless told otherwise.
const AGENTS_NAMESPACE: &str = "netpol";

/// Why an API server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ApiServerError {
    /// A kubeconfig that cannot be used.
    #[error("cannot use the kubeconfig {}", file.display())]
    Kubeconfig {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// No kubeconfig was given, and there is no service account that can be used.
    #[error(
        "no API server: give --kubeconfig FILE, or run in a pod with a service account; or name agents by --agents"
    )]
    ServiceAccount(#[source] InClusterError),
    /// What the credentials say cannot be made use of.
    #[error("cannot set up the connection to the API server {address}")]
    Client {
        /// Its URL.
        address: String,
        /// Why.
        source: Box<kube::Error>,
    },
}

/// An API server that is not asked for anything yet.
pub struct ApiServer {
    /// Asks it.
    pub client: Client,
    /// Namespace of the agents' pods.
    pub namespace: String,
    /// Its URL.
    pub address: String,
}

impl ApiServer {
    /// The one that the flags name.
    ///
    /// # Errors
    /// Credentials that are missing or cannot be used.
    pub async fn of(options: &AgentOptions) -> Result<Self, ApiServerError> {
        let mut config = read(options).await?;
        config.read_timeout = Some(SILENCE);
        // Watches try again by themselves, and tell why.
        config.default_retry = false;
        let address = config.cluster_url.to_string();
        let namespace = match (&options.namespace, &options.kubeconfig) {
            (Some(namespace), _) => namespace.clone(),
            // The default of a context says where somebody works, not where agents are.
            (None, Some(_)) => AGENTS_NAMESPACE.to_owned(),
            (None, None) => config.default_namespace.clone(),
        };
        let client = Client::try_from(config).map_err(|source| ApiServerError::Client {
            address: address.clone(),
            source: Box::new(source),
        })?;
        Ok(Self {
            client,
            namespace,
            address,
        })
    }
}

async fn read(options: &AgentOptions) -> Result<Config, ApiServerError> {
    let Some(file) = &options.kubeconfig else {
        return Config::incluster().map_err(ApiServerError::ServiceAccount);
    };
    let loaded = async {
        let options = KubeConfigOptions {
            context: options.context.clone(),
            ..KubeConfigOptions::default()
        };
        Config::from_custom_kubeconfig(Kubeconfig::read_from(file)?, &options).await
    };
    loaded.await.map_err(|source| ApiServerError::Kubeconfig {
        file: file.clone(),
        source: Box::new(source),
    })
}
