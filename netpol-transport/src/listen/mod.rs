//! Where servers listen: Unix sockets, TCP with TLS, and TCP in plain text where that is asked for by name.
//!
//! ```text
//! unix         the socket file: its directory, its mode, what an earlier run left behind
//! door         one of the three ──► Incoming, a stream of connections for tonic
//! handshakes   TLS handshakes under way
//! connection   an accepted connection
//! peer         what it tells of the other end; an extension of every request
//! ```

mod connection;
mod door;
mod handshakes;
mod peer;
mod unix;

use std::time::Duration;

use tonic::transport::Server;

pub use connection::Connection;
pub use door::{Door, Incoming};
pub use peer::{ClientCertificate, Peer};
pub use unix::{SocketError, SocketFile, bind_unix};

/// How often a silent client is asked whether it is there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long it may take to answer that.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Requests at once on one connection.
const STREAMS: u32 = 64;

/// A gRPC server, to be given services and an [`Incoming`]: clients that are gone are noticed within 40 s.
#[must_use]
pub fn server() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .max_concurrent_streams(STREAMS)
}
