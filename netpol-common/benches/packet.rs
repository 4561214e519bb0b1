//! What the parser and the flow state cost on the host. The programs in the kernel run the same code.
//!
//! `cargo bench -p netpol-common`

use divan::{Bencher, black_box};
use etherparse::PacketBuilder;
use netpol_common::packet::{self, LinkLayer};
use netpol_common::record::FlowKey;

fn main() {
    divan::main();
}

fn tcp_over_ipv4() -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
        .tcp(40000, 443, 1, 1024)
        .syn();
    build(builder)
}

fn tcp_over_ipv6() -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6])
        .ipv6([1; 16], [2; 16], 64)
        .tcp(40000, 443, 1, 1024)
        .syn();
    build(builder)
}

fn build(builder: etherparse::PacketBuilderStep<etherparse::TcpHeader>) -> Vec<u8> {
    let mut frame = Vec::with_capacity(builder.size(0));
    builder
        .write(&mut frame, &[])
        .unwrap_or_else(|error| panic!("a frame in memory cannot be written: {error}"));
    frame
}

#[divan::bench]
fn parse_ipv4(bencher: Bencher<'_, '_>) {
    let frame = tcp_over_ipv4();
    bencher.bench_local(|| packet::parse(black_box(frame.as_slice()), LinkLayer::Ethernet));
}

#[divan::bench]
fn parse_ipv6(bencher: Bencher<'_, '_>) {
    let frame = tcp_over_ipv6();
    bencher.bench_local(|| packet::parse(black_box(frame.as_slice()), LinkLayer::Ethernet));
}

#[divan::bench]
fn parse_and_key(bencher: Bencher<'_, '_>) {
    let frame = tcp_over_ipv4();
    bencher.bench_local(|| {
        packet::parse(black_box(frame.as_slice()), LinkLayer::Ethernet)
            .map(|packet| FlowKey::new(&packet.tuple, packet.protocol, 7))
    });
}
