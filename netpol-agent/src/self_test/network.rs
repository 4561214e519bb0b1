//! A node and one pod, as two network namespaces of our own that vanish with the threads that hold them.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use futures::TryStreamExt as _;
use nix::sched::{CloneFlags, unshare};
use rtnetlink::{Handle, LinkUnspec, LinkVeth, new_connection};

/// The node's end of the link, a documentation address (RFC 5737).
pub(super) const NODE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The pod's address.
pub(super) const POD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

const HOST_INTERFACE: &str = "npselftest0";
const POD_INTERFACE: &str = "npselftest1";
const PREFIX: u8 = 24;

/// Moves the calling thread into a new network namespace.
///
/// # Errors
/// Where CAP_SYS_ADMIN is missing.
pub(super) fn enter_new_namespace() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)
        .context("cannot make a network namespace for the self-test (needs CAP_SYS_ADMIN)")
}

/// A thread inside a namespace of its own; work is sent to it.
pub(super) struct PodNamespace {
    work: Option<mpsc::Sender<Work>>,
    thread: Option<JoinHandle<()>>,
    namespace: OwnedFd,
}

type Work = Box<dyn FnOnce() + Send>;

impl PodNamespace {
    /// Makes the namespace.
    ///
    /// # Errors
    /// As [`enter_new_namespace`].
    pub(super) fn create() -> Result<Self> {
        let (work, received) = mpsc::channel::<Work>();
        let (made, ready) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("self-test-pod".to_owned())
            .spawn(move || {
                let namespace = enter_new_namespace().and_then(|()| {
                    let file = std::fs::File::open("/proc/thread-self/ns/net")?;
                    Ok(OwnedFd::from(file))
                });
                let failed = namespace.is_err();
                let _ = made.send(namespace);
                if !failed {
                    received.into_iter().for_each(|work| work());
                }
            })?;
        let namespace = ready.recv().context("the pod's thread ended")??;
        Ok(Self {
            work: Some(work),
            thread: Some(thread),
            namespace,
        })
    }

    /// Runs `work` in the namespace and waits for its result.
    ///
    /// # Errors
    /// Its own.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, result) = mpsc::channel();
        let boxed: Work = Box::new(move || {
            let _ = done.send(work());
        });
        if let Some(sender) = &self.work {
            let _ = sender.send(boxed);
        }
        result.recv().context("the pod's thread ended")?
    }
}

impl Drop for PodNamespace {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Links this thread's namespace, the node, with a pod's. Returns the number of the host-side interface.
///
/// # Errors
/// As netlink says.
pub(super) async fn connect(pod: &PodNamespace) -> Result<u32> {
    let handle = netlink()?;
    handle
        .link()
        .add(LinkVeth::new(HOST_INTERFACE, POD_INTERFACE).build())
        .execute()
        .await
        .context("cannot make a veth pair (needs CAP_NET_ADMIN)")?;
    let peer = index(&handle, POD_INTERFACE).await?;
    handle
        .link()
        .set(
            LinkUnspec::new_with_index(peer)
                .setns_by_fd(pod.namespace.as_raw_fd())
                .build(),
        )
        .execute()
        .await
        .context("cannot move an interface into the pod's namespace")?;
    let host = configure(&handle, HOST_INTERFACE, NODE).await?;
    pod.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let handle = netlink()?;
            configure(&handle, POD_INTERFACE, POD).await
        })
    })?;
    Ok(host)
}

fn netlink() -> io::Result<Handle> {
    let (connection, handle, _) = new_connection()?;
    tokio::spawn(connection);
    Ok(handle)
}

async fn configure(handle: &Handle, interface: &str, address: Ipv4Addr) -> Result<u32> {
    let index = index(handle, interface).await?;
    handle
        .address()
        .add(index, address.into(), PREFIX)
        .execute()
        .await?;
    handle
        .link()
        .set(LinkUnspec::new_with_index(index).up().build())
        .execute()
        .await?;
    Ok(index)
}

async fn index(handle: &Handle, interface: &str) -> Result<u32> {
    let found = handle
        .link()
        .get()
        .match_name(interface.to_owned())
        .execute()
        .try_next()
        .await?;
    Ok(found
        .with_context(|| format!("interface {interface} is gone"))?
        .header
        .index)
}
