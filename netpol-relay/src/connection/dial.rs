//! From an agent's address to a client.

use std::time::Duration;

use hyper_util::rt::TokioIo;
use netpol_api::v1::observer_client::ObserverClient;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use super::trouble::of_transport;
use crate::discovery::AgentAddress;

/// A client of an agent.
pub type Client = ObserverClient<Channel>;

/// How long a connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which nothing is heard for so long is asked for a sign of life, and has as long again to give one.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// What one stream may have on its way without being read.
const STREAM_WINDOW: u32 = 128 << 10;
/// What all streams of an agent may have on their way: a stream that is not read must not hold the others.
const CONNECTION_WINDOW: u32 = 256 * STREAM_WINDOW;

/// Makes connections to agents.
#[derive(Clone, Debug, Default)]
pub struct Dialer {}

impl Dialer {
    /// Connects.
    ///
    /// # Errors
    /// Why not, in plain words.
    pub(super) async fn connect(&self, address: &AgentAddress) -> Result<Client, String> {
        let channel = match address {
            AgentAddress::Unix(path) => {
                let path = path.clone();
                // The connector ignores the URI; HTTP/2 wants one all the same.
                endpoint("http://localhost")?
                    .connect_with_connector(service_fn(move |_: Uri| {
                        let path = path.clone();
                        async move { UnixStream::connect(path).await.map(TokioIo::new) }
                    }))
                    .await
            }
            AgentAddress::Tcp(address) => endpoint(&format!("http://{address}"))?.connect().await,
        };
        channel
            .map(ObserverClient::new)
            .map_err(|error| of_transport(&error))
    }
}

fn endpoint(uri: &str) -> Result<Endpoint, String> {
    let endpoint = Endpoint::from_shared(uri.to_owned()).map_err(|error| error.to_string())?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW))
}

/// A client whose connection nobody makes.
#[cfg(test)]
pub(crate) fn unconnected_client() -> Client {
    ObserverClient::new(Endpoint::from_static("http://localhost:1").connect_lazy())
}
