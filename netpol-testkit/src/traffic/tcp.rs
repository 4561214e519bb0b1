use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Bound, Outcome, PATIENCE, outcome_of};
use crate::{Error, Namespace, Result};

/// How often a waiting server looks whether it was dropped, in milliseconds.
const STOP_CHECK: u8 = 20;

/// Sends back what it gets.
#[derive(Debug)]
pub struct TcpServer {
    stop: Arc<AtomicBool>,
    accepted: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl TcpServer {
    /// Listens on `address` inside `namespace`. Each connection has a thread of its own.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn start(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        Self::serve(namespace, address, |stream| {
            std::thread::spawn(move || echo(stream, &mut vec![0; 64 * 1024]));
        })
    }

    /// Like [`TcpServer::start`], one connection after the other on one thread: for benches, where
    /// starting threads would outweigh what is measured.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub fn sequential(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        let mut buffer = vec![0; 64 * 1024];
        Self::serve(namespace, address, move |stream| echo(stream, &mut buffer))
    }

    fn serve(
        namespace: &Namespace,
        address: SocketAddr,
        handle: impl FnMut(TcpStream) + Send + 'static,
    ) -> Result<Self> {
        let listener = namespace
            .run_in(|| {
                let listener = TcpListener::bind(address)?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            })
            .map_err(Error::io(format!(
                "listen on TCP {address} in {}",
                namespace.name()
            )))?;
        let (stop, accepted) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&accepted));
        let thread = std::thread::spawn(move || accept_until(&listener, &stopped, &count, handle));
        Ok(Self {
            stop,
            accepted,
            thread: Some(thread),
        })
    }

    /// Connections accepted until now.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for TcpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn accept_until(
    listener: &TcpListener,
    stop: &AtomicBool,
    accepted: &AtomicU64,
    mut handle: impl FnMut(TcpStream),
) {
    while !stop.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut ready, PollTimeout::from(STOP_CHECK));
        while let Ok((stream, _)) = listener.accept() {
            accepted.fetch_add(1, Ordering::Relaxed);
            handle(stream);
        }
    }
}

/// Ends when the client does, in whatever way.
fn echo(mut stream: TcpStream, buffer: &mut [u8]) {
    if stream.set_nonblocking(false).is_err() || stream.set_read_timeout(Some(PATIENCE)).is_err() {
        return;
    }
    while let Ok(length @ 1..) = stream.read(buffer) {
        if stream.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

/// One connection to be tried.
#[derive(Debug, Clone, Copy)]
pub struct TcpAttempt {
    /// Whom to reach.
    pub to: SocketAddr,
    /// The local port; any when `None`.
    pub from_port: Option<u16>,
    /// How long to wait for the connection, and for the answer to what is sent.
    pub timeout: Duration,
}

impl TcpAttempt {
    /// From any port, with [`PATIENCE`](super::PATIENCE).
    #[must_use]
    pub fn to(to: SocketAddr) -> Self {
        Self {
            to,
            from_port: None,
            timeout: PATIENCE,
        }
    }

    /// From this local port.
    #[must_use]
    pub fn from_port(mut self, port: u16) -> Self {
        self.from_port = Some(port);
        self
    }

    /// With this much patience.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Connects from inside `namespace`; the connection, or what became of the attempt instead.
    ///
    /// # Errors
    /// When the socket cannot be made, or fails in a way that says nothing about the other side.
    pub fn open(self, namespace: &Namespace) -> Result<Result<TcpConnection, Outcome>> {
        let connected = namespace.run_in(|| self.connect());
        match connected {
            Ok(stream) => Ok(Ok(TcpConnection { stream })),
            Err(error) => outcome_of(error).map(Err).map_err(Error::io(format!(
                "connect to {} from {}",
                self.to,
                namespace.name()
            ))),
        }
    }

    /// Connects, and closes at once.
    ///
    /// # Errors
    /// As [`TcpAttempt::open`].
    pub fn connect_from(self, namespace: &Namespace) -> Result<Outcome> {
        Ok(self.open(namespace)?.err().unwrap_or(Outcome::Answered))
    }

    /// Connects, and closes at once. With the number of SYNs that were sent: on a busy machine more go out in the
    /// same time, and an ICMP error that finds the socket in use ends nothing before the next one.
    ///
    /// # Errors
    /// As [`TcpAttempt::open`].
    pub fn connect_counting_syns(self, namespace: &Namespace) -> Result<(Outcome, u64)> {
        let tried = namespace.run_in(|| {
            let socket = self.socket()?;
            let outcome = match socket.connect_timeout(&self.to.into(), self.timeout) {
                Ok(()) => Outcome::Answered,
                Err(error) => outcome_of(error)?,
            };
            Ok((outcome, 1 + retransmissions(&socket)?))
        });
        tried.map_err(Error::io(format!(
            "connect to {} from {}",
            self.to,
            namespace.name()
        )))
    }

    /// Connects, sends `payload`, waits until as much came back, and closes.
    ///
    /// # Errors
    /// As [`TcpAttempt::open`].
    pub fn exchange_from(self, namespace: &Namespace, payload: &[u8]) -> Result<Outcome> {
        match self.open(namespace)? {
            Ok(mut connection) => connection.exchange(payload),
            Err(outcome) => Ok(outcome),
        }
    }

    fn connect(self) -> std::io::Result<TcpStream> {
        let socket = self.socket()?;
        socket.connect_timeout(&self.to.into(), self.timeout)?;
        socket.set_read_timeout(Some(self.timeout))?;
        Ok(socket.into())
    }

    fn socket(self) -> std::io::Result<Socket> {
        let domain = Domain::for_address(self.to);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if let Some(port) = self.from_port {
            socket.set_reuse_address(true)?;
            let any: SocketAddr = match self.to {
                SocketAddr::V4(_) => ([0; 4], port).into(),
                SocketAddr::V6(_) => ([0_u16; 8], port).into(),
            };
            socket.bind(&any.into())?;
        }
        Ok(socket)
    }
}

/// Segments that a TCP socket sent again (`tcpi_total_retrans`).
fn retransmissions(socket: &Socket) -> std::io::Result<u64> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which is the size of what the pointer points to.
    let failed = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if failed != 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: a struct of numbers, zeroed before the kernel wrote its beginning.
    let info = unsafe { info.assume_init() };
    Ok(info.tcpi_total_retrans.into())
}

/// A connection that stands.
#[derive(Debug)]
pub struct TcpConnection {
    stream: TcpStream,
}

impl TcpConnection {
    /// Local port.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn local_port(&self) -> Result<u16> {
        let address = self
            .stream
            .local_addr()
            .map_err(Error::io("address of a connection"))?;
        Ok(address.port())
    }

    /// Sends `payload` and waits until as many bytes came back.
    ///
    /// # Errors
    /// When the socket fails in a way that says nothing about the other side.
    pub fn exchange(&mut self, payload: &[u8]) -> Result<Outcome> {
        let mut answer = vec![0; payload.len()];
        let done = self
            .stream
            .write_all(payload)
            .and_then(|()| self.stream.read_exact(&mut answer));
        match done {
            Ok(()) => Ok(Outcome::Answered),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(Outcome::Reset),
            Err(error) => outcome_of(error).map_err(Error::io("exchange on a connection")),
        }
    }

    /// Closes with a RST instead of a FIN.
    ///
    /// # Errors
    /// When the socket refuses to.
    pub fn abort(self) -> Result<()> {
        socket2::SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .map_err(Error::io("set a connection to abort"))
    }

    /// Sends a FIN and goes on receiving.
    ///
    /// # Errors
    /// When the connection is gone already.
    pub fn finish_sending(&self) -> Result<()> {
        self.stream
            .shutdown(Shutdown::Write)
            .map_err(Error::io("shut a connection down"))
    }
}

/// How many attempts of a loop ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpCounts {
    /// The payload came back.
    pub answered: u64,
    /// Anything else.
    pub failed: u64,
}

/// One connection after the other: connect, exchange `payload`, close.
///
/// # Errors
/// As [`TcpAttempt::open`].
pub fn tcp_loop(
    namespace: &Namespace,
    attempt: TcpAttempt,
    payload: &[u8],
    bound: Bound,
) -> Result<TcpCounts> {
    let mut answer = vec![0; payload.len()];
    let mut exchange = || -> std::io::Result<()> {
        let mut stream = attempt.connect()?;
        stream.set_nodelay(true)?;
        stream.write_all(payload)?;
        stream.read_exact(&mut answer)
    };
    namespace.run_in(|| {
        let mut counts = TcpCounts::default();
        for _ in bound.numbers() {
            match exchange() {
                Ok(()) => counts.answered += 1,
                Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                    // Out of local ports: the rest would only measure that.
                    return Err(Error::io(format!("connect to {}", attempt.to))(error));
                }
                Err(_) => counts.failed += 1,
            }
        }
        Ok(counts)
    })
}
