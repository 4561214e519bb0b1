//! The inventory from an API server.
//!
//! ```text
//! credentials ─► client ─┬─► watch Pods ────────┐ events
//!                        ├─► watch Namespaces ──┼─► queue ─► writer ─────────► publisher
//!                        ├─► ...                │            takes together
//!            groups ─────┴─► watch ClusterNP ───┘            what is `known` of each resource,
//!             which CRDs       │ signs of life, trouble      and how that differs
//!             there are        └─► health ─► `flows status`, metrics
//! ```
//!
//! Objects are converted as they are read, and only the inventory keeps them. One resource that cannot be followed costs
//! that resource alone; an API server that is away costs nothing but news.

mod common;
mod credentials;
mod delivered;
mod groups;
mod health;
mod known;
mod listing;
mod requests;
mod resource;
mod stream;
mod trouble;
mod watch;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use kube::{Client, Config};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch as latest};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use credentials::{Credentials, CredentialsError};
pub use health::{Watch, WatchStage, Watches};
pub use resource::{Purpose, Resource};

pub(crate) use trouble::in_words;

use super::publisher::Publisher;
use groups::Groups;
use watch::{Outlet, follow};
use writer::Writer;

/// How long a credential plugin of a kubeconfig may take.
const LONGEST_SET_UP: Duration = Duration::from_secs(15);

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
    /// The kubeconfig names a program that gives credentials, and it does not end.
    #[error(
        "the credential plugin of the kubeconfig for {address} did not end within {} s: does it wait for somebody to log in?",
        LONGEST_SET_UP.as_secs()
    )]
    Plugin {
        /// URL of the API server.
        address: String,
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
        let client = client(config, &address).await?;
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

    /// Asks it for other things, with the same credentials.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
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
        let (known_groups, groups) = latest::channel(Groups::Unasked);
        // Ends with this function.
        let mut tasks = JoinSet::new();
        tasks.spawn(groups::follow(self.client.clone(), known_groups));
        for resource in Resource::ALL {
            let (client, outlet) = (self.client.clone(), outlet.clone());
            tasks.spawn(follow(client, resource, groups.clone(), outlet));
        }
        drop(outlet);
        self.writer.run(queue, stop).await;
    }
}

/// Makes a client. This runs a credential plugin to its end, on a thread that nobody waits for if that never comes.
async fn client(config: Config, address: &str) -> Result<Client, ApiServerError> {
    let (sender, made) = oneshot::channel();
    let runtime = Handle::current();
    std::thread::spawn(move || {
        let _entered = runtime.enter();
        // Where nobody waits any more, it is not needed.
        let _ = sender.send(Client::try_from(config));
    });
    let failed = |source| ApiServerError::Client {
        address: address.to_owned(),
        source: Box::new(source),
    };
    match timeout(LONGEST_SET_UP, made).await {
        Ok(Ok(made)) => made.map_err(failed),
        // The thread ended without an answer only if it panicked, which has been printed.
        Ok(Err(_)) | Err(_) => Err(ApiServerError::Plugin {
            address: address.to_owned(),
        }),
    }
}
