//! What it costs to remember: CPU time on the event path, and memory, each with `--history` and without.
//!
//! `cargo bench -p netpol-agent --bench history`; with `-- events` or `-- memory` for one of the two.
//!
//! Every run is a process of its own: the agent with all but its kernel side, which gets connections made up here.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

mod agent;
#[path = "../support/connections.rs"]
mod connections;

use std::process::Command;

use agent::{Agent, Figures};

/// Pods on each side, each of them a workload: as many edges as there are pairs.
const PODS: u8 = 200;
const EDGES: u32 = PODS as u32 * PODS as u32;
/// Connections of a run of `events`, over as many edges.
const CONNECTIONS: u32 = 40_000;
/// Connections of a run of `memory`, after the first one of each edge.
const FURTHER: u32 = 80_000;
/// Runs of each kind, of which the best counts.
const ROUNDS: usize = 5;
/// What a child is to do; and that a process is one.
const RUN: &str = "NETPOL_BENCH_HISTORY";
const MIB: f64 = 1024.0 * 1024.0;

fn main() {
    if let Ok(run) = std::env::var(RUN) {
        return child(&run);
    }
    // `cargo bench` has arguments of its own, which begin with dashes.
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let is_chosen = |what: &str| {
        let mut named = chosen.iter().filter(|one| !one.starts_with('-'));
        named.clone().next().is_none() || named.any(|one| one == what)
    };
    if is_chosen("events") {
        events();
    }
    if is_chosen("memory") {
        memory();
    }
}

/// CPU time of the thread that everything runs on but what remembers.
fn events() {
    let mut best = [f64::INFINITY; 2];
    for _ in 0..ROUNDS {
        for (best, kind) in best.iter_mut().zip(["without", "with"]) {
            let [nanoseconds, lost] = run(&format!("events {kind}"));
            assert_eq!(lost, 0.0, "not all was remembered");
            *best = best.min(nanoseconds / f64::from(CONNECTIONS) / 1000.0);
        }
    }
    let [without, with] = best;
    println!(
        "events    {without:.1} µs of CPU a connection without --history, {with:.1} with: {:.2} times as much",
        with / without
    );
}

/// What is allocated, and what the kernel has given.
fn memory() {
    let [before, first, all, resident, _] = run::<5>("memory without");
    let [before_with, first_with, all_with, resident_with, file] = run::<5>("memory with");
    let edges = (first_with - before_with) - (first - before);
    let connections = (all_with - first_with) - (all - first);
    println!(
        "memory    {EDGES} edges, a connection of each: {:.1} MiB, {:.0} bytes each; store {:.1} MiB\n          \
         {FURTHER} connections more: {:.1} MiB, {:.0} bytes each\n          \
         allocated {:.0} MiB, resident at most {:.0}, the store's reading included; without --history {:.0} and {:.0}",
        edges / MIB,
        edges / f64::from(EDGES),
        file / MIB,
        connections / MIB,
        connections / f64::from(FURTHER),
        all_with / MIB,
        resident_with / MIB,
        all / MIB,
        resident / MIB,
    );
}

/// Runs this program as a child, and reads the numbers that it ends with.
fn run<const COUNT: usize>(what: &str) -> [f64; COUNT] {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).env(RUN, what).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers = text.lines().next_back().unwrap_or_default();
    let numbers: Vec<f64> = numbers
        .split(' ')
        .filter_map(|number| number.parse().ok())
        .collect();
    let found = numbers.len();
    let numbers = numbers.try_into().ok();
    numbers.unwrap_or_else(|| panic!("{found} numbers: {output:?}"))
}

fn child(run: &str) {
    let (what, kind) = run.split_once(' ').unwrap();
    let is_kept = kind == "with";
    let numbers = match what {
        "events" => child_events(is_kept),
        _ => child_memory(is_kept),
    };
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    println!("{}", numbers.join(" "));
}

fn child_events(is_kept: bool) -> Vec<u64> {
    let agent = Agent::start(PODS, is_kept);
    let before = agent.figures().cpu;
    agent.connect(0..CONNECTIONS);
    let Figures { cpu, lost, .. } = agent.figures();
    vec![cpu - before, lost]
}

fn child_memory(is_kept: bool) -> Vec<u64> {
    let agent = Agent::start(PODS, is_kept);
    let before = agent.figures().live;
    agent.connect(0..EDGES);
    let first = agent.figures();
    assert!(!is_kept || first.edges == u64::from(EDGES), "{first:?}");
    agent.connect(EDGES..EDGES + FURTHER);
    let all = agent.figures();
    assert_eq!(all.lost, 0);
    let file = if is_kept { agent.read() } else { 0 };
    vec![before, first.live, all.live, agent.figures().peak, file]
}
