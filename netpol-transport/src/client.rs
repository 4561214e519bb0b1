//! From an address as users write it to a connected client.

use std::{error::Error, fmt, io, path::PathBuf, str::FromStr, time::Duration};

use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use netpol_api::v1::observer_client::ObserverClient;

/// Where an agent listens unless told otherwise.
pub const DEFAULT_SERVER: &str = "unix:///run/netpol/agent.sock";

/// How long a TCP connection may take to come up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// `unix:///path`.
    Unix(PathBuf),
    /// `http://host:port`.
    Http(Uri),
}

/// Not an address of a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither unix:///path nor http://host:port")]
pub struct ServerAddressError(String);

/// No connection came up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The socket file does not exist, or nobody accepts on it.
    #[error("nobody listens at {server}")]
    NobodyListens {
        /// The address tried.
        server: Server,
    },
    /// The socket file is not ours to open.
    #[error("permission denied at {server}")]
    PermissionDenied {
        /// The address tried.
        server: Server,
    },
    /// Anything else: a name that does not resolve, a timeout, no HTTP/2.
    #[error("cannot connect to {server}: {reason}")]
    Other {
        /// The address tried.
        server: Server,
        /// The innermost cause.
        reason: String,
    },
}

impl FromStr for Server {
    type Err = ServerAddressError;

    fn from_str(text: &str) -> Result<Self, ServerAddressError> {
        let error = || ServerAddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(error())
            };
        }
        let uri: Uri = text.parse().map_err(|_| error())?;
        if uri.scheme_str() == Some("http") && uri.port_u16().is_some() {
            Ok(Self::Http(uri))
        } else {
            Err(error())
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Http(uri) => {
                write!(
                    f,
                    "http://{}",
                    uri.authority().map_or("", |authority| authority.as_str())
                )
            }
        }
    }
}

/// Connects a client. The connection is up when this returns.
///
/// # Errors
/// When no connection comes up, with the cause told apart as far as the system tells it.
pub async fn connect(server: &Server) -> Result<ObserverClient<Channel>, ConnectError> {
    let channel = match server {
        Server::Unix(path) => {
            let path = path.clone();
            // The connector ignores the URI; HTTP/2 wants one all the same.
            Endpoint::from_static("http://localhost")
                .connect_with_connector(service_fn(move |_: Uri| {
                    let path = path.clone();
                    async move { UnixStream::connect(path).await.map(TokioIo::new) }
                }))
                .await
        }
        Server::Http(uri) => {
            Endpoint::from(uri.clone())
                .connect_timeout(CONNECT_TIMEOUT)
                .connect()
                .await
        }
    };
    channel
        .map(ObserverClient::new)
        .map_err(|error| connect_error(server.clone(), &error))
}

fn connect_error(server: Server, error: &tonic::transport::Error) -> ConnectError {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            ConnectError::NobodyListens { server }
        }
        Some(io::ErrorKind::PermissionDenied) => ConnectError::PermissionDenied { server },
        _ => ConnectError::Other {
            server,
            reason: innermost.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_back() {
        for address in [DEFAULT_SERVER, "http://10.0.0.1:4245", "http://[::1]:4245"] {
            assert_eq!(address.parse::<Server>().unwrap().to_string(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in [
            "",
            "/run/x.sock",
            "unix://x.sock",
            "http://host",
            "https://host:1",
            "host:1",
        ] {
            assert!(address.parse::<Server>().is_err(), "{address:?}");
        }
    }

    #[tokio::test]
    async fn a_missing_socket_is_nobody_listening() {
        let server = "unix:///nonexistent/netpol.sock".parse().unwrap();
        let error = connect(&server).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::NobodyListens { .. }),
            "{error}"
        );
    }
}
