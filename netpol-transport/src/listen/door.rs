//! Accepts connections.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_stream::Stream;
use tracing::warn;

use super::connection::Connection;
use super::handshakes::Handshakes;
use super::peer::Peer;
use crate::tls::ServerTls;

/// Connections of one door at once, those included whose handshake is under way. What comes beyond is closed at once:
/// descriptors are the daemon's, not the callers'.
const CONNECTIONS: usize = 1024;
/// Connections that wait for tonic to take them.
const READY: usize = 16;
/// How often the certificates' files are looked at.
const RELOAD: Duration = Duration::from_secs(2);
/// Pause after an error that the next attempt would meet again, such as no free descriptor.
const BACKOFF: Duration = Duration::from_millis(200);
/// How often such an error is logged at most.
const COMPLAINT: Duration = Duration::from_secs(60);

/// Where a server listens.
#[derive(Debug)]
pub enum Door {
    /// Whom the socket's mode lets in.
    Unix(UnixListener),
    /// Whoever reaches the port, in plain text.
    PlainText(TcpListener),
    /// Whoever reaches the port, in TLS.
    Tls(TcpListener, Arc<ServerTls>),
}

/// Connections as they come; [`tonic::transport::server::Router::serve_with_incoming_shutdown`] takes it. Never ends by
/// itself. Dropped, it stops listening.
pub struct Incoming {
    ready: mpsc::Receiver<Connection>,
    task: JoinHandle<()>,
}

impl Door {
    /// The certificates of this door, where it has some.
    #[must_use]
    pub fn tls(&self) -> Option<Arc<ServerTls>> {
        match self {
            Self::Tls(_, tls) => Some(tls.clone()),
            Self::Unix(_) | Self::PlainText(_) => None,
        }
    }

    /// Starts to accept. No handshake, however slow or wrong, keeps another connection waiting, and no error ends it.
    #[must_use]
    pub fn incoming(self) -> Incoming {
        let (sender, ready) = mpsc::channel(READY);
        let places = Places::default();
        let task = match self {
            Self::Unix(listener) => tokio::spawn(unix(listener, places, sender)),
            Self::PlainText(listener) => tokio::spawn(plain(listener, places, sender)),
            Self::Tls(listener, tls) => tokio::spawn(encrypted(listener, tls, places, sender)),
        };
        Incoming { ready, task }
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (listener, words) = match self {
            Self::Unix(_) => return f.write_str("Unix socket"),
            Self::PlainText(listener) => (listener, " in plain text"),
            Self::Tls(listener, _) => (listener, " in TLS"),
        };
        match listener.local_addr() {
            Ok(address) => write!(f, "{address}{words}"),
            Err(error) => write!(f, "unknown address ({error}){words}"),
        }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.ready.poll_recv(context).map(|ready| ready.map(Ok))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn unix(listener: UnixListener, mut places: Places, ready: mpsc::Sender<Connection>) {
    loop {
        let accepted = listener.accept().await;
        let Some(((stream, _), place)) = places.admit(accepted).await else {
            continue;
        };
        if ready.send(Connection::unix(stream, place)).await.is_err() {
            return;
        }
    }
}

async fn plain(listener: TcpListener, mut places: Places, ready: mpsc::Sender<Connection>) {
    loop {
        let accepted = listener.accept().await;
        let Some(((stream, address), place)) = places.admit(accepted).await else {
            continue;
        };
        // Only makes it faster.
        let _ = stream.set_nodelay(true);
        let connection = Connection::tcp(stream, Peer::PlainText(address), place);
        if ready.send(connection).await.is_err() {
            return;
        }
    }
}

async fn encrypted(
    listener: TcpListener,
    tls: Arc<ServerTls>,
    mut places: Places,
    ready: mpsc::Sender<Connection>,
) {
    let mut handshakes = Handshakes::default();
    let mut reload = interval(RELOAD);
    reload.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Some(((stream, address), place)) = places.admit(accepted).await {
                    // Only makes it faster.
                    let _ = stream.set_nodelay(true);
                    handshakes.begin(stream, address, tls.config(), place);
                }
            }
            connection = handshakes.next() => {
                if ready.send(connection).await.is_err() {
                    return;
                }
            }
            _ = reload.tick() => tls.refresh(),
        }
    }
}

/// Counts connections, and complains now and then of what goes wrong in accepting them.
struct Places {
    free: Arc<Semaphore>,
    complained: Option<Instant>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            free: Arc::new(Semaphore::new(CONNECTIONS)),
            complained: None,
        }
    }
}

impl Places {
    /// What was accepted, with its place; `None` where there is no room for it, or nothing was accepted.
    async fn admit<T>(&mut self, accepted: io::Result<T>) -> Option<(T, OwnedSemaphorePermit)> {
        match accepted {
            Ok(accepted) => match self.free.clone().try_acquire_owned() {
                Ok(place) => Some((accepted, place)),
                Err(_) => {
                    self.complain(&format!("{CONNECTIONS} connections are open"));
                    None
                }
            },
            Err(error) if is_of_one_connection(&error) => None,
            Err(error) => {
                self.complain(&error.to_string());
                sleep(BACKOFF).await;
                None
            }
        }
    }

    fn complain(&mut self, reason: &str) {
        let due = self
            .complained
            .is_none_or(|complained| complained.elapsed() >= COMPLAINT);
        if due {
            self.complained = Some(Instant::now());
            warn!(reason, "connections are not accepted");
        }
    }
}

/// It says nothing about the next one.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
