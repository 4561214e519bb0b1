//! Frames as they are, for packets that no well-behaved socket would send.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::{Error, Namespace, Result};

/// A packet socket bound to one interface of a namespace.
#[derive(Debug)]
pub struct FrameSocket {
    socket: OwnedFd,
    address: libc::sockaddr_ll,
}

impl FrameSocket {
    /// Opens one on `interface`.
    ///
    /// # Errors
    /// When there is no such interface, or the kernel refuses the socket.
    pub fn open(namespace: &Namespace, interface: &str) -> Result<Self> {
        let index = namespace.interface_index(interface)?;
        let socket = namespace
            .run_in(packet_socket)
            .map_err(Error::io("open a packet socket"))?;
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: 0,
            sll_ifindex: index.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 6,
            sll_addr: [0; 8],
        };
        Ok(Self { socket, address })
    }

    /// Sends one frame, link-layer header included, without any check of what is in it.
    ///
    /// # Errors
    /// When the interface is down or gone, or the frame is too long for it.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        // SAFETY: the frame and the address outlive the call, which only reads them, and both
        // lengths are those of what the pointers point to.
        let sent = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
                0,
                (&raw const self.address).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if sent < 0 {
            return Err(Error::io("send a frame")(std::io::Error::last_os_error()));
        }
        Ok(())
    }
}

/// Protocol 0: it sends and never receives.
fn packet_socket() -> std::io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let socket = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    if socket < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the kernel has just handed out this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(socket) })
}

/// An Ethernet frame around `payload`. The kernel forwards only what is addressed to the receiving
/// interface: see [`Namespace::mac_address`].
#[must_use]
pub fn ethernet_frame(destination: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    /// Locally administered, so nobody's.
    const SOURCE: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
    [
        &destination[..],
        &SOURCE,
        &ether_type.to_be_bytes(),
        payload,
    ]
    .concat()
}
