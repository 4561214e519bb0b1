//! Nothing is lost silently: what was seen and what was lost add up to what was sent, exactly.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/scene.rs"]
mod scene;

use std::collections::BTreeSet;
use std::time::Duration;

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

/// Between two pods each connection is seen on two interfaces; each sighting makes an event.
const SIGHTINGS: u64 = 2;

fn scene() -> Scene {
    Scene::new([
        PodSpec::new("ci/build", [10, 244, 8, 10].into()),
        PodSpec::new("data/db", [10, 244, 8, 20].into()),
    ])
}

/// Starts it, and waits until its interfaces are quiet: the counters stand still from then on.
fn start(scene: &Scene, arguments: &[&str]) -> AgentProcess {
    let needed = ["--http-listen", HTTP, "--sweep-interval", "0.2"];
    let agent = scene.agent(&[&needed, arguments].concat());
    // Its own sweeps copy the counters.
    std::thread::sleep(Duration::from_millis(500));
    agent
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

/// Repeats `flows list` until the flows are as many as expected or ten seconds are over.
fn wait_for_flows(agent: &AgentProcess, arguments: &[&str], expected: usize) -> Vec<Value> {
    for _ in 0..100 {
        let flows = list(agent, arguments);
        if source_ports(&flows).len() >= expected {
            return flows;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    list(agent, arguments)
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
    std::thread::sleep(Duration::from_millis(600));
    let [sent, refused] = [SENT, REFUSED].map(|series| figure(node, series));
    let (sent, refused) = (sent - before[0], refused - before[1]);
    println!("ring of 4096 bytes: {sent} events sent, {refused} refused, {expected} in all");
    assert_eq!(sent + refused, expected);
    assert!(
        sent > 0 && refused > expected / 2,
        "the ring was to be overfilled: {sent}, {refused}"
    );
    assert_eq!(lost(&agent, "ring_full"), refused + before[1]);

    // Every connection whose event was refused is found in the map.
    let flows = wait_for_flows(&agent, &["--to-port", "9000"], COUNT.into());
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
    std::thread::sleep(Duration::from_millis(500));
    let evicted = lost(&agent, "flow_map_evicted");
    println!("{expected} entries into a map of {ENTRIES}: {evicted} evicted");
    assert!(
        (expected - ENTRIES..expected).contains(&evicted),
        "{evicted} of {expected}"
    );
    let series = "netpol_lost_total{stage=\"kernel\",reason=\"flow_map_evicted\"}";
    assert_eq!(figure(node, series), evicted);
    // Each had made its event before it was pushed out.
    let flows = wait_for_flows(&agent, &["--to-port", "9000"], COUNT.into());
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
        .wait_for(&["--blocked"], Duration::from_secs(10), |flow| {
            flow["observed"]["evidence"]["drop"]["packets"] == COUNT
        })
        .unwrap();
    let flow = flow.unwrap_or_else(|| panic!("{:#?}", list(&agent, &["--blocked"])));
    assert_eq!(flow["forward"]["packets"], COUNT, "{flow:#}");
    assert_eq!(flow["source"]["port"], 30_000, "{flow:#}");
    // The node may drop a packet of its own now and then, each of which is an event of its own.
    let [seen, events] = [DROPS_SEEN, DROP_EVENTS].map(|series| figure(node, series));
    let others = seen - before[0] - COUNT;
    println!(
        "{COUNT} packets of one kind and {others} others: {} events",
        events - before[1]
    );
    assert!(others < 20, "{others}");
    assert!(
        (1..=1 + others).contains(&(events - before[1])),
        "{} events",
        events - before[1]
    );
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
    assert_eq!(
        wait_for_figure(node, DROPS_SEEN, before[0] + count),
        before[0] + count
    );
    let events = figure(node, DROP_EVENTS) + figure(node, REFUSED) - before[1] - before[2];
    assert_eq!(events, count);
    std::thread::sleep(Duration::from_millis(500));
    let evicted = lost(&agent, "drop_map_evicted");
    println!("{count} kinds of drops into a map of {ENTRIES}: {evicted} evicted");
    assert!(
        (count - ENTRIES..count).contains(&evicted),
        "{evicted} of {count}"
    );
    let flows = wait_for_flows(&agent, &["--blocked"], COUNT.into());
    assert_eq!(source_ports(&flows).len(), usize::from(COUNT));
    agent.stop().unwrap();
}
