//! TLS handshakes that are under way: bounded in time and in number, none in the way of another.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tracing::debug;

use super::connection::Connection;
use super::peer::{ClientCertificate, Peer};

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes under way at once. When there are more, the oldest is given up: an honest one is over within a few round
/// trips, so those that only hold a place go first, and nobody can shut others out by holding all places.
pub(super) const MOST: usize = 256;

/// Handshakes under way.
#[derive(Default)]
pub(super) struct Handshakes {
    tasks: JoinSet<Option<Connection>>,
    /// Oldest first.
    order: VecDeque<AbortHandle>,
}

impl Handshakes {
    pub(super) fn begin(
        &mut self,
        stream: TcpStream,
        address: SocketAddr,
        config: Arc<ServerConfig>,
        place: OwnedSemaphorePermit,
    ) {
        self.order.retain(|task| !task.is_finished());
        if self.order.len() >= MOST
            && let Some(oldest) = self.order.pop_front()
        {
            oldest.abort();
        }
        let task = self.tasks.spawn(handshake(stream, address, config, place));
        self.order.push_back(task);
    }

    /// The next connection that is ready. Waits forever while there is none.
    pub(super) async fn next(&mut self) -> Connection {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Some(connection))) => return connection,
                // Failed, or given up.
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }
}

async fn handshake(
    stream: TcpStream,
    address: SocketAddr,
    config: Arc<ServerConfig>,
    place: OwnedSemaphorePermit,
) -> Option<Connection> {
    let accepted = timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(config).accept(stream)).await;
    let accepted = accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    match accepted {
        Ok(stream) => {
            let (_, session) = stream.get_ref();
            let certificate = session
                .peer_certificates()
                .and_then(|chain| chain.first())
                .map(ClientCertificate::of);
            let peer = Peer::Tls {
                address,
                certificate,
            };
            Some(Connection::tls(stream, peer, place))
        }
        Err(error) => {
            // Not worth more: anybody who reaches the port can cause it.
            debug!(%address, %error, "TLS handshake failed");
            None
        }
    }
}
