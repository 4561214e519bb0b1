//! Which agents there are.
//!
//! ```text
//! --agents kubernetes         pods of the DaemonSet, and nodes ─┐
//! --agents dns://HOST:PORT    all addresses of a name ──────────┼─► Discovered ──► connections
//! --agents HOST:PORT,...      said once ────────────────────────┘   whole, after each change
//! ```

mod dns;
mod expected;
pub mod kubernetes;
mod origin;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use expected::{Discovered, Expected, Whereabouts};
pub use origin::{AgentAddress, Origin, OriginError};

use kubernetes::Pods;

/// What finds agents.
pub enum Discovery {
    /// They are known.
    List(Vec<AgentAddress>),
    /// A name that is resolved again and again.
    Dns {
        /// What is resolved.
        host: String,
        /// Where agents listen.
        port: u16,
    },
    /// Pods of an API server.
    Kubernetes(Box<Pods>),
}

impl Discovery {
    /// Tells of agents until told to stop.
    pub async fn follow(self, found: watch::Sender<Discovered>, stop: CancellationToken) {
        let following = async {
            match self {
                Self::List(addresses) => {
                    found.send_replace(Discovered::of_addresses(addresses));
                }
                Self::Dns { host, port } => dns::follow(&host, port, &found).await,
                Self::Kubernetes(pods) => pods.follow(&found).await,
            }
        };
        tokio::select! {
            () = following => {}
            () = stop.cancelled() => {}
        }
    }
}
