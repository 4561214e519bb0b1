//! The frames of the parser's own tests, through the loaded programs: what the verifier admitted says what the host says.
//!
//! Needs root and bpf(2). Without them it says so and does nothing, but fails where `CI` is set.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "../../netpol-common/tests/parser/frames.rs"]
mod frames;

use std::collections::HashMap;
use std::os::fd::AsFd as _;

use aya::maps::{MapData, PerCpuArray};
use aya::programs::{TestRun as _, TestRunOptions};
use netpol_agent::kernel::KernelConfig;
use netpol_agent::kernel::bpf::{delete, for_each};
use netpol_agent::kernel::btf::KernelTypes;
use netpol_agent::kernel::names::KernelNames;
use netpol_agent::kernel::programs::{LoadError, Programs};
use netpol_agent::kernel::symbols::Symbols;
use netpol_common::packet::{Fragment, LinkLayer, parse, signal};
use netpol_common::record::{Counter, Crossing, FlowKey, FlowState, flow_flag};

use frames::{ACK, ARP, FIN, Ipv4, SYN, delivered, ethernet, readable, tcp};

/// `BPF_PROG_TEST_RUN` gives `EINVAL` for less than this (Ethernet and an IPv4 header).
const SHORTEST: usize = 34;

/// The interface on which test runs take place, unless the context names another.
const LOOPBACK: u32 = 1;

struct Kernel {
    programs: Programs,
    counters: PerCpuArray<MapData, u64>,
}

impl Kernel {
    fn load() -> Result<Self, LoadError> {
        let types = KernelTypes::load()?;
        let names = KernelNames::new(types.drop_reasons(), Symbols::default());
        let mut programs = Programs::load(&KernelConfig::default(), &types, &names, 0)?;
        let counters = PerCpuArray::try_from(programs.take("COUNTERS")?).unwrap();
        Ok(Self { programs, counters })
    }

    /// Runs a frame through the program and checks that the packet goes on.
    fn run(&mut self, link: LinkLayer, crossing: Crossing, frame: &[u8]) {
        let options = TestRunOptions {
            data_in: Some(frame),
            ..TestRunOptions::new()
        };
        let program = self.programs.tc_mut(link, crossing).unwrap();
        assert_eq!(program.test_run(options).unwrap().return_value, u32::MAX);
    }

    fn count(&self, counter: Counter) -> u64 {
        self.counters
            .get(&(counter as u32), 0)
            .unwrap()
            .iter()
            .sum()
    }

    /// Takes all connections out of the map.
    fn flows(&self) -> HashMap<FlowKey, FlowState> {
        let map = self.programs.map("FLOWS").unwrap();
        let mut flows = HashMap::new();
        for_each(map.as_fd(), |key: FlowKey, state: FlowState| {
            flows.insert(key, state);
        })
        .unwrap();
        for key in flows.keys() {
            assert!(delete(map.as_fd(), key).unwrap());
        }
        flows
    }
}

/// The kernel side, or nothing where there can be none.
fn kernel() -> Option<Kernel> {
    match Kernel::load() {
        Ok(kernel) => Some(kernel),
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: the programs cannot be loaded (root? bpf?): {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn the_kernel_reads_every_frame_as_the_host_does() {
    let Some(mut kernel) = kernel() else {
        return;
    };
    for (name, packet) in readable() {
        for (link, frame) in delivered(&packet) {
            if frame.len() < SHORTEST {
                continue;
            }
            let expected = parse(&frame[..], link).unwrap();
            let is_flow = !matches!(expected.fragment, Fragment::Later { .. })
                && expected.signals & (signal::ICMP_ERROR | signal::LINK_CONTROL) == 0;
            for crossing in [Crossing::FromPod, Crossing::ToPod] {
                kernel.run(link, crossing, &frame);
                let flows = kernel.flows();
                if !is_flow {
                    assert_eq!(flows, HashMap::new(), "{name}");
                    continue;
                }
                let key = FlowKey::new(&expected.tuple, expected.protocol, LOOPBACK);
                let state = flows
                    .get(&key)
                    .unwrap_or_else(|| panic!("{name}: {flows:?}"));
                assert_eq!(flows.len(), 1, "{name}");
                let counters = state.counters[crossing as usize];
                assert_eq!(counters.packets, 1, "{name}");
                assert_eq!(counters.bytes, packet.len() as u64, "{name}");
                assert_eq!(counters.tcp_flags, u32::from(expected.tcp_flags), "{name}");
                let opening = state.flags & flow_flag::OPENING_SEEN != 0;
                assert_eq!(opening, expected.has(signal::OPENING), "{name}");
                let icmp = u16::from_be_bytes([expected.icmp_type, expected.icmp_code]);
                assert_eq!(state.icmp, icmp, "{name}");
            }
        }
    }
    for refused in [Counter::NotIp, Counter::Truncated, Counter::Malformed] {
        assert_eq!(kernel.count(refused), 0, "{refused:?}");
    }
}

#[test]
fn what_cannot_be_read_is_counted_and_makes_no_flow() {
    let Some(mut kernel) = kernel() else {
        return;
    };
    let syn = tcp(40000, 80, SYN);
    let contradictory = Ipv4 {
        first: Some(0x44),
        ..Ipv4::new(6)
    }
    .carrying(&syn);
    let cut = &Ipv4::new(6).carrying(&syn)[..32];
    let cases = [
        (Counter::NotIp, ethernet(&[], ARP, &[0; 46])),
        (
            Counter::Malformed,
            ethernet(&[], frames::IPV4, &contradictory),
        ),
        (Counter::Truncated, ethernet(&[], frames::IPV4, cut)),
    ];
    for (counter, frame) in cases {
        for crossing in [Crossing::FromPod, Crossing::ToPod] {
            let before = kernel.count(counter);
            kernel.run(LinkLayer::Ethernet, crossing, &frame);
            assert_eq!(kernel.count(counter), before + 1, "{counter:?}");
        }
    }
    assert_eq!(kernel.flows(), HashMap::new());
    assert_eq!(kernel.count(Counter::PacketsSeen), 6);
}

#[test]
fn a_connection_lives_and_ends_in_the_kernel() {
    let Some(mut kernel) = kernel() else {
        return;
    };
    let there = |flags| {
        ethernet(
            &[],
            frames::IPV4,
            &Ipv4::new(6).carrying(&tcp(40000, 80, flags)),
        )
    };
    let back = |flags| {
        ethernet(
            &[],
            frames::IPV4,
            &Ipv4::new(6).back().carrying(&tcp(80, 40000, flags)),
        )
    };
    for (from_pod, to_pod) in [(SYN, SYN | ACK), (ACK, ACK), (FIN | ACK, FIN | ACK)] {
        kernel.run(LinkLayer::Ethernet, Crossing::FromPod, &there(from_pod));
        kernel.run(LinkLayer::Ethernet, Crossing::ToPod, &back(to_pod));
    }
    let flows = kernel.flows();
    let state = flows.values().next().unwrap();
    let expected = flow_flag::OPENING_SEEN | flow_flag::REPLY_SEEN | flow_flag::ENDED;
    assert_eq!(state.flags & (expected | flow_flag::INFERRED), expected);
    assert_eq!(
        (
            flows.len(),
            state.counters[0].packets,
            state.counters[1].packets
        ),
        (1, 3, 3)
    );
    // New, established, ended.
    assert_eq!(kernel.count(Counter::FlowEventsSent), 3);
}
