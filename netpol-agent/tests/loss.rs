//! Nothing is lost silently: what was seen and what was lost add up to what was sent, exactly.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/scene.rs"]
mod scene;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use figures::{HTTP, figure, wait_for_figure};
use netpol_testkit::firewall;
use netpol_testkit::requirement::{Requirement, require, require_root};
use netpol_testkit::traffic::{Bound, UdpServer, udp_flood};
use netpol_testkit::{AgentProcess, Cluster, FlowsCommand, PodSpec};
use nix::sys::signal::Signal;
use scene::Scene;
use serde_json::Value;

const SENT: &str = "netpol_kernel_flow_events_sent_total";
const REFUSED: &str = "netpol_kernel_flow_events_lost_total";

/// How long the agent may take to tell what the kernel has counted.
const PATIENCE: Duration = Duration::from_secs(20);

/// Between two pods each connection is seen on two interfaces; each sighting makes an event.
const SIGHTINGS: u64 = 2;

fn scene() -> Scene {
    Scene::new([
        PodSpec::new("ci/build", [10, 244, 8, 10].into()),
        PodSpec::new("data/db", [10, 244, 8, 20].into()),
    ])
}

fn start(scene: &Scene, arguments: &[&str]) -> AgentProcess {
    let needed = ["--http-listen", HTTP, "--sweep-interval", "0.2"];
    scene.agent(&[&needed, arguments].concat())
}

/// Looks again and again until it is right or [`PATIENCE`] is over: what was seen last. The agent's sweeps copy the
/// kernel's counters and maps, at different times.
fn settled<T>(mut look: impl FnMut() -> T, is_right: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if is_right(&seen) || Instant::now() > deadline {
            return seen;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One datagram from each of `count` ports: as many connections, of one packet each.
fn send_from_ports(cluster: &Cluster, first: u16, count: u16) {
    let build = cluster.pod("ci/build").netns();
    let to = cluster.pod("data/db").at(9000);
    for port in first..first + count {
        assert_eq!(
            udp_flood(build, to, port, b"x", Bound::count(1)).unwrap(),
            1
        );
    }
}

fn source_ports(flows: &[Value]) -> BTreeSet<u64> {
    flows
        .iter()
        .filter_map(|flow| flow["source"]["port"].as_u64())
        .collect()
}

fn list(agent: &AgentProcess, arguments: &[&str]) -> Vec<Value> {
    FlowsCommand::against(agent)
        .list(arguments.iter().copied())
        .unwrap()
}

/// Repeats `flows list` until the flows are as many as expected.
fn wait_for_flows(agent: &AgentProcess, arguments: &[&str], expected: u16) -> Vec<Value> {
    settled(
        || list(agent, arguments),
        |flows| source_ports(flows).len() >= usize::from(expected),
    )
}

/// What `flows status` says was lost for a reason.
fn lost(agent: &AgentProcess, reason: &str) -> u64 {
    let status = FlowsCommand::against(agent)
        .text(["status", "-o", "json"])
        .unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    let all = status["lost"].as_array().unwrap();
    let of_reason = all.iter().filter(|lost| lost["reason"] == reason);
    of_reason.map(|lost| lost["count"].as_u64().unwrap()).sum()
}

#[test]
fn ring_overfilled_seen_and_lost_add_up_and_nothing_stays_hidden() {
    const COUNT: u16 = 400;
    if !require_root() {
        return;
    }
    let scene = scene();
    let node = scene.cluster.node();
    let db = scene.cluster.pod("data/db");
    let _server = UdpServer::silent(db.netns(), db.at(9000)).unwrap();
    let agent = start(&scene, &["--ring-bytes", "4096"]);
    let watch = FlowsCommand::against(&agent)
        .watch(["--to-port", "9000"])
        .unwrap();
    assert_eq!(wait_for_figure(node, "netpol_subscribers", 1), 1);
    let before = [SENT, REFUSED].map(|series| figure(node, series));

    agent.signal(Signal::SIGSTOP).unwrap();
    send_from_ports(&scene.cluster, 20_000, COUNT);
    agent.signal(Signal::SIGCONT).unwrap();

    let expected = u64::from(COUNT) * SIGHTINGS;
    let [sent, refused] = settled(
        || {
            let [sent, refused] = [SENT, REFUSED].map(|series| figure(node, series));
            [sent - before[0], refused - before[1]]
        },
        |counts| counts.iter().sum::<u64>() >= expected,
    );
    println!("ring of 4096 bytes: {sent} events sent, {refused} refused, {expected} in all");
    assert_eq!(sent + refused, expected);
    assert!(
        sent > 0 && refused > expected / 2,
        "the ring was to be overfilled: {sent}, {refused}"
    );
    let told = refused + before[1];
    assert_eq!(
        settled(|| lost(&agent, "ring_full"), |lost| *lost == told),
        told
    );

    // Every connection whose event was refused is found in the map.
    let flows = wait_for_flows(&agent, &["--to-port", "9000"], COUNT);
    let wanted: BTreeSet<u64> = (20_000..20_000 + u64::from(COUNT)).collect();
    assert_eq!(source_ports(&flows), wanted);
    assert_eq!(flows.len(), usize::from(COUNT), "each connection once");

    // The loss stands in the stream, too.
    let in_stream = watch
        .map(Result::unwrap)
        .find(|item| item["type"] == "lost" && item["reason"] == "ring_full")
        .unwrap();
    assert_eq!(in_stream["count"], refused, "{in_stream}");
    agent.stop().unwrap();
}

#[test]
fn connections_beyond_the_flow_map_are_counted_and_were_reported_before() {
    const COUNT: u16 = 1000;
    const ENTRIES: u64 = 128;
    const INSERTED: &str = "netpol_kernel_flows_inserted_total";
    if !require_root() {
        return;
    }
    let scene = scene();
    let node = scene.cluster.node();
    let db = scene.cluster.pod("data/db");
    let _server = UdpServer::silent(db.netns(), db.at(9000)).unwrap();
    let agent = start(&scene, &["--flow-entries", &ENTRIES.to_string()]);
    let before = figure(node, INSERTED);
    send_from_ports(&scene.cluster, 20_000, COUNT);
    let expected = before + u64::from(COUNT) * SIGHTINGS;
    assert_eq!(wait_for_figure(node, INSERTED, expected), expected);
    assert_eq!(figure(node, "netpol_kernel_flows_refused_total"), 0);
    assert_eq!(figure(node, REFUSED), 0);
    // What the map holds was not pushed out.
    let possible = expected - ENTRIES..expected;
    let series = "netpol_lost_total{stage=\"kernel\",reason=\"flow_map_evicted\"}";
    let [evicted, in_metrics] = settled(
        || [lost(&agent, "flow_map_evicted"), figure(node, series)],
        |[evicted, in_metrics]| possible.contains(evicted) && evicted == in_metrics,
    );
    println!("{expected} entries into a map of {ENTRIES}: {evicted} evicted");
    assert!(possible.contains(&evicted), "{evicted} of {expected}");
    assert_eq!(in_metrics, evicted);
    // Each had made its event before it was pushed out.
    let flows = wait_for_flows(&agent, &["--to-port", "9000"], COUNT);
    assert_eq!(source_ports(&flows).len(), usize::from(COUNT));
    agent.stop().unwrap();
}

const DROPS_SEEN: &str = "netpol_kernel_drops_seen_total";
const DROP_EVENTS: &str = "netpol_kernel_drop_events_sent_total";

/// Everything to port 9001 is dropped on the node.
fn forbid(scene: &Scene) {
    let rules = "table inet enforcement {\nchain forward {\ntype filter hook forward priority 0;\n\
                 udp dport 9001 counter drop\n}\n}\n";
    firewall::nft(scene.cluster.node(), rules).unwrap();
}

#[test]
fn flood_of_one_dropped_connection_is_one_event_and_an_exact_count() {
    const COUNT: u64 = 20_000;
    if !require_root() || !require(&[Requirement::Command("nft")]) {
        return;
    }
    let scene = scene();
    forbid(&scene);
    let node = scene.cluster.node();
    let agent = start(&scene, &[]);
    let before = [DROPS_SEEN, DROP_EVENTS].map(|series| figure(node, series));
    let build = scene.cluster.pod("ci/build").netns();
    let to = scene.cluster.pod("data/db").at(9001);
    assert_eq!(
        udp_flood(build, to, 30_000, b"x", Bound::count(COUNT)).unwrap(),
        COUNT
    );

    let flow = FlowsCommand::against(&agent)
        .wait_for(&["--blocked"], PATIENCE, |flow| {
            // A sweep reads the connections and then the drops.
            flow["observed"]["evidence"]["drop"]["packets"] == COUNT
                && flow["forward"]["packets"] == COUNT
        })
        .unwrap();
    let flow = flow.unwrap_or_else(|| panic!("{:#?}", list(&agent, &["--blocked"])));
    assert_eq!(flow["source"]["port"], 30_000, "{flow:#}");
    let [seen, events] = settled(
        || {
            let [seen, events] = [DROPS_SEEN, DROP_EVENTS].map(|series| figure(node, series));
            [seen - before[0], events - before[1]]
        },
        |[seen, _]| *seen >= COUNT,
    );
    assert!(seen >= COUNT, "{seen}");
    let others = seen - COUNT;
    println!("{COUNT} packets of one kind and {others} others: {events} events");
    // Drops in other namespaces count as well; each may be an event of its own.
    assert!((1..=1 + others).contains(&events), "{events} events");
    agent.stop().unwrap();
}

#[test]
fn flood_of_many_dropped_connections_is_bounded_and_adds_up() {
    const COUNT: u16 = 1000;
    const ENTRIES: u64 = 128;
    const REFUSED: &str = "netpol_kernel_drop_events_lost_total";
    if !require_root() || !require(&[Requirement::Command("nft")]) {
        return;
    }
    let scene = scene();
    forbid(&scene);
    let node = scene.cluster.node();
    let agent = start(&scene, &["--drop-entries", &ENTRIES.to_string()]);
    let before = [DROPS_SEEN, DROP_EVENTS, REFUSED].map(|series| figure(node, series));
    let build = scene.cluster.pod("ci/build").netns();
    let to = scene.cluster.pod("data/db").at(9001);
    for port in 20_000..20_000 + COUNT {
        udp_flood(build, to, port, b"x", Bound::count(1)).unwrap();
    }
    let count = u64::from(COUNT);
    let [seen, events] = settled(
        || {
            let figures = [DROPS_SEEN, DROP_EVENTS, REFUSED].map(|series| figure(node, series));
            [
                figures[0] - before[0],
                figures[1] + figures[2] - before[1] - before[2],
            ]
        },
        |[_, events]| *events >= count,
    );
    // Drops in other namespaces count as well; each may be an event of its own.
    assert!((count..=seen).contains(&events), "{events} of {seen}");
    let possible = count - ENTRIES..seen;
    let evicted = settled(
        || lost(&agent, "drop_map_evicted"),
        |evicted| possible.contains(evicted),
    );
    println!("{seen} kinds of drops into a map of {ENTRIES}: {evicted} evicted");
    assert!(possible.contains(&evicted), "{evicted} of {seen}");
    let flows = wait_for_flows(&agent, &["--blocked", "--to-port", "9001"], COUNT);
    let wanted: BTreeSet<u64> = (20_000..20_000 + count).collect();
    assert_eq!(source_ports(&flows), wanted);
    agent.stop().unwrap();
}
