//! Packets handed to a program by NFQUEUE, as kindnet and kube-network-policies do.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use netpol_testkit::requirement::Requirement;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
};
use nix::sys::time::TimeVal;

use crate::case::Case;
use crate::expected::Expected;
use crate::netlink::{attribute, message};
use crate::stage::{ALLOWED, Stage};

#[test]
fn nobody_listens_on_the_queue() {
    let requirements =
        ["iptables-legacy", "iptables-nft", "ip6tables-nft"].map(Requirement::Command);
    let Some(stage) = Stage::set_up(&requirements) else {
        return;
    };
    for rule in [
        "iptables-legacy -A FORWARD -p tcp --dport 5001 -j NFQUEUE --queue-num 78",
        "iptables-nft -A FORWARD -p tcp --dport 5002 -j NFQUEUE --queue-num 78",
        "iptables-nft -A FORWARD -p udp --dport 5002 -j NFQUEUE --queue-num 78",
        "ip6tables-nft -A FORWARD -p tcp --dport 5002 -j NFQUEUE --queue-num 78",
    ] {
        stage.run(rule);
    }
    let unspecified = Expected::dropped("NOT_SPECIFIED", &["nf_queue", "__nf_queue"]);
    stage.play(&[
        Case::new(5001, unspecified.clone()),
        Case::new(5001, unspecified.clone()).from(ALLOWED),
        Case::new(5002, unspecified.clone()),
        Case::new(5002, unspecified.clone()).udp(),
        Case::new(5002, unspecified).v6(),
    ]);
}

#[test]
fn program_behind_the_queue_drops() {
    let requirements = ["iptables-nft", "ip6tables-nft"].map(Requirement::Command);
    let Some(stage) = Stage::set_up(&requirements) else {
        return;
    };
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let listener = listen(&stage);
    let thread = std::thread::spawn(move || drop_all(&listener, &stopped));
    for rule in [
        "iptables-nft -A FORWARD -p tcp --dport 5001 -j NFQUEUE --queue-num 79",
        "iptables-nft -A FORWARD -p udp --dport 5001 -j NFQUEUE --queue-num 79",
        "ip6tables-nft -A FORWARD -p tcp --dport 5001 -j NFQUEUE --queue-num 79",
    ] {
        stage.run(rule);
    }
    let dropped = Expected::dropped("NOT_SPECIFIED", &["nfqnl_reinject"]);
    let sent = stage.play(&[
        Case::new(5001, dropped.clone()),
        Case::new(5001, dropped.clone()).from(ALLOWED),
        Case::new(5001, dropped.clone()).udp(),
        Case::new(5001, dropped).v6(),
    ]);
    stop.store(true, Ordering::Relaxed);
    assert_eq!(thread.join().unwrap(), sent);
}

const QUEUE: u16 = 79;
/// `NFNL_SUBSYS_QUEUE << 8`, to which the kind of message is added (linux/netfilter/nfnetlink_queue.h).
const SUBSYSTEM: u16 = 3 << 8;
const PACKET: u16 = 0;
const VERDICT: u16 = 1;
const CONFIG: u16 = 2;
const REQUEST: u16 = 1;

/// A socket bound to the queue, in the node's namespace.
fn listen(stage: &Stage) -> std::os::fd::OwnedFd {
    const COMMAND: u16 = 1;
    const PARAMETERS: u16 = 2;
    const BIND: u8 = 1;
    const COPY_META: u8 = 1;
    let protocol = Some(SockProtocol::NetlinkNetFilter);
    let listener = stage.node().run_in(|| {
        socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            protocol,
        )
        .unwrap()
    });
    setsockopt(&listener, ReceiveTimeout, &TimeVal::new(0, 100_000)).unwrap();
    for (kind, value) in [
        (COMMAND, &[BIND, 0, 0, 0][..]),
        (PARAMETERS, &[0, 0, 0, 0, COPY_META]),
    ] {
        let body = [generic_header(), attribute(kind, value)].concat();
        let request = message(SUBSYSTEM | CONFIG, REQUEST, &body);
        send(listener.as_raw_fd(), &request, MsgFlags::empty()).unwrap();
    }
    listener
}

/// Any family, version 0, the queue's number.
fn generic_header() -> Vec<u8> {
    [[0, 0], QUEUE.to_be_bytes()].concat()
}

/// Gives every packet the verdict `NF_DROP` until it is to stop; how many there were.
fn drop_all(listener: &impl AsRawFd, stop: &AtomicBool) -> u64 {
    const VERDICT_HEADER: u16 = 2;
    const NF_DROP: [u8; 4] = [0; 4];
    let mut packets = 0;
    let mut buffer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok(length) = recv(listener.as_raw_fd(), &mut buffer, MsgFlags::empty()) else {
            continue;
        };
        // Header 16, generic header 4; then NFQA_PACKET_HDR, which begins with the packet's number, always first.
        let kind = u16::from_ne_bytes([buffer[4], buffer[5]]);
        if length < 28 || kind != SUBSYSTEM | PACKET {
            continue;
        }
        let verdict = [NF_DROP, buffer[24..28].try_into().unwrap()].concat();
        let body = [generic_header(), attribute(VERDICT_HEADER, &verdict)].concat();
        let request = message(SUBSYSTEM | VERDICT, REQUEST, &body);
        send(listener.as_raw_fd(), &request, MsgFlags::empty()).unwrap();
        packets += 1;
    }
    packets
}
