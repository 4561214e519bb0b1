//! What readers get: all that was blocked, whatever else goes on; history, then live; by socket and by TCP.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/figures.rs"]
mod figures;
#[path = "support/scene.rs"]
mod scene;

use std::collections::BTreeSet;
use std::time::Duration;

use figures::{HTTP, figure, get, wait_for_figure};
use netpol_testkit::firewall;
use netpol_testkit::requirement::{Requirement, require, require_root};
use netpol_testkit::traffic::{Bound, Outcome, TcpAttempt, TcpServer, tcp_loop, udp_flood};
use netpol_testkit::{AgentProcess, FlowsCommand, PodSpec};
use scene::Scene;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);
const SUBSCRIBERS: &str = "netpol_subscribers";

fn able() -> bool {
    require_root() && require(&[Requirement::Command("nft")])
}

/// Port 5432 is served, ports from 9000 to 9099 are dropped on the node.
fn scene() -> (Scene, TcpServer) {
    let scene = Scene::new([
        PodSpec::new("ci/build", [10, 244, 4, 10].into()),
        PodSpec::new("data/db", [10, 244, 4, 20].into()),
    ]);
    let rules = "table inet enforcement {\nchain forward {\ntype filter hook forward priority 0;\n\
                 meta l4proto { tcp, udp } th dport 9000-9099 drop\n}\n}\n";
    firewall::nft(scene.cluster.node(), rules).unwrap();
    let db = scene.cluster.pod("data/db");
    let server = TcpServer::start(db.netns(), db.at(5432)).unwrap();
    (scene, server)
}

fn start(scene: &Scene, arguments: &[&str]) -> AgentProcess {
    scene.agent(
        &[
            &["--http-listen", HTTP, "--sweep-interval", "0.2"],
            arguments,
        ]
        .concat(),
    )
}

/// One allowed connection from this port.
fn allowed(scene: &Scene, port: u16) {
    let to = TcpAttempt::to(scene.cluster.pod("data/db").at(5432)).from_port(port);
    let outcome = to
        .exchange_from(scene.cluster.pod("ci/build").netns(), b"hello")
        .unwrap();
    assert_eq!(outcome, Outcome::Answered);
}

#[test]
fn every_blocked_connection_arrives_while_allowed_ones_flood() {
    const BLOCKED: u16 = 100;
    const ALLOWED: u64 = 3000;
    if !able() {
        return;
    }
    let (scene, _server) = scene();
    let node = scene.cluster.node();
    let agent = start(&scene, &[]);
    let watch = FlowsCommand::against(&agent).watch(["--blocked"]).unwrap();
    assert_eq!(wait_for_figure(node, SUBSCRIBERS, 1), 1);
    let build = scene.cluster.pod("ci/build").netns();
    let db = scene.cluster.pod("data/db");
    let flood = std::thread::scope(|scope| {
        let to = TcpAttempt::to(db.at(5432));
        let bound = Bound::count(ALLOWED);
        let flood = scope.spawn(move || tcp_loop(build, to, b"hello", bound).unwrap());
        for port in 0..BLOCKED {
            udp_flood(build, db.at(9000), 20_000 + port, b"x", Bound::count(1)).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
        flood.join().unwrap()
    });
    assert_eq!((flood.answered, flood.failed), (ALLOWED, 0));
    let mut missing: BTreeSet<u64> = (20_000..20_000 + u64::from(BLOCKED)).collect();
    for item in watch {
        let item = item.unwrap();
        assert_eq!(item["type"], "flow", "nothing is lost: {item:#}");
        assert_eq!(item["observed"]["verdict"], "dropped", "{item:#}");
        missing.remove(&item["source"]["port"].as_u64().unwrap());
        if missing.is_empty() {
            break;
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
    agent.stop().unwrap();
}

#[test]
fn retransmitted_opening_is_one_flow_whose_count_grows() {
    if !able() {
        return;
    }
    let (scene, _server) = scene();
    let agent = start(&scene, &[]);
    let build = scene.cluster.pod("ci/build").netns();
    let to = TcpAttempt::to(scene.cluster.pod("data/db").at(9001)).from_port(45_001);
    // The kernel repeats the SYN after one second and after two more.
    let outcome = to
        .timeout(Duration::from_millis(3500))
        .connect_from(build)
        .unwrap();
    assert_eq!(outcome, Outcome::TimedOut);
    let flows = FlowsCommand::against(&agent);
    let packets = |flow: &Value| {
        flow["observed"]["evidence"]["drop"]["packets"]
            .as_u64()
            .unwrap_or(0)
    };
    let filter = ["--blocked", "--to-port", "9001"];
    let found = flows
        .wait_for(&filter, PATIENCE, |flow| packets(flow) >= 3)
        .unwrap();
    let all = flows.list(filter).unwrap();
    assert!(found.is_some(), "{all:#?}");
    assert_eq!(all.len(), 1, "{all:#?}");
    assert!(all[0]["revision"].as_u64().unwrap() > 1, "{all:#?}");
    agent.stop().unwrap();
}

#[test]
fn history_comes_first_and_filters_hold_for_both() {
    if !able() {
        return;
    }
    let (scene, _server) = scene();
    let node = scene.cluster.node();
    let agent = start(
        &scene,
        &[
            "--listen",
            "127.0.0.1:4245",
            "--plaintext",
            "--authorization",
            "none",
        ],
    );
    let flows = FlowsCommand::against(&agent);
    (46_001..=46_005).for_each(|port| allowed(&scene, port));
    let build = scene.cluster.pod("ci/build").netns();
    let db = scene.cluster.pod("data/db").at(9000);
    udp_flood(build, db, 46_100, b"x", Bound::count(1)).unwrap();
    let ports = |flows: &[Value]| -> Vec<u64> {
        flows
            .iter()
            .map(|flow| flow["source"]["port"].as_u64().unwrap())
            .collect()
    };
    // Ends are told in the order in which they settle, which need not be that of the ports.
    for port in 46_001..=46_005 {
        let ended = |flow: &Value| flow["source"]["port"] == port && flow["state"] == "ended";
        assert!(
            flows
                .wait_for(&["--protocol", "tcp"], PATIENCE, ended)
                .unwrap()
                .is_some()
        );
    }
    assert!(
        flows
            .wait_for(&["--blocked"], PATIENCE, |_| true)
            .unwrap()
            .is_some()
    );

    let tcp = ["--protocol", "tcp", "--to-pod", "data/db"];
    let all = ports(&flows.list(tcp).unwrap());
    assert_eq!(all.len(), 5);
    let last = flows.list(["--last", "2", "--protocol", "tcp"]).unwrap();
    assert_eq!(ports(&last), all[3..]);
    assert_eq!(
        ports(
            &flows
                .list(["--not", "--protocol", "tcp", "--to-port", "9000"])
                .unwrap()
        ),
        [46_100]
    );
    assert_eq!(
        flows
            .list([
                "--since",
                "1m",
                "--from-namespace",
                "ci",
                "--protocol",
                "tcp"
            ])
            .unwrap()
            .len(),
        5
    );
    assert!(flows.list(["--namespace", "nobody"]).unwrap().is_empty());

    // Kept ones first, then what comes: 46001 and 46006 are in that order, and 46007 is filtered out.
    let watch = [
        "--since",
        "1m",
        "--protocol",
        "tcp",
        "--not",
        "--from-port",
        "46007",
    ];
    let watch = flows.watch(watch).unwrap();
    assert_eq!(wait_for_figure(node, SUBSCRIBERS, 1), 1);
    allowed(&scene, 46_007);
    allowed(&scene, 46_006);
    let mut seen = Vec::new();
    for item in watch {
        let port = item.unwrap()["source"]["port"].as_u64().unwrap();
        if !seen.contains(&port) {
            seen.push(port);
        }
        if port == 46_006 {
            break;
        }
    }
    let (kept, live) = seen.split_at(all.len());
    assert_eq!((kept, live), (&all[..], &[46_006][..]));
    assert!(
        figure(node, "netpol_stream_items_filtered_total") > 0,
        "the server filtered"
    );

    // The same by TCP, from inside the node.
    let mut by_tcp = std::process::Command::new(netpol_testkit::artifact::binary("flows").unwrap());
    by_tcp.args([
        "list",
        "-o",
        "json",
        "--server",
        "http://127.0.0.1:4245",
        "--to-port",
        "9000",
    ]);
    let text = node.exec(&mut by_tcp).unwrap();
    let flow: Value = serde_json::from_str(text.trim()).unwrap();
    assert_eq!(flow["source"]["port"], 46_100, "{flow:#}");
    agent.stop().unwrap();
}

#[test]
fn metrics_are_well_formed_and_no_label_grows_with_traffic() {
    if !able() {
        return;
    }
    let (scene, _server) = scene();
    let node = scene.cluster.node();
    let agent = start(&scene, &[]);
    assert!(get(node, "/healthz").ends_with("\r\n\r\nok\n"));
    (47_001..=47_020).for_each(|port| allowed(&scene, port));
    wait_for_figure(node, "netpol_flows_total{verdict=\"forwarded\"}", 20);
    let answer = get(node, "/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.contains("content-type: application/openmetrics-text"),
        "{answer}"
    );
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(body.ends_with("# EOF\n"), "{body}");
    let mut described = BTreeSet::new();
    for line in body.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            described.extend(comment.split(' ').nth(1).map(str::to_owned));
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        assert!(
            described.contains(name.trim_end_matches("_total")),
            "{name} has no help"
        );
        assert!(name.starts_with("netpol_"), "{line}");
        // Of what comes from traffic or from the cluster, nothing is a label.
        for word in ["10.244", "build", "data", "47001", "5432"] {
            assert!(!labels.contains(word), "{line}");
        }
    }
    let series = body.lines().filter(|line| !line.starts_with('#')).count();
    assert!(series < 100, "{series} series");
    agent.stop().unwrap();
}
