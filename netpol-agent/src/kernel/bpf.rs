//! The few bpf(2) commands that aya does not offer: batch reads, lookup-and-delete, and links made from many threads at
//! once, by interface number rather than by name.

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use netpol_common::record::{DropKey, DropState, FlowKey, FlowState};

/// Commands of `enum bpf_cmd` (include/uapi/linux/bpf.h).
mod command {
    pub(super) const MAP_DELETE_ELEM: libc::c_long = 3;
    pub(super) const PROG_LOAD: libc::c_long = 5;
    pub(super) const MAP_LOOKUP_AND_DELETE_ELEM: libc::c_long = 21;
    pub(super) const MAP_LOOKUP_BATCH: libc::c_long = 24;
    pub(super) const LINK_CREATE: libc::c_long = 28;
}

/// Attach before all others, when no other is named (`BPF_F_BEFORE`).
const BEFORE: u32 = 1 << 3;

/// Types of which every bit pattern is valid and that have no padding, so that the kernel may fill them.
///
/// # Safety
/// Only for such types.
pub unsafe trait Plain: Copy {}

// SAFETY: integers and arrays of integers, without padding (asserted in `netpol_common::record`).
unsafe impl Plain for FlowKey {}
// SAFETY: as above.
unsafe impl Plain for FlowState {}
// SAFETY: as above.
unsafe impl Plain for DropKey {}
// SAFETY: as above.
unsafe impl Plain for DropState {}

/// `union bpf_attr` for the `MAP_*_BATCH` commands.
#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    map_fd: u32,
    elem_flags: u64,
    flags: u64,
}

/// `union bpf_attr` for the `MAP_*_ELEM` commands.
#[repr(C)]
#[derive(Default)]
struct ElementAttr {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// `union bpf_attr` for `LINK_CREATE` of a tcx link.
#[repr(C)]
#[derive(Default)]
struct LinkAttr {
    prog_fd: u32,
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
    relative: u32,
    padding: u32,
    expected_revision: u64,
}

/// `union bpf_attr` for `PROG_LOAD`, up to the fields that are used.
#[repr(C)]
#[derive(Default)]
struct ProgramAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
}

fn bpf<T>(command: libc::c_long, attr: &mut T) -> io::Result<libc::c_long> {
    // SAFETY: `attr` is a prefix of `union bpf_attr` of the given size; pointers in it are valid by the callers below.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attr as *mut T, size_of::<T>()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Which side of a device a program hangs on (`enum bpf_attach_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcxSide {
    /// Packets that the device received: those the pod sent.
    Ingress = 46,
    /// Packets that go out by the device: those for the pod.
    Egress = 47,
}

/// Attaches a program first in an interface's tcx chain. Closing the result detaches it.
///
/// # Errors
/// The kernel's: `EINVAL` before 6.6, `ENODEV` for an interface that is gone.
pub fn attach_tcx_first(
    program: BorrowedFd<'_>,
    ifindex: u32,
    side: TcxSide,
) -> io::Result<OwnedFd> {
    attach(program, ifindex, side as u32, BEFORE)
}

fn attach(
    program: BorrowedFd<'_>,
    ifindex: u32,
    attach_type: u32,
    flags: u32,
) -> io::Result<OwnedFd> {
    let mut attr = LinkAttr {
        prog_fd: program.as_raw_fd() as u32,
        target_ifindex: ifindex,
        attach_type,
        flags,
        ..LinkAttr::default()
    };
    let fd = bpf(command::LINK_CREATE, &mut attr)?;
    // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// What a program made by [`load_constant`] hangs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstantProgram {
    /// `BPF_PROG_TYPE_SCHED_CLS`.
    Classifier = 3,
    /// `BPF_PROG_TYPE_XDP`.
    Xdp = 6,
}

/// Loads a program that returns one number for every packet. For the self-test, which has to drop a packet of its own.
///
/// # Errors
/// The kernel's.
pub fn load_constant(kind: ConstantProgram, value: i32) -> io::Result<OwnedFd> {
    // `r0 = value` (BPF_ALU64 | BPF_MOV | BPF_K), `exit` (BPF_JMP | BPF_EXIT).
    let instructions: [u64; 2] = [0xb7 | (u64::from(value as u32) << 32), 0x95];
    let mut attr = ProgramAttr {
        prog_type: kind as u32,
        insn_cnt: instructions.len() as u32,
        insns: instructions.as_ptr() as u64,
        license: c"GPL".as_ptr() as u64,
        ..ProgramAttr::default()
    };
    let fd = bpf(command::PROG_LOAD, &mut attr)?;
    // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Hangs an XDP program on an interface, in generic mode. Closing the result takes it off.
///
/// # Errors
/// The kernel's: `EINVAL` before 5.9, `EBUSY` where another program hangs.
pub fn attach_xdp_generic(program: BorrowedFd<'_>, ifindex: u32) -> io::Result<OwnedFd> {
    const ATTACH_XDP: u32 = 37;
    const GENERIC_MODE: u32 = 1 << 1;
    attach(program, ifindex, ATTACH_XDP, GENERIC_MODE)
}

/// Attaches a program last in an interface's tcx chain. Closing the result detaches it.
///
/// # Errors
/// As [`attach_tcx_first`].
pub fn attach_tcx_last(
    program: BorrowedFd<'_>,
    ifindex: u32,
    side: TcxSide,
) -> io::Result<OwnedFd> {
    attach(program, ifindex, side as u32, 0)
}

/// Takes an entry out of a map; `None` where there is none.
///
/// # Errors
/// The kernel's, but for `ENOENT`.
pub fn lookup_and_delete<K: Plain, V: Plain>(
    map: BorrowedFd<'_>,
    key: &K,
) -> io::Result<Option<V>> {
    let mut value = MaybeUninit::<V>::zeroed();
    let mut attr = ElementAttr {
        map_fd: map.as_raw_fd() as u32,
        key: (&raw const *key) as u64,
        value: value.as_mut_ptr() as u64,
        ..ElementAttr::default()
    };
    match bpf(command::MAP_LOOKUP_AND_DELETE_ELEM, &mut attr) {
        // SAFETY: zeroed, then filled by the kernel; every bit pattern is a value.
        Ok(_) => Ok(Some(unsafe { value.assume_init() })),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Deletes an entry; false where there was none.
///
/// # Errors
/// The kernel's, but for `ENOENT`.
pub fn delete<K: Plain>(map: BorrowedFd<'_>, key: &K) -> io::Result<bool> {
    let mut attr = ElementAttr {
        map_fd: map.as_raw_fd() as u32,
        key: (&raw const *key) as u64,
        ..ElementAttr::default()
    };
    match bpf(command::MAP_DELETE_ELEM, &mut attr) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads every entry of a hash map, in batches, and hands each to `visit`. Returns how many there were. Entries that come
/// or go meanwhile may or may not be among them; none is torn apart.
///
/// # Errors
/// The kernel's; `EINVAL` before 5.6.
pub fn for_each<K: Plain, V: Plain>(
    map: BorrowedFd<'_>,
    mut visit: impl FnMut(K, V),
) -> io::Result<usize> {
    const BATCH: usize = 4096;
    let mut keys: Vec<MaybeUninit<K>> = Vec::new();
    let mut values: Vec<MaybeUninit<V>> = Vec::new();
    let mut capacity = BATCH;
    let mut cursor = [0u32; 1];
    let mut begun = false;
    let mut total = 0;
    loop {
        keys.resize_with(capacity, MaybeUninit::zeroed);
        values.resize_with(capacity, MaybeUninit::zeroed);
        let mut next = [0u32; 1];
        let mut attr = BatchAttr {
            in_batch: if begun { cursor.as_ptr() as u64 } else { 0 },
            out_batch: next.as_mut_ptr() as u64,
            keys: keys.as_mut_ptr() as u64,
            values: values.as_mut_ptr() as u64,
            count: capacity as u32,
            map_fd: map.as_raw_fd() as u32,
            ..BatchAttr::default()
        };
        let last = match bpf(command::MAP_LOOKUP_BATCH, &mut attr) {
            Ok(_) => false,
            Err(error) => match error.raw_os_error() {
                Some(libc::ENOENT) => true,
                // One bucket holds more than fits.
                Some(libc::ENOSPC) => {
                    capacity *= 2;
                    continue;
                }
                _ => return Err(error),
            },
        };
        let count = (attr.count as usize).min(capacity);
        for (key, value) in keys.iter().zip(&values).take(count) {
            // SAFETY: zeroed, then the first `count` filled by the kernel; every bit pattern is a value.
            visit(unsafe { key.assume_init() }, unsafe { value.assume_init() });
        }
        total += count;
        if last {
            return Ok(total);
        }
        cursor = next;
        begun = true;
    }
}
