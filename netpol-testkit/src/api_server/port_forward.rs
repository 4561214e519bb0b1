//! Port-forwarding: a WebSocket to the API server, and on its other side a port of this machine
//! that stands for one of a pod.
//!
//! A message begins with the number of its channel: for one port, 0 is its data and 1 what went
//! wrong. The first message of each channel names the port, two bytes, the lower one first.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use super::body::{Body, Writer};
use super::shared::{Shared, State};
use super::status::Status;
use super::store::Key;

/// What kubelets speak to clients that come by WebSocket.
const PROTOCOL: HeaderValue = HeaderValue::from_static("v4.channel.k8s.io");

const DATA: u8 = 0;
const ERROR: u8 = 1;

/// The port of a pod.
pub(crate) type PodPort = (Key, u16);

/// A request for one, understood.
#[derive(Debug)]
pub(crate) struct PortForward {
    pod: Key,
    port: u16,
    /// Where it leads; `None` for a port on which nothing listens.
    to: Option<SocketAddr>,
    /// Cuts so far: the next one is for this connection.
    cuts: u64,
    accept: String,
}

impl PortForward {
    /// # Errors
    /// A request that is no WebSocket's, or names no port, or several.
    pub(crate) fn new(
        pod: Key,
        request: &Request<Incoming>,
        state: &State,
    ) -> Result<Self, Status> {
        let headers = request.headers();
        let query = request.uri().query().unwrap_or_default();
        let port = form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "ports")
            .and_then(|(_, ports)| ports.parse().ok())
            .ok_or_else(|| Status::bad_request("you must specify one port"))?;
        let has = |name: HeaderName, word: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.is_some_and(|value| value.split(',').any(|part| part.trim() == word))
        };
        let key = headers.get(SEC_WEBSOCKET_KEY).map(HeaderValue::as_bytes);
        let key = key.filter(|_| has(UPGRADE, "websocket"));
        let key = key.ok_or_else(|| Status::bad_request("Upgrade request required"))?;
        if !has(SEC_WEBSOCKET_PROTOCOL, "v4.channel.k8s.io") {
            return Err(Status::bad_request("no protocol that this server speaks"));
        }
        let wanted = (pod, port);
        Ok(Self {
            to: state.port_forwards.get(&wanted).copied(),
            pod: wanted.0,
            port,
            cuts: state.faults.forward_cuts,
            accept: derive_accept_key(key),
        })
    }

    /// Takes the request's connection over, once its client has read the answer.
    pub(crate) fn answer(self, shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
        let (_, empty) = Writer::new(shared.clone());
        let mut response = Response::new(empty);
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
        if let Ok(accept) = HeaderValue::from_str(&self.accept) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        tokio::spawn(async move {
            let cuts = self.cuts;
            tokio::select! {
                // Either side may end it, as it likes.
                _ = self.run(request) => {}
                () = shared.until(|state| state.faults.forward_cuts != cuts) => {}
            }
        });
        response
    }

    async fn run(self, request: Request<Incoming>) -> io::Result<()> {
        let upgraded = hyper::upgrade::on(request)
            .await
            .map_err(io::Error::other)?;
        let upgraded = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(upgraded, Role::Server, None).await;
        for channel in [DATA, ERROR] {
            send(&mut socket, channel, &self.port.to_le_bytes()).await?;
        }
        let connected = match self.to {
            Some(address) => TcpStream::connect(address).await,
            None => Err(io::ErrorKind::ConnectionRefused.into()),
        };
        match connected {
            Ok(stream) => relay(&mut socket, stream).await?,
            Err(error) => {
                let (port, (namespace, pod)) = (self.port, &self.pod);
                let message = format!(
                    "error forwarding port {port} to pod {namespace}/{pod}: failed to connect to \
                     localhost:{port} inside namespace: {error}"
                );
                send(&mut socket, ERROR, message.as_bytes()).await?;
            }
        }
        socket.close(None).await.map_err(io::Error::other)?;
        // What the client still sends must not reset the connection before it has read the end.
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        Ok(())
    }
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

async fn send(socket: &mut Socket, channel: u8, bytes: &[u8]) -> io::Result<()> {
    let message = [&[channel], bytes].concat();
    let sent = socket.send(Message::binary(message)).await;
    sent.map_err(io::Error::other)
}

/// Until one side has ended.
async fn relay(socket: &mut Socket, stream: TcpStream) -> io::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let mut buffer = vec![0; 16 * 1024];
    loop {
        tokio::select! {
            read = reader.read(&mut buffer) => match read? {
                0 => return Ok(()),
                read => send(socket, DATA, &buffer[..read]).await?,
            },
            message = socket.next() => match message.transpose().map_err(io::Error::other)? {
                None | Some(Message::Close(_)) => return Ok(()),
                Some(Message::Binary(bytes)) if bytes.first() == Some(&DATA) => {
                    let bytes: Bytes = bytes.slice(1..);
                    writer.write_all(&bytes).await?;
                }
                Some(_) => {}
            },
        }
    }
}
