use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Bound, Outcome, PATIENCE, outcome_of};
use crate::{Error, Namespace, Result};

/// How often a waiting server looks whether it was dropped.
const STOP_CHECK: Duration = Duration::from_millis(20);

/// Counts the datagrams it gets, and sends them back if it is to.
#[derive(Debug)]
pub struct UdpServer {
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl UdpServer {
    /// Sends back what it gets on `address` inside `namespace`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn echo(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        Self::start(namespace, address, true)
    }

    /// Only counts: nobody gets an answer.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn silent(namespace: &Namespace, address: SocketAddr) -> Result<Self> {
        Self::start(namespace, address, false)
    }

    fn start(namespace: &Namespace, address: SocketAddr, answers: bool) -> Result<Self> {
        let socket = namespace
            .run_in(|| {
                let socket = UdpSocket::bind(address)?;
                socket.set_read_timeout(Some(STOP_CHECK))?;
                Ok(socket)
            })
            .map_err(Error::io(format!(
                "bind UDP {address} in {}",
                namespace.name()
            )))?;
        let (stop, received) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&received));
        let thread = std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else {
                    continue;
                };
                count.fetch_add(1, Ordering::Relaxed);
                if answers {
                    // A client that is gone already does not concern the others.
                    let _ = socket.send_to(&buffer[..length], from);
                }
            }
        });
        Ok(Self {
            stop,
            received,
            thread: Some(thread),
        })
    }

    /// Datagrams received until now.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Waits until `count` datagrams were received or [`PATIENCE`](super::PATIENCE) is over; how many were.
    #[must_use]
    pub fn wait_for(&self, count: u64) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        while self.received() < count && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.received()
    }
}

impl Drop for UdpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One datagram to be sent.
#[derive(Debug, Clone, Copy)]
pub struct UdpAttempt {
    /// Whom to reach.
    pub to: SocketAddr,
    /// The local port; any when 0.
    pub from_port: u16,
    /// How long to wait for the answer.
    pub timeout: Duration,
}

impl UdpAttempt {
    /// From any port, with [`PATIENCE`](super::PATIENCE).
    #[must_use]
    pub fn to(to: SocketAddr) -> Self {
        Self {
            to,
            from_port: 0,
            timeout: PATIENCE,
        }
    }

    /// From this local port.
    #[must_use]
    pub fn from_port(mut self, port: u16) -> Self {
        self.from_port = port;
        self
    }

    /// With this much patience.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sends `payload` from inside `namespace` and waits for any answer.
    ///
    /// # Errors
    /// When the socket fails in a way that says nothing about the other side.
    pub fn exchange_from(self, namespace: &Namespace, payload: &[u8]) -> Result<Outcome> {
        let exchanged = namespace.run_in(|| {
            let socket = connected(self.to, self.from_port)?;
            socket.set_read_timeout(Some(self.timeout))?;
            socket.send(payload)?;
            socket.recv(&mut [0; 2048])
        });
        let action = || format!("exchange UDP with {} from {}", self.to, namespace.name());
        match exchanged {
            Ok(_) => Ok(Outcome::Answered),
            Err(error) => outcome_of(error).map_err(Error::io(action())),
        }
    }
}

/// Sends `payload` again and again without waiting; returns how many datagrams the kernel took.
///
/// # Errors
/// When the socket cannot be made.
pub fn udp_flood(
    namespace: &Namespace,
    to: SocketAddr,
    from_port: u16,
    payload: &[u8],
    bound: Bound,
) -> Result<u64> {
    namespace.run_in(|| {
        let socket = connected(to, from_port).map_err(Error::io(format!(
            "connect UDP to {to} in {}",
            namespace.name()
        )))?;
        // An ICMP error for an earlier datagram fails the send after it, which is not counted.
        Ok(bound
            .numbers()
            .map(|_| u64::from(socket.send(payload).is_ok()))
            .sum())
    })
}

fn connected(to: SocketAddr, from_port: u16) -> std::io::Result<UdpSocket> {
    let any: IpAddr = match to {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0_u16; 8].into(),
    };
    let socket = UdpSocket::bind((any, from_port))?;
    socket.connect(to)?;
    Ok(socket)
}
