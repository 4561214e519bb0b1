//! The inventory from an API server.
//!
//! ```text
//! credentials ─► client ─┬─► watch Pods ────────┐ events
//!                        ├─► watch Namespaces ──┼─► queue ─► writer ─────────► publisher
//!                        ├─► ...                │            takes together
//!                        └─► watch ClusterNP ───┘            what is `known` of each resource,
//!                              │ signs of life, trouble      and how that differs
//!                              └─► health ─► `flows status`
//! ```
//!
//! Objects are converted as they are read, and only the inventory keeps them. One resource that cannot be followed costs
//! that resource alone; an API server that is away costs nothing but news.

mod credentials;
mod delivered;
mod health;
mod known;
mod listing;
mod resource;
mod trouble;
mod watch;
mod writer;

use std::sync::Arc;

use k8s_openapi::api::{
    core::v1 as core, discovery::v1 as discovery, networking::v1 as networking,
};
use kube::Client;
use netpol_policy::k8s;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use credentials::{Credentials, CredentialsError};
pub use health::{Watch, WatchStage, Watches};
pub use resource::Resource;

use super::publisher::Publisher;
use watch::{Outlet, follow};
use writer::Writer;

/// Events that wait to be taken in. When there is no room, the API server waits.
const QUEUE: usize = 1024;

/// Why an API server cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum ApiServerError {
    /// It cannot be told which.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// What the credentials say cannot be made use of.
    #[error("cannot set up the connection to the API server {address}")]
    Client {
        /// Its URL.
        address: String,
        /// Why.
        source: Box<kube::Error>,
    },
}

/// Keeps the snapshot up to date with an API server.
pub(super) struct ApiServer {
    client: Client,
    address: String,
    watches: Arc<Watches>,
    writer: Writer,
}

impl ApiServer {
    /// Arranges for an API server to be followed; it is asked for nothing yet.
    ///
    /// # Errors
    /// Credentials that are missing or cannot be used.
    pub(super) async fn new(
        credentials: &Credentials,
        publisher: Publisher,
    ) -> Result<Self, ApiServerError> {
        let config = credentials.load().await?;
        let address = config.cluster_url.to_string();
        let client = Client::try_from(config).map_err(|source| ApiServerError::Client {
            address: address.clone(),
            source: Box::new(source),
        })?;
        let watches = Arc::new(Watches::of(Resource::ALL));
        Ok(Self {
            client,
            address,
            writer: Writer::new(watches.clone(), publisher),
            watches,
        })
    }

    /// Its URL.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// How well each resource is followed.
    pub(super) fn watches(&self) -> Arc<Watches> {
        self.watches.clone()
    }

    /// Follows everything until told to stop.
    pub(super) async fn follow(self, stop: CancellationToken) {
        let (events, queue) = mpsc::channel(QUEUE);
        let outlet = Outlet {
            events,
            watches: self.watches,
        };
        // Ends with this function.
        let mut tasks = JoinSet::new();
        macro_rules! follow_all {
            ($($kind:ty),+ $(,)?) => {
                $(tasks.spawn(follow::<$kind>(self.client.clone(), outlet.clone()));)+
            };
        }
        follow_all!(
            core::Namespace,
            core::Node,
            core::Pod,
            core::Service,
            discovery::EndpointSlice,
            networking::NetworkPolicy,
            k8s::AdminNetworkPolicy,
            k8s::BaselineAdminNetworkPolicy,
            k8s::ClusterNetworkPolicy,
        );
        drop(outlet);
        self.writer.run(queue, stop).await;
    }
}
