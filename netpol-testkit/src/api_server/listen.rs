//! The listening socket and the connections, on a thread of their own.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::answer::{Client, answer};
use super::shared::Shared;

const BACKLOG: i32 = 1024;

/// Takes word of what came of a command. A blocking channel: who waits is no task of the thread.
pub(crate) type Done = std::sync::mpsc::Sender<io::Result<()>>;

/// Tells the thread what to do; it ends when the sender is dropped.
#[derive(Debug)]
pub(crate) enum Command {
    /// Refuse connections and drop those there are.
    Stop(Done),
    /// Listen, on the same port as before.
    Listen(Done),
}

/// The port, which is kept when nothing listens on it.
#[derive(Debug)]
enum Port {
    Open(TcpListener),
    /// Bound and not listening: a client is refused, and no other program gets the port.
    Closed(Socket),
}

/// Binds `address` without listening. Needs no privilege.
pub(crate) fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Port {
    fn open(self) -> io::Result<Self> {
        match self {
            Self::Open(_) => Ok(self),
            Self::Closed(socket) => {
                socket.listen(BACKLOG)?;
                TcpListener::from_std(socket.into()).map(Self::Open)
            }
        }
    }

    /// The next connection; none while the port is closed.
    async fn accept(&self) -> TcpStream {
        match self {
            Self::Closed(_) => std::future::pending().await,
            Self::Open(listener) => loop {
                // What fails here is one connection that went away before it was taken.
                if let Ok((stream, _)) = listener.accept().await {
                    return stream;
                }
            },
        }
    }
}

/// What each connection needs.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    /// `None` for plain HTTP.
    pub(crate) acceptor: Option<TlsAcceptor>,
}

impl Server {
    /// Serves until the sender of `commands` is dropped; begins to listen at [`Command::Listen`].
    pub(crate) async fn serve(
        self,
        socket: Socket,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        let mut port = Port::Closed(socket);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                command = commands.recv() => {
                    let (result, done) = match command {
                        None => return,
                        Some(Command::Stop(done)) => {
                            // The old socket must be closed before the port can be bound again.
                            drop(port);
                            connections.shutdown().await;
                            // These have left their connections' tasks.
                            self.shared.change(|state| state.faults.forward_cuts += 1);
                            (bind(self.address).map(Port::Closed), done)
                        }
                        Some(Command::Listen(done)) => (port.open(), done),
                    };
                    // Who asked waits for the word, so it is taken.
                    match result {
                        Ok(next) => {
                            port = next;
                            let _ = done.send(Ok(()));
                        }
                        Err(error) => {
                            let _ = done.send(Err(error));
                            return;
                        }
                    }
                }
                stream = port.accept() => {
                    connections.spawn(self.clone().connection(stream));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }

    async fn connection(self, stream: TcpStream) {
        let Some(acceptor) = &self.acceptor else {
            return self.requests(stream, Client::Unknown).await;
        };
        // A client that does not trust us ends the handshake: that is its affair.
        if let Ok(stream) = acceptor.accept(stream).await {
            let client = match stream.get_ref().1.peer_certificates() {
                Some(_) => Client::Certified,
                None => Client::Unknown,
            };
            self.requests(stream, client).await;
        }
    }

    async fn requests(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        client: Client,
    ) {
        let service = service_fn(|request| answer(self.shared.clone(), client, request));
        // Ends with an error when the client goes or the scenario cuts: both are meant to happen.
        let _ = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
    }
}
