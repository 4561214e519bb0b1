//! The clsact qdisc that filters hang on: taken away again where it was ours and nobody else uses it.
//!
//! A filter's handle says who made the qdisc, so that this is known even after a kill: filters outlive their process.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use aya::programs::tc::qdisc_add_clsact;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

use super::links::Link;

/// Handle of our filters in a qdisc that somebody else made.
const IN_FOREIGN_QDISC: u32 = 0x6e70_6f6c;
/// Handle of our filters in a qdisc that we made.
const IN_OWN_QDISC: u32 = 0x6e70_6f71;

/// `TC_H_CLSACT`, and the parents of its two sides (include/uapi/linux/pkt_sched.h).
const CLSACT: u32 = 0xffff_fff1;
const SIDES: [u32; 2] = [0xffff_fff2, 0xffff_fff3];

/// Message types and flags (include/uapi/linux/rtnetlink.h, netlink.h).
const DELETE_QDISC: u16 = 37;
const NEW_FILTER: u16 = 44;
const GET_FILTER: u16 = 46;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
const DUMP: u16 = 0x300;

/// The qdisc of one interface, for as long as our filters hang on it.
#[derive(Debug)]
pub(super) struct Qdisc {
    ifindex: u32,
    ours: bool,
}

impl Qdisc {
    /// Makes it where there is none. What an earlier run of ours made counts as ours.
    pub(super) fn ensure(link: &Link) -> Self {
        let made = qdisc_add_clsact(&link.name).is_ok();
        let inherited =
            || filter_handles(link.ifindex).is_ok_and(|handles| handles.contains(&IN_OWN_QDISC));
        Self {
            ifindex: link.ifindex,
            ours: made || inherited(),
        }
    }

    /// Handle that filters of ours take in it.
    pub(super) fn handle(&self) -> u32 {
        if self.ours {
            IN_OWN_QDISC
        } else {
            IN_FOREIGN_QDISC
        }
    }
}

impl Drop for Qdisc {
    /// Removing a clsact qdisc removes everybody's filters: only ours goes, and only when it is empty.
    fn drop(&mut self) {
        let removed = match filter_handles(self.ifindex) {
            Ok(handles) if self.ours && handles.is_empty() => remove(self.ifindex),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        // An interface that is gone took its qdisc with it.
        match removed {
            Err(error) if error.raw_os_error() != Some(libc::ENODEV) => {
                tracing::warn!(ifindex = self.ifindex, %error, "cannot remove our clsact qdisc");
            }
            _ => {}
        }
    }
}

/// Handles of all filters on both sides.
fn filter_handles(ifindex: u32) -> io::Result<Vec<u32>> {
    let mut handles = Vec::new();
    for parent in SIDES {
        let socket = request(GET_FILTER, REQUEST | DUMP, ifindex, 0, parent)?;
        let mut buffer = vec![0; 32 * 1024];
        'dump: loop {
            let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
            for message in messages(&buffer[..length]) {
                match message.kind {
                    DONE => break 'dump,
                    ERROR => return Err(message.error()),
                    // An entry without a handle stands for a priority as a whole; its filters follow.
                    NEW_FILTER => handles.extend(message.word(8).filter(|handle| *handle != 0)),
                    _ => {}
                }
            }
        }
    }
    Ok(handles)
}

fn remove(ifindex: u32) -> io::Result<()> {
    let socket = request(
        DELETE_QDISC,
        REQUEST | ACKNOWLEDGE,
        ifindex,
        0xffff_0000,
        CLSACT,
    )?;
    let mut buffer = [0; 4096];
    let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
    match messages(&buffer[..length]).next() {
        Some(answer) if answer.word(0) == Some(0) => Ok(()),
        Some(answer) => Err(answer.error()),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Sends a `struct tcmsg` on a socket of its own.
fn request(kind: u16, flags: u16, ifindex: u32, handle: u32, parent: u32) -> io::Result<OwnedFd> {
    const LENGTH: u32 = 36;
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkRoute,
    )?;
    let mut bytes = LENGTH.to_ne_bytes().to_vec();
    bytes.extend([kind, flags].into_iter().flat_map(u16::to_ne_bytes));
    // Sequence and port; then family, interface, handle, parent and info.
    let rest = [1, 0, 0, ifindex, handle, parent, 0];
    bytes.extend(rest.into_iter().flat_map(u32::to_ne_bytes));
    send(socket.as_raw_fd(), &bytes, MsgFlags::empty())?;
    Ok(socket)
}

/// A netlink message as it came.
struct Message<'a> {
    kind: u16,
    payload: &'a [u8],
}

impl Message<'_> {
    /// The 32-bit word at an offset of the payload.
    fn word(&self, offset: usize) -> Option<u32> {
        let bytes = self.payload.get(offset..offset + 4)?;
        bytes.try_into().ok().map(u32::from_ne_bytes)
    }

    /// Of an error message: a negative number of `errno.h`.
    fn error(&self) -> io::Error {
        let number = self
            .word(0)
            .map_or(libc::EBADMSG, |word| word.cast_signed().saturating_neg());
        io::Error::from_raw_os_error(number)
    }
}

/// The messages of one datagram; ends at the first that is cut off.
fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    const HEADER: usize = 16;
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(rest.get(4..6)?.try_into().ok()?);
        let payload = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, payload })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, payload: &[u32]) -> Vec<u8> {
        let length = 16 + 4 * payload.len() as u32;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(payload.iter().copied().flat_map(u32::to_ne_bytes));
        bytes
    }

    #[test]
    fn a_datagram_is_taken_apart_to_where_it_is_cut_off() {
        let mut datagram = message(NEW_FILTER, &[0, 7, IN_OWN_QDISC, SIDES[0], 0]);
        datagram.extend(message(DONE, &[0]));
        datagram.extend(&message(NEW_FILTER, &[0; 5])[..20]);
        let found: Vec<_> = messages(&datagram)
            .map(|found| (found.kind, found.word(8)))
            .collect();
        assert_eq!(found, [(NEW_FILTER, Some(IN_OWN_QDISC)), (DONE, None)]);
    }

    #[test]
    fn an_error_is_the_kernels_number() {
        let bytes = message(ERROR, &[(-libc::ENODEV).cast_unsigned()]);
        let error = messages(&bytes).next().unwrap().error();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
        assert!(messages(&[255, 255, 255]).next().is_none());
    }
}
