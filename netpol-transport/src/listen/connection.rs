//! An accepted connection, as tonic serves it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::peer::Peer;

/// Length of the client's preface of HTTP/2, in bytes (RFC 9113, section 3.4).
const PREFACE: usize = 24;
/// How long a client may take to send it. Afterwards keepalive finds out who is gone.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(10);

/// An accepted connection.
pub struct Connection {
    stream: Stream,
    peer: Peer,
    waiting: Option<Waiting>,
    _place: OwnedSemaphorePermit,
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// For the rest of the preface.
struct Waiting {
    missing: usize,
    end: Pin<Box<Sleep>>,
}

impl Connection {
    pub(super) fn unix(stream: UnixStream, place: OwnedSemaphorePermit) -> Self {
        Self::new(Stream::Unix(stream), Peer::Unix, place)
    }

    pub(super) fn tcp(stream: TcpStream, peer: Peer, place: OwnedSemaphorePermit) -> Self {
        Self::new(Stream::Tcp(stream), peer, place)
    }

    pub(super) fn tls(
        stream: TlsStream<TcpStream>,
        peer: Peer,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self::new(Stream::Tls(Box::new(stream)), peer, place)
    }

    fn new(stream: Stream, peer: Peer, place: OwnedSemaphorePermit) -> Self {
        Self {
            stream,
            peer,
            waiting: Some(Waiting {
                missing: PREFACE,
                end: Box::pin(sleep_until(Instant::now() + PREFACE_TIMEOUT)),
            }),
            _place: place,
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl Stream {
    fn read(&mut self) -> Pin<&mut (dyn AsyncRead + Send + Unpin)> {
        match self {
            Self::Unix(stream) => Pin::new(stream),
            Self::Tcp(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
        }
    }

    fn write(&mut self) -> Pin<&mut (dyn AsyncWrite + Send + Unpin)> {
        match self {
            Self::Unix(stream) => Pin::new(stream),
            Self::Tcp(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.stream.read().poll_read(context, buffer);
        if let Some(waiting) = &mut self.waiting {
            if read.is_pending() {
                ready!(waiting.end.as_mut().poll(context));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let come = buffer.filled().len() - before;
            waiting.missing = waiting.missing.saturating_sub(come);
            if waiting.missing == 0 {
                self.waiting = None;
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.write().poll_write(context, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.write().poll_write_vectored(context, data)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Unix(stream) => stream.is_write_vectored(),
            Stream::Tcp(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.write().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.write().poll_shutdown(context)
    }
}
