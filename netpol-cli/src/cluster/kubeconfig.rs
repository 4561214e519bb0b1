//! Which kubeconfig is read, and which of its contexts is meant: as kubectl does it.

use std::{
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};

use super::proxy::is_bypassed;

/// How long a TCP connection to the API server may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A context, ready to be used.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) name: String,
    /// The one that commands mean that name none.
    pub(crate) namespace: String,
    pub(crate) config: Config,
}

impl Context {
    /// Where its API server is, for messages.
    pub(super) fn address(&self) -> String {
        let url = &self.config.cluster_url;
        match &self.config.proxy_url {
            // Not the password that may stand before its host.
            Some(proxy) => {
                let port = proxy
                    .port()
                    .map_or_else(String::new, |port| format!(":{port}"));
                let host = proxy.host().unwrap_or_default();
                format!("{url} by the proxy {host}{port}")
            }
            None => url.to_string(),
        }
    }
}

/// No context can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContextError {
    #[error("there is no kubeconfig at {0}")]
    NoFile(String),
    #[error("cannot read the kubeconfig {file}: {reason}")]
    Unreadable { file: String, reason: String },
    #[error("the kubeconfig {file} has no current context; --context takes {contexts}")]
    NoCurrent { file: String, contexts: String },
    #[error("the kubeconfig {file} has no context {context:?}; --context takes {contexts}")]
    Unknown {
        file: String,
        context: String,
        contexts: String,
    },
    #[error("the kubeconfig {file} cannot be used for context {context:?}: {reason}")]
    Unusable {
        file: String,
        context: String,
        reason: String,
    },
}

/// The files that make up the kubeconfig, those that exist: of `--kubeconfig`, else of `KUBECONFIG`, else of the home
/// directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Files {
    /// As it is named in messages.
    name: String,
    existing: Vec<PathBuf>,
}

impl Files {
    pub(crate) fn find(flag: Option<&Path>) -> Self {
        let variable = env::var_os("KUBECONFIG").filter(|list| !list.is_empty());
        let listed: Vec<PathBuf> = match (flag, variable) {
            (Some(file), _) => vec![file.to_owned()],
            (None, Some(list)) => env::split_paths(&list)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            (None, None) => env::home_dir()
                .map(|home| home.join(".kube/config"))
                .into_iter()
                .collect(),
        };
        let shown: Vec<String> = listed
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Self {
            name: shown.join(", "),
            existing: listed.into_iter().filter(|path| path.exists()).collect(),
        }
    }

    /// Whether there is a kubeconfig at all.
    pub(crate) fn exist(&self) -> bool {
        !self.existing.is_empty()
    }

    /// Where they are, or would be.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The names of all contexts.
    pub(crate) fn contexts(&self) -> Result<Vec<String>, ContextError> {
        let contexts = self.read()?.contexts.into_iter();
        Ok(contexts.map(|context| context.name).collect())
    }

    /// Reads them, of which the context of this name, or the current one.
    pub(crate) async fn context(&self, wanted: Option<&str>) -> Result<Context, ContextError> {
        let kubeconfig = self.read()?;
        let name = wanted.or(kubeconfig.current_context.as_deref());
        let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
        let contexts = || listed(&kubeconfig);
        let Some(name) = name else {
            return Err(ContextError::NoCurrent {
                file: self.name.clone(),
                contexts: contexts(),
            });
        };
        if !kubeconfig.contexts.iter().any(|known| known.name == name) {
            return Err(ContextError::Unknown {
                file: self.name.clone(),
                contexts: contexts(),
                context: name,
            });
        }
        let has_proxy = names_proxy(&kubeconfig, &name);
        let options = KubeConfigOptions {
            context: Some(name.clone()),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        let mut config = config.map_err(|error| ContextError::Unusable {
            file: self.name.clone(),
            context: name.clone(),
            reason: in_words(&error),
        })?;
        let host = config.cluster_url.host().unwrap_or_default();
        if !has_proxy && is_bypassed(host, &no_proxy()) {
            config.proxy_url = None;
        }
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // Who waits at a terminal is told at once.
        config.default_retry = false;
        let namespace = match config.default_namespace.as_str() {
            "" => "default".to_owned(),
            namespace => namespace.to_owned(),
        };
        Ok(Context {
            name,
            namespace,
            config,
        })
    }

    fn read(&self) -> Result<Kubeconfig, ContextError> {
        if self.existing.is_empty() {
            return Err(ContextError::NoFile(self.name.clone()));
        }
        let mut merged = Kubeconfig::default();
        for path in &self.existing {
            let unreadable = |error: KubeconfigError| ContextError::Unreadable {
                file: path.display().to_string(),
                reason: in_words(&error),
            };
            let next = Kubeconfig::read_from(path).map_err(unreadable)?;
            merged = merged.merge(next).map_err(unreadable)?;
        }
        Ok(merged)
    }
}

/// Whether the cluster of a context has a proxy of its own.
fn names_proxy(kubeconfig: &Kubeconfig, context: &str) -> bool {
    let context = kubeconfig
        .contexts
        .iter()
        .find(|known| known.name == context);
    let cluster = context.and_then(|context| Some(&context.context.as_ref()?.cluster));
    let cluster = kubeconfig
        .clusters
        .iter()
        .find(|known| Some(&known.name) == cluster);
    let proxy = cluster.and_then(|known| known.cluster.as_ref()?.proxy_url.as_deref());
    proxy.is_some_and(|proxy| !proxy.is_empty())
}

fn no_proxy() -> String {
    let variable = env::var("NO_PROXY").or_else(|_| env::var("no_proxy"));
    variable.unwrap_or_default()
}

fn listed(kubeconfig: &Kubeconfig) -> String {
    let names: Vec<&str> = kubeconfig
        .contexts
        .iter()
        .map(|context| context.name.as_str())
        .collect();
    match names.as_slice() {
        [] => "none: it holds no context".to_owned(),
        [name] => (*name).to_owned(),
        names => format!("one of {}", names.join(", ")),
    }
}

/// Without the path, which stands before it, and on one row.
fn in_words(error: &KubeconfigError) -> String {
    let text = match error {
        KubeconfigError::ReadConfig(error, _) => error.to_string(),
        KubeconfigError::Parse(error) => error.to_string(),
        KubeconfigError::LoadClusterOfContext(cluster) => format!("it has no cluster {cluster:?}"),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn error(text: &str, context: Option<&str>) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, text).unwrap();
        let error = Files::find(Some(&path)).context(context).await.unwrap_err();
        error
            .to_string()
            .replace(&path.display().to_string(), "FILE")
    }

    const TWO: &str =
        "{contexts: [{name: a, context: {cluster: c}}, {name: b, context: {cluster: c}}]}";

    #[tokio::test]
    async fn what_is_missing_is_named_with_what_there_is() {
        assert_eq!(
            error(TWO, None).await,
            "the kubeconfig FILE has no current context; --context takes one of a, b"
        );
        assert_eq!(
            error(TWO, Some("x")).await,
            "the kubeconfig FILE has no context \"x\"; --context takes one of a, b"
        );
        assert_eq!(
            error(TWO, Some("a")).await,
            "the kubeconfig FILE cannot be used for context \"a\": it has no cluster \"c\""
        );
        assert_eq!(
            error("{}", None).await,
            "the kubeconfig FILE has no current context; --context takes none: it holds no context"
        );
    }

    #[tokio::test]
    async fn a_file_that_is_no_kubeconfig_is_named() {
        let error = error("clusters: 7", None).await;
        assert!(
            error.starts_with("cannot read the kubeconfig FILE: "),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_named() {
        let files = Files::find(Some(Path::new("/nonexistent/config")));
        assert!(!files.exist());
        let error = files.context(None).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no kubeconfig at /nonexistent/config"
        );
    }

    #[tokio::test]
    async fn the_namespace_of_a_context_that_has_none_is_default() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        let text = "{current-context: a, clusters: [{name: c, cluster: {server: 'http://x'}}], \
                    contexts: [{name: a, context: {cluster: c}}, {name: b, context: {cluster: c, namespace: shop}}]}";
        std::fs::write(&path, text).unwrap();
        let files = Files::find(Some(&path));
        assert_eq!(files.context(None).await.unwrap().namespace, "default");
        assert_eq!(files.context(Some("b")).await.unwrap().namespace, "shop");
    }
}
