//! Who may read what.
//!
//! ```text
//! Request ── Peer, token ──► Access ──► Reader ── flow, item, status ──► what of it may be shown
//!                              │          │
//!                          Authorizer ◄───┘ again and again while a stream runs
//!                              │  answers kept for a time, each asked for once
//!                              ▼
//!             TokenReview, SubjectAccessReview at the API server
//! ```
//!
//! - [`Access`]: what the flags say, and the [`Reader`] that a request makes of it.
//! - [`Reader`]: one caller. A server gives it every item before anything is filtered: a filter on what is withheld
//!   would tell it.
//! - [`withhold`]: what of a flow is left out, as a function of the readable namespaces.

mod answers;
mod authorizer;
#[cfg(test)]
mod marked;
mod options;
mod question;
mod reader;
mod refused;
mod status;
mod token;
mod withheld;

use std::sync::Arc;

use kube::Client;
use tonic::{Request, Status};

pub use options::ReviewOptions;
pub use reader::Reader;
pub use withheld::withhold;

use crate::listen::Peer;
use crate::serving::{Authorization, ServingOptions};
use authorizer::Authorizer;
use token::Token;

/// Rights are asked of an API server, and there is none to ask.
#[derive(Debug, thiserror::Error)]
#[error(
    "--authorization kubernetes needs an API server to ask: give --kubeconfig FILE, or run in a pod with a service \
     account; --inventory DIR does without one"
)]
pub struct NoApiServer;

/// Who may read what at one server.
#[derive(Clone)]
pub struct Access {
    how: Authorization,
    /// For [`Authorization::Kubernetes`].
    authorizer: Option<Arc<Authorizer>>,
}

impl Access {
    /// What the flags say. `client` is for questions to the API server, as whom the server runs.
    ///
    /// # Errors
    /// Rights are to be asked of an API server, and there is no client.
    pub fn new(options: &ServingOptions, client: Option<Client>) -> Result<Self, NoApiServer> {
        let how = options.authorization;
        let asks = how == Authorization::Kubernetes && options.listen.is_some();
        let authorizer = match (asks, client) {
            (false, _) => None,
            (true, Some(client)) => Some(Arc::new(Authorizer::new(client, &options.reviews))),
            (true, None) => return Err(NoApiServer),
        };
        Ok(Self { how, authorizer })
    }

    /// For what is shown to those alone who may read everything by their connection: reflection, health.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, for whom the connection gives no such access.
    pub fn require_full(&self, peer: Option<&Peer>) -> Result<(), Status> {
        self.how.require_full(peer)
    }

    /// Who asks.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` where neither connection nor token gives access, `UNAVAILABLE` where a token cannot be examined.
    pub async fn reader<T>(&self, request: &Request<T>) -> Result<Reader, Status> {
        let peer = Peer::of(request.extensions());
        let authorizer = match &self.authorizer {
            Some(authorizer) if !self.how.admits(peer) => authorizer.clone(),
            _ => {
                self.how.require_full(peer)?;
                return Ok(Reader::full());
            }
        };
        let token = Token::shown(request.metadata())?;
        Ok(Reader::with_token(authorizer, token).await?)
    }
}
