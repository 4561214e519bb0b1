//! Programs of a few instructions that drop every IPv4 packet, loaded with bpf(2) as they are: no object file, no loader.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use netpol_testkit::Namespace;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket,
};

use crate::netlink::{attribute, message};

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_LINK_CREATE: libc::c_long = 28;
const BPF_PROG_TYPE_SCHED_CLS: u32 = 3;
const BPF_PROG_TYPE_XDP: u32 = 6;
const BPF_XDP: u32 = 37;
const BPF_TCX_INGRESS: u32 = 46;
const BPF_TCX_EGRESS: u32 = 47;

/// `XDP_FLAGS_SKB_MODE`: on the socket buffer, before the stack.
pub(crate) const XDP_GENERIC: u32 = 1 << 1;
/// `XDP_FLAGS_DRV_MODE`: in the driver.
pub(crate) const XDP_NATIVE: u32 = 1 << 2;

/// Which way packets go, seen from the interface: `Ingress` comes from the pod.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Ingress,
    Egress,
}

/// `ETH_P_IP` as it stands in memory.
const IPV4: i32 = 0x0008;

/// One instruction of eBPF (RFC 9669, section 3).
#[repr(C)]
struct Instruction {
    opcode: u8,
    registers: u8,
    offset: i16,
    immediate: i32,
}

const fn instruction(
    opcode: u8,
    destination: u8,
    source: u8,
    offset: i16,
    immediate: i32,
) -> Instruction {
    Instruction {
        opcode,
        registers: source << 4 | destination,
        offset,
        immediate,
    }
}

const LOAD_U32: u8 = 0x61;
const LOAD_U16: u8 = 0x69;
const SET: u8 = 0xb7;
const COPY: u8 = 0xbf;
const ADD: u8 = 0x07;
const IF_NOT_EQUAL: u8 = 0x55;
const IF_GREATER: u8 = 0x2d;
const EXIT: u8 = 0x95;

/// `skb->protocol == ETH_P_IP ? TC_ACT_SHOT : TC_ACT_UNSPEC`
const TC_DROPS_IPV4: [Instruction; 5] = [
    instruction(LOAD_U32, 2, 1, 16, 0),
    instruction(SET, 0, 0, 0, -1),
    instruction(IF_NOT_EQUAL, 2, 0, 1, IPV4),
    instruction(SET, 0, 0, 0, 2),
    instruction(EXIT, 0, 0, 0, 0),
];

/// The EtherType, behind a check of the frame's length: `XDP_DROP` for IPv4, else `XDP_PASS`.
const XDP_DROPS_IPV4: [Instruction; 10] = [
    instruction(LOAD_U32, 2, 1, 0, 0),
    instruction(LOAD_U32, 3, 1, 4, 0),
    instruction(SET, 0, 0, 0, 2),
    instruction(COPY, 4, 2, 0, 0),
    instruction(ADD, 4, 0, 0, 14),
    instruction(IF_GREATER, 4, 3, 3, 0),
    instruction(LOAD_U16, 5, 2, 12, 0),
    instruction(IF_NOT_EQUAL, 5, 0, 1, IPV4),
    instruction(SET, 0, 0, 0, 1),
    instruction(EXIT, 0, 0, 0, 0),
];

/// Drops IPv4 by tcx, behind whatever is attached already. Ends when dropped.
pub(crate) fn tcx(namespace: &Namespace, interface: &str, way: Way) -> OwnedFd {
    let program = load(BPF_PROG_TYPE_SCHED_CLS, 0, &TC_DROPS_IPV4);
    let attach_type = match way {
        Way::Ingress => BPF_TCX_INGRESS,
        Way::Egress => BPF_TCX_EGRESS,
    };
    link(namespace, interface, &program, attach_type, 0)
}

/// Drops IPv4 that comes in by an interface, by XDP in one of its modes. Ends when dropped.
pub(crate) fn xdp(namespace: &Namespace, interface: &str, mode: u32) -> OwnedFd {
    let program = load(BPF_PROG_TYPE_XDP, BPF_XDP, &XDP_DROPS_IPV4);
    link(namespace, interface, &program, BPF_XDP, mode)
}

/// Drops IPv4 by a filter of an interface's clsact qdisc, which has to be there. Stays as long as the qdisc.
pub(crate) fn clsact(namespace: &Namespace, interface: &str, way: Way) {
    let program = load(BPF_PROG_TYPE_SCHED_CLS, 0, &TC_DROPS_IPV4);
    let ifindex = namespace.interface_index(interface).unwrap();
    let request = new_filter(ifindex, way, program.as_raw_fd());
    let answer = namespace.run_in(|| exchange(&request)).unwrap();
    // nlmsgerr: the error number follows the header.
    let error = i32::from_ne_bytes(answer[16..20].try_into().unwrap());
    assert_eq!(
        error,
        0,
        "RTM_NEWTFILTER: {}",
        io::Error::from_raw_os_error(-error)
    );
}

fn load(program_type: u32, attach_type: u32, program: &[Instruction]) -> OwnedFd {
    /// The beginning of `union bpf_attr` for `BPF_PROG_LOAD`.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        program_type: u32,
        count: u32,
        instructions: u64,
        license: u64,
        log: [u32; 4],
        kernel_version: u32,
        flags: u32,
        name: [u8; 16],
        ifindex: u32,
        attach_type: u32,
    }
    bpf(
        BPF_PROG_LOAD,
        &Attributes {
            program_type,
            count: u32::try_from(program.len()).unwrap(),
            instructions: program.as_ptr() as u64,
            license: c"GPL".as_ptr() as u64,
            attach_type,
            ..Attributes::default()
        },
    )
}

fn link(
    namespace: &Namespace,
    interface: &str,
    program: &OwnedFd,
    attach_type: u32,
    flags: u32,
) -> OwnedFd {
    /// The beginning of `union bpf_attr` for `BPF_LINK_CREATE`.
    #[repr(C)]
    struct Attributes {
        program: RawFd,
        ifindex: u32,
        attach_type: u32,
        flags: u32,
        relative: [u64; 2],
    }
    let attributes = Attributes {
        program: program.as_raw_fd(),
        ifindex: namespace.interface_index(interface).unwrap(),
        attach_type,
        flags,
        relative: [0; 2],
    };
    namespace.run_in(|| bpf(BPF_LINK_CREATE, &attributes))
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> OwnedFd {
    // SAFETY: the attributes and what they point to outlive the call, which only reads them, and the size is theirs.
    let made = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes as *const T,
            size_of::<T>(),
        )
    };
    assert!(made >= 0, "bpf({command}): {}", io::Error::last_os_error());
    // SAFETY: the kernel has just handed out this descriptor and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(RawFd::try_from(made).unwrap()) }
}

/// `RTM_NEWTFILTER` for a "bpf" filter in direct-action mode (linux/pkt_cls.h).
fn new_filter(ifindex: u32, way: Way, program: RawFd) -> Vec<u8> {
    const RTM_NEWTFILTER: u16 = 44;
    /// `NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE`
    const FLAGS: u16 = 0x1 | 0x4 | 0x200 | 0x400;
    /// Priority 7, all protocols (`ETH_P_ALL`, in network byte order).
    const INFO: u32 = 7 << 16 | 0x0300;
    const TCA_KIND: u16 = 1;
    const TCA_OPTIONS: u16 = 2;
    const TCA_BPF_FD: u16 = 6;
    const TCA_BPF_NAME: u16 = 7;
    const TCA_BPF_FLAGS: u16 = 8;
    const DIRECT_ACTION: u32 = 1;
    let parent: u32 = match way {
        Way::Ingress => 0xffff_fff2,
        Way::Egress => 0xffff_fff3,
    };
    let options = [
        attribute(TCA_BPF_FD, &program.to_ne_bytes()),
        attribute(TCA_BPF_NAME, b"drops\0"),
        attribute(TCA_BPF_FLAGS, &DIRECT_ACTION.to_ne_bytes()),
    ]
    .concat();
    let header = [0, ifindex, 0, parent, INFO].map(u32::to_ne_bytes).concat();
    let body = [
        header,
        attribute(TCA_KIND, b"bpf\0"),
        attribute(TCA_OPTIONS, &options),
    ]
    .concat();
    message(RTM_NEWTFILTER, FLAGS, &body)
}

fn exchange(request: &[u8]) -> nix::Result<Vec<u8>> {
    let protocol = Some(SockProtocol::NetlinkRoute);
    let socket = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        protocol,
    )?;
    send(socket.as_raw_fd(), request, MsgFlags::empty())?;
    let mut answer = vec![0; 4096];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    answer.truncate(length);
    Ok(answer)
}
