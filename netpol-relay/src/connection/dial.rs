//! From an agent's address to a client.

use netpol_transport::client::{self, Options, Server, ServerAddressError};
use netpol_transport::tls::ClientTls;

use crate::discovery::AgentAddress;

pub use netpol_transport::client::Client;

/// Makes connections to agents.
#[derive(Clone, Debug, Default)]
pub struct Dialer {
    tls: Option<ClientTls>,
}

impl Dialer {
    /// Connects to TCP addresses in TLS, with the certificate that agents want to see.
    #[must_use]
    pub fn tls(tls: ClientTls) -> Self {
        Self { tls: Some(tls) }
    }

    /// Connects to TCP addresses in plain text.
    #[must_use]
    pub fn plain_text() -> Self {
        Self::default()
    }

    /// Connects.
    ///
    /// # Errors
    /// Why not, in plain words.
    pub(super) async fn connect(&self, address: &AgentAddress) -> Result<Client, String> {
        let server = match address {
            AgentAddress::Unix(path) => Server::Unix(path.clone()),
            AgentAddress::Tcp(address) => {
                let scheme = if self.tls.is_some() { "https" } else { "http" };
                let server = format!("{scheme}://{address}").parse();
                server.map_err(|error: ServerAddressError| error.to_string())?
            }
        };
        let options = Options {
            tls: self.tls.clone(),
            token: None,
        };
        let connected = client::connect(&server, &options).await;
        connected.map_err(|error| error.to_string())
    }
}
