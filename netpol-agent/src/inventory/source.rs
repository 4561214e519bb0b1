//! Where the inventory comes from: a directory of manifests, or an API server.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::kubernetes::{ApiServer, ApiServerError, Credentials, Watches};
use super::publisher::Publisher;
use super::snapshot::Snapshot;
use super::watcher::{WatchError, Watcher};
use crate::metrics::Metrics;

/// What the inventory is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A directory of manifests.
    Directory(PathBuf),
    /// An API server.
    ApiServer(Credentials),
}

/// Why there can be no inventory.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A directory that cannot be read.
    #[error(transparent)]
    Directory(#[from] WatchError),
    /// An API server that cannot be followed.
    #[error(transparent)]
    ApiServer(#[from] ApiServerError),
}

/// The one writer of the inventory.
pub struct Source {
    name: String,
    watches: Arc<Watches>,
    follower: Follower,
}

enum Follower {
    Directory(Watcher),
    ApiServer(ApiServer),
}

impl Source {
    /// Reads a directory once, or makes ready to ask an API server, which may take its time to answer.
    ///
    /// # Errors
    /// A directory that cannot be read, and credentials that are missing or cannot be used.
    pub async fn start(
        origin: Origin,
        snapshot: Arc<ArcSwap<Snapshot>>,
        metrics: Metrics,
    ) -> Result<Self, SourceError> {
        let publisher = Publisher::new(snapshot, metrics.clone());
        Ok(match origin {
            Origin::Directory(directory) => Self {
                name: directory.display().to_string(),
                watches: Arc::default(),
                follower: Follower::Directory(Watcher::start(directory, publisher)?),
            },
            Origin::ApiServer(credentials) => {
                let server = ApiServer::new(&credentials, publisher).await?;
                metrics.watches(server.watches());
                Self {
                    name: server.address().to_owned(),
                    watches: server.watches(),
                    follower: Follower::ApiServer(server),
                }
            }
        })
    }

    /// Its path or URL.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks the API server for other things; `None` for a directory.
    #[must_use]
    pub fn client(&self) -> Option<Client> {
        match &self.follower {
            Follower::Directory(_) => None,
            Follower::ApiServer(server) => Some(server.client()),
        }
    }

    /// How well each resource of an API server is followed; empty for a directory.
    #[must_use]
    pub fn watches(&self) -> Arc<Watches> {
        self.watches.clone()
    }

    /// Follows changes until told to stop.
    pub async fn follow(self, stop: CancellationToken) {
        match self.follower {
            Follower::Directory(watcher) => watcher.follow(stop).await,
            Follower::ApiServer(server) => server.follow(stop).await,
        }
    }
}
