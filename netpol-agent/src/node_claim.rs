//! One agent is enough for a node: each looks whether another is there already.

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::sync::{Mutex, PoisonError};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

/// Name of an abstract Unix socket. Such names belong to a network namespace, which is what an agent watches: whoever
/// holds this one is the agent of this node, in whatever container, and the kernel gives it up when the holder dies.
const NAME: &str = "netpol-agent";

/// The claim to be the one agent of this network namespace. Two of them do no harm to each other; both record everything.
#[derive(Debug, Default)]
pub struct NodeClaim {
    held: Mutex<Option<UnixListener>>,
}

impl NodeClaim {
    /// Claims the node, unless another agent holds it, and says what is wrong if so.
    ///
    /// Asked again, it takes over what has become free.
    pub fn conflict(&self) -> Option<String> {
        self.conflict_over(NAME)
    }

    fn conflict_over(&self, name: &str) -> Option<String> {
        // The one write below leaves it whole.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return None;
        }
        match bind(name) {
            Ok(listener) => {
                *held = Some(listener);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Some(format!(
                "another netpol-agent{} watches this node too: every flow is recorded twice; stop one of them",
                holder(name).unwrap_or_default()
            )),
            // Without the socket nothing is known of others, which is no trouble of its own.
            Err(error) => {
                tracing::debug!(%error, "cannot look for other agents");
                None
            }
        }
    }
}

fn bind(name: &str) -> io::Result<UnixListener> {
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// The process that holds the name, where it can be seen from here.
fn holder(name: &str) -> Option<String> {
    let stream = UnixStream::connect_addr(&SocketAddr::from_abstract_name(name).ok()?).ok()?;
    let pid = getsockopt(&stream, PeerCredentials).ok()?.pid();
    // 0: in a PID namespace that is not ours.
    (pid > 0).then(|| format!(" (process {pid})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_until_the_first_is_gone() {
        let name = format!("netpol-agent-test-{}", std::process::id());
        let (first, second) = (NodeClaim::default(), NodeClaim::default());
        assert_eq!(first.conflict_over(&name), None);
        assert_eq!(
            first.conflict_over(&name),
            None,
            "its own claim is no conflict"
        );
        let conflict = second.conflict_over(&name).unwrap();
        let process = format!("another netpol-agent (process {})", std::process::id());
        assert!(conflict.starts_with(&process), "{conflict}");
        drop(first);
        assert_eq!(second.conflict_over(&name), None);
    }
}
