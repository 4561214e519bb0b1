//! From an address as users write it, or from a stream that is there already, to a connected client.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use netpol_transport::client::{self, Options, Token};
//! use netpol_transport::tls::{ClientTls, ClientTlsFiles};
//!
//! let tls = ClientTls::load(&ClientTlsFiles {
//!     authority: Some(std::path::PathBuf::from("/etc/netpol/ca.crt").into()),
//!     server_name: Some("netpol-relay.netpol.svc".to_owned()),
//!     ..ClientTlsFiles::default()
//! })?;
//! let options = Options {
//!     tls: Some(tls),
//!     token: Some(Token::File("/var/run/secrets/netpol/token".into())),
//! };
//! let mut client = client::connect(&"https://10.0.0.7:4245".parse()?, &options).await?;
//! # client.get_status(netpol_api::v1::GetStatusRequest {}).await?;
//! # Ok(())
//! # }
//! ```

mod address;
mod error;
mod preface;
mod token;

use std::io;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use netpol_api::v1::observer_client::ObserverClient;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

pub use address::{DEFAULT_SERVER, Server, ServerAddressError};
pub use error::ConnectError;
pub use token::{Credentials, Token};

use crate::tls::{ClientTls, ClientTlsFiles};
use preface::Answer;

/// How long a connection may take to come up, from the first packet to the server's first answer in HTTP/2.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent server is asked whether it is there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long it may take to answer that.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// Bytes of one stream that may be on their way without being read.
const STREAM_WINDOW: u32 = 64 << 10;
/// The same for all streams of a connection, which are 64 at most: one that is not read holds no other.
const CONNECTION_WINDOW: u32 = 64 * STREAM_WINDOW;

/// A connected client. It is one connection: once that is over, every request fails, and a new client is to be connected.
///
/// The server asks now and then whether this side is there, and cuts it off when it is silent for some 40 s. Whoever
/// blocks the thread that drives the connection (writing to a pipe that nobody reads, say) is silent.
pub type Client = ObserverClient<AuthorizedChannel>;

/// What a [`Client`] is made of; for the other services of a server, such as health.
pub type AuthorizedChannel = InterceptedService<Channel, Credentials>;

/// How to connect.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// For `https://`; `None`: the authorities of the system, no certificate of our own.
    pub tls: Option<ClientTls>,
    /// Shown with each request. Travels over TLS and Unix sockets only.
    pub token: Option<Token>,
}

/// Connects a client. The server has answered in HTTP/2, and accepted our certificate, when this returns.
///
/// # Errors
/// When no connection comes up within 10 s, with the cause told apart as far as the system and the server tell it; when a
/// token would travel in plain text.
pub async fn connect(server: &Server, options: &Options) -> Result<Client, ConnectError> {
    channel(server, options).await.map(ObserverClient::new)
}

/// Connects, for any service.
///
/// # Errors
/// As [`connect`].
pub async fn channel(
    server: &Server,
    options: &Options,
) -> Result<AuthorizedChannel, ConnectError> {
    let name = server.to_string();
    let failed = |error: io::Error| ConnectError::of_io(&name, None, &error);
    let opening = async {
        match server {
            Server::Unix(path) => {
                let stream = UnixStream::connect(path).await.map_err(failed)?;
                plain(stream, &name, options).await
            }
            Server::Http(uri) => {
                refuse_token(&name, options)?;
                let stream = dial(uri).await.map_err(failed)?;
                plain(stream, &name, options).await
            }
            Server::Https(uri) => {
                let tls = match &options.tls {
                    Some(tls) => tls.clone(),
                    None => ClientTls::load(&ClientTlsFiles::default())?,
                };
                let stream = dial(uri).await.map_err(failed)?;
                let host = uri.host().unwrap_or_default();
                encrypted(stream, &name, host, &tls, options).await
            }
        }
    };
    in_time(&name, opening).await
}

/// Connects a client over a stream that is there already, such as a port-forward: with TLS if `options` has it, else in
/// plain text. `name` is what messages call the server, and without [`ClientTlsFiles::server_name`] the name that its
/// certificate must be for.
///
/// # Errors
/// As [`connect`]. A stream without TLS counts as plain text, whatever it travels in.
pub async fn connect_over<S>(
    stream: S,
    name: &str,
    options: &Options,
) -> Result<Client, ConnectError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let opening = async {
        match &options.tls {
            Some(tls) => encrypted(stream, name, name, tls, options).await,
            None => {
                refuse_token(name, options)?;
                plain(stream, name, options).await
            }
        }
    };
    in_time(name, opening).await.map(ObserverClient::new)
}

fn refuse_token(server: &str, options: &Options) -> Result<(), ConnectError> {
    match options.token {
        Some(_) => Err(ConnectError::TokenInPlainText {
            server: server.to_owned(),
        }),
        None => Ok(()),
    }
}

async fn in_time(
    server: &str,
    opening: impl Future<Output = Result<AuthorizedChannel, ConnectError>>,
) -> Result<AuthorizedChannel, ConnectError> {
    timeout(CONNECT_TIMEOUT, opening).await.unwrap_or_else(|_| {
        Err(ConnectError::TimedOut {
            server: server.to_owned(),
            after: CONNECT_TIMEOUT,
        })
    })
}

async fn dial(uri: &Uri) -> io::Result<TcpStream> {
    // Brackets are the URI's, not the address's.
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or_default())).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn plain<S>(
    stream: S,
    server: &str,
    options: &Options,
) -> Result<AuthorizedChannel, ConnectError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    open(stream, server, None, options).await
}

async fn encrypted<S>(
    stream: S,
    server: &str,
    host: &str,
    tls: &ClientTls,
    options: &Options,
) -> Result<AuthorizedChannel, ConnectError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let name = tls.server_name().unwrap_or(host);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| ConnectError::BadServerName {
        name: name.to_owned(),
    })?;
    let trusted = tls.authority();
    let stream = TlsConnector::from(tls.config())
        .connect(name, stream)
        .await
        .map_err(|error| ConnectError::of_io(server, Some(&trusted), &error))?;
    open(stream, server, Some(&trusted), options).await
}

/// From a stream on which HTTP/2 is to be spoken to a client. `trusted` says where authorities come from, under TLS.
async fn open<S>(
    stream: S,
    server: &str,
    trusted: Option<&str>,
    options: &Options,
) -> Result<AuthorizedChannel, ConnectError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (answer, stream) = preface::exchange(stream)
        .await
        .map_err(|error| ConnectError::of_io(server, trusted, &error))?;
    let server = server.to_owned();
    match answer {
        Answer::Http2 => {}
        Answer::Tls => return Err(ConnectError::SpeaksTls { server }),
        Answer::Other => return Err(ConnectError::NoHttp2 { server }),
    }
    let mut stream = Some(stream);
    // The connector ignores the URI; HTTP/2 wants one all the same.
    let channel = Endpoint::from_static("http://netpol")
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_with_connector(service_fn(move |_: Uri| {
            let stream = stream.take().map(TokioIo::new);
            async move {
                stream.ok_or_else(|| {
                    io::Error::new(io::ErrorKind::NotConnected, "the connection is over")
                })
            }
        }))
        .await
        .map_err(|error| ConnectError::Other {
            server,
            reason: innermost(&error).to_string(),
        })?;
    let credentials = Credentials::new(options.token.clone());
    Ok(InterceptedService::new(channel, credentials))
}

fn innermost<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> &'a (dyn std::error::Error + 'static) {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_missing_socket_is_nobody_listening() {
        let server = "unix:///nonexistent/netpol.sock".parse().unwrap();
        let error = connect(&server, &Options::default()).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::NobodyListens { .. }),
            "{error}"
        );
    }
}
