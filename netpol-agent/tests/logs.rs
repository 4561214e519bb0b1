//! Logs of flows as the built agent writes them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/guarded.rs"]
mod guarded;
#[path = "support/scene.rs"]
mod scene;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use netpol_testkit::requirement::require_root;
use netpol_testkit::traffic::TcpServer;
use netpol_testkit::{AgentProcess, FlowsCommand, artifact, inventory};
use nix::sys::signal::Signal;
use scene::Scene;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
/// After the first SYN was sent again, which TCP does after a second.
const GIVES_UP: Duration = Duration::from_millis(1500);

/// Connects from `ci/build`, in vain where the port is the one that is closed.
fn connect(scene: &Scene, from: u16, to: u16) {
    let attempt = guarded::to(to, GIVES_UP).from_port(from);
    let netns = scene.cluster.pod("ci/build").netns();
    attempt.exchange_from(netns, b"hello").unwrap();
}

fn objects(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let whole = text.lines().filter(|_| text.ends_with('\n'));
    let objects = whole.map(|line| serde_json::from_str(line).unwrap());
    objects.collect()
}

fn wait_for(path: &Path, what: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = objects(path).into_iter().find(&what) {
            return found;
        }
        assert!(Instant::now() < deadline, "{:#?}", objects(path));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn from_port(port: u16) -> impl Fn(&Value) -> bool {
    move |line| line["source"]["port"] == port
}

#[test]
fn a_blocked_connection_has_a_line_which_is_what_flows_list_shows() {
    if !require_root() {
        return;
    }
    let scene = guarded::scene(&[80]);
    let log = scene.directory.path().join("blocked.json");
    let agent = scene.agent(&["--blocked-log", log.to_str().unwrap()]);
    let db = scene.cluster.pod("data/db");
    let _listening = TcpServer::start(db.netns(), db.at(80)).unwrap();
    connect(&scene, 44_001, 80);
    connect(&scene, 44_002, 5432);
    let mut line = wait_for(&log, from_port(44_002));
    assert_eq!(line["type"], "flow");
    assert_eq!(line["observed"]["verdict"], "dropped", "{line:#}");
    assert_eq!(line["agreement"], "agree", "{line:#}");
    assert!(
        line["summary"]
            .as_str()
            .unwrap()
            .starts_with("data/guard: ")
    );

    // Packets that follow change its counters alone: there is no other line.
    let flows = FlowsCommand::against(&agent);
    let counted = |flow: &Value| flow["revision"].as_u64() > line["revision"].as_u64();
    let found = flows.wait_for(&["--from-port", "44002"], PATIENCE, counted);
    let mut listed = found.unwrap().expect("a later revision");
    // The clock is sampled anew every second: times differ by nanoseconds.
    for changing in [
        "first_seen",
        "revision",
        "last_seen",
        "forward",
        "reply",
        "vantages",
        "observed",
    ] {
        line[changing].take();
        listed[changing].take();
    }
    assert_eq!(line, listed);
    assert_eq!(objects(&log).len(), 1, "{:#?}", objects(&log));

    // Whatever rotates logs moves the file, and says so.
    let moved = scene.directory.path().join("moved.json");
    fs::rename(&log, &moved).unwrap();
    agent.signal(Signal::SIGHUP).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    connect(&scene, 44_003, 5432);
    wait_for(&log, from_port(44_003));
    assert_eq!(objects(&moved).len(), 1);
    agent.stop().unwrap();
}

#[test]
fn standard_output_has_the_log_alone() {
    if !require_root() {
        return;
    }
    let scene = guarded::scene(&[80]);
    let own_log = scene.directory.path().join("own.log");
    let mut command = Command::new("sh");
    command
        .args(["-c", "exec \"$0\" \"$@\" 2>\"$OWN_LOG\""])
        .arg(artifact::binary("netpol-agent").unwrap())
        .env("OWN_LOG", &own_log)
        .args(["--node", inventory::NODE_NAME, "--inventory"])
        .arg(scene.directory.path().join("manifests"))
        .args(["--blocked-log", "-", "--allowed-log", "-"])
        .args(["--allowed-log-interval", "1"]);
    let agent =
        AgentProcess::start_command(scene.cluster.node(), scene.directory.path(), command).unwrap();
    let db = scene.cluster.pod("data/db");
    let _listening = TcpServer::start(db.netns(), db.at(80)).unwrap();
    connect(&scene, 44_011, 5432);
    connect(&scene, 44_012, 80);
    connect(&scene, 44_013, 80);
    let stdout = scene.directory.path().join("agent.log");
    wait_for(&stdout, from_port(44_011));
    wait_for(&stdout, |line| line["type"] == "allowed");
    // What is not yet in a line comes with the end.
    agent.stop().unwrap();
    let lines = objects(&stdout);
    let allowed = lines.iter().filter(|line| line["type"] == "allowed");
    let allowed: Vec<&Value> = allowed.collect();
    let connections = allowed
        .iter()
        .map(|line| line["connections"].as_u64().unwrap());
    assert_eq!(connections.sum::<u64>(), 2, "{allowed:#?}");
    let line = allowed[0];
    assert_eq!(
        line["destination"],
        json!({
            "kind": "pod",
            "namespace": "data",
            "workload": { "kind": "Pod", "name": "db" },
        })
    );
    assert_eq!(
        (&line["protocol"], &line["port"]),
        (&json!("tcp"), &json!(80))
    );
    let rule = &line["allowed_by"][0];
    assert_eq!(rule["policy"]["name"], "guard", "{line:#}");
    assert!(
        fs::read_to_string(&own_log)
            .unwrap()
            .contains("serving flows")
    );
}

#[test]
fn a_full_disk_is_told_and_costs_nothing_else() {
    if !require_root() {
        return;
    }
    let scene = guarded::scene(&[80]);
    let agent = scene.agent(&["--blocked-log", "/dev/full"]);
    connect(&scene, 44_021, 5432);
    let flows = FlowsCommand::against(&agent);
    let found = flows.wait_for(&["--from-port", "44021"], PATIENCE, |_| true);
    assert!(found.unwrap().is_some());
    let deadline = Instant::now() + PATIENCE;
    let export = loop {
        let status: Value =
            serde_json::from_str(&flows.text(["status", "-o", "json"]).unwrap()).unwrap();
        let export = status["exports"][0].clone();
        if !export["error"].is_null() {
            break export;
        }
        assert!(Instant::now() < deadline, "{status:#}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(export["name"], "blocked-log");
    assert_eq!(export["target"], "/dev/full");
    assert_eq!(export["error"], "No space left on device (os error 28)");
    assert!(agent.log().contains("No space left on device"));
    agent.stop().unwrap();
}
