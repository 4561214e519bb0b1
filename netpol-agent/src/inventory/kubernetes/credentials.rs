//! Which API server is asked, and as whom.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{Config, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};

/// A connection on which nothing is heard for so long is dead. Streams without news get a bookmark about once a minute.
const SILENCE: Duration = Duration::from_secs(150);

/// What tells where the API server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A kubeconfig file, of which the context of this name, or the current one.
    Kubeconfig {
        /// Its path.
        file: PathBuf,
        /// Which of its contexts; its current one where none is named.
        context: Option<String>,
    },
    /// The service account of the pod that the agent runs in.
    InCluster,
}

/// Why it cannot be told which API server to ask.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A kubeconfig that cannot be used.
    #[error("cannot use the kubeconfig {}", file.display())]
    Kubeconfig {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        source: Box<KubeconfigError>,
    },
    /// Nothing was given, and there is no service account.
    #[error(
        "no inventory: give --inventory DIR, or --kubeconfig FILE, or run in a pod with a service account"
    )]
    Nothing(#[source] InClusterError),
    /// The service account cannot be used.
    #[error("cannot use the service account of this pod")]
    ServiceAccount(#[source] InClusterError),
}

impl Credentials {
    /// The configuration of a client.
    ///
    /// # Errors
    /// A file or service account that is missing or cannot be used. The API server is not asked.
    pub(super) async fn load(&self) -> Result<Config, CredentialsError> {
        let mut config = self.read().await?;
        config.read_timeout = Some(SILENCE);
        // Watches try again by themselves, and tell why.
        config.default_retry = false;
        Ok(config)
    }

    async fn read(&self) -> Result<Config, CredentialsError> {
        match self {
            Self::Kubeconfig { file, context } => {
                let loaded = load_kubeconfig(file, context.clone()).await;
                loaded.map_err(|source| CredentialsError::Kubeconfig {
                    file: file.clone(),
                    source: Box::new(source),
                })
            }
            Self::InCluster => Config::incluster().map_err(|error| match error {
                InClusterError::ReadEnvironmentVariable(_) => CredentialsError::Nothing(error),
                error => CredentialsError::ServiceAccount(error),
            }),
        }
    }
}

async fn load_kubeconfig(file: &Path, context: Option<String>) -> Result<Config, KubeconfigError> {
    let kubeconfig = Kubeconfig::read_from(file)?;
    let options = KubeConfigOptions {
        context,
        ..KubeConfigOptions::default()
    };
    Config::from_custom_kubeconfig(kubeconfig, &options).await
}
