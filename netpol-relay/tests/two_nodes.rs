//! Two agents on two nodes, with pods on each, and the relay in front of them: what both saw is one flow.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use netpol_testkit::requirement::{Requirement, require};
use netpol_testkit::traffic::{Outcome, TcpAttempt, TcpServer};
use netpol_testkit::{AgentProcess, FlowsCommand, NodePair, firewall};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(20);

/// `data` takes its database port alone.
const POLICY: &str = r"
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: database-only, namespace: data}
spec:
  podSelector: {}
  ingress:
    - ports: [{port: 5432}]
";

/// Removed with everything in it when dropped; what runs there, first.
struct Scene {
    relay: Relay,
    agents: [AgentProcess; 2],
    pair: NodePair,
}

/// The relay as a process. Killed when dropped.
struct Relay {
    process: Child,
    server: String,
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn relay(directory: &Path, agents: &[AgentProcess; 2]) -> Relay {
    let socket = directory.join("relay.sock");
    let agents = agents.each_ref().map(AgentProcess::server).join(",");
    let process = Command::new(env!("CARGO_BIN_EXE_netpol-relay"))
        .args(["--agents", &agents])
        .arg("--socket")
        .arg(&socket)
        .spawn()
        .unwrap();
    let relay = Relay {
        process,
        server: format!("unix://{}", socket.display()),
    };
    let deadline = Instant::now() + PATIENCE;
    while !socket.exists() {
        assert!(Instant::now() < deadline, "the relay does not serve");
        std::thread::sleep(Duration::from_millis(20));
    }
    relay
}

fn scene() -> Scene {
    let pair = NodePair::new("npr", POLICY).unwrap();
    // The second node enforces the policy, as a CNI plugin on it would.
    firewall::nft(
        pair.nodes()[1].node(),
        "table inet t { chain c { type filter hook forward priority 0; \
         ip daddr 10.244.2.20 tcp dport != 5432 counter drop; }; }",
    )
    .unwrap();
    let agents = pair.agents(|_| Vec::new()).unwrap();
    Scene {
        relay: relay(pair.directory(), &agents),
        agents,
        pair,
    }
}

/// Where a flow was seen: node and direction.
fn vantages(flow: &Value) -> Vec<(String, String)> {
    let vantages = flow["vantages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<_> = vantages
        .iter()
        .map(|vantage| (text(&vantage["node"]), text(&vantage["direction"])))
        .collect();
    all.sort();
    all
}

#[test]
fn a_connection_between_nodes_is_one_flow_of_two_vantages() {
    let programs = ["ip", "nft"].map(Requirement::Command);
    if !require(&[&[Requirement::Root], programs.as_slice()].concat()) {
        return;
    }
    let scene = scene();
    let [build, db] = [
        scene.pair.nodes()[0].pod("ci/build"),
        scene.pair.nodes()[1].pod("data/db"),
    ];
    let _server = TcpServer::start(db.netns(), db.at(5432)).unwrap();
    let flows = FlowsCommand::of(&scene.relay.server);
    let logs = || format!("{}\n{}", scene.agents[0].log(), scene.agents[1].log());

    let allowed = TcpAttempt::to(db.at(5432)).from_port(45_001);
    assert_eq!(
        allowed.exchange_from(build.netns(), b"hello").unwrap(),
        Outcome::Answered
    );
    let both = |flow: &Value| vantages(flow).len() == 2;
    let forwarded = flows.wait_for(&["--from-port", "45001"], PATIENCE, both);
    let forwarded = forwarded.unwrap().unwrap_or_else(|| panic!("{}", logs()));
    let seen = [("node-1", "egress"), ("node-2", "ingress")];
    let seen = seen.map(|(node, direction)| (node.to_owned(), direction.to_owned()));
    assert_eq!(vantages(&forwarded), seen, "{forwarded:#}");
    assert_eq!(
        forwarded["observed"]["verdict"], "forwarded",
        "{forwarded:#}"
    );
    assert_eq!(forwarded["agreement"], "agree", "{forwarded:#}");
    assert_eq!(forwarded["source"]["pod"], "build", "{forwarded:#}");
    assert_eq!(forwarded["destination"]["pod"], "db", "{forwarded:#}");
    assert_eq!(flows.list(["--from-port", "45001"]).unwrap().len(), 1);

    let denied = TcpAttempt::to(db.at(6000)).from_port(45_002);
    let denied = denied.timeout(Duration::from_millis(500));
    assert_eq!(
        denied.connect_from(build.netns()).unwrap(),
        Outcome::TimedOut
    );
    let joined = |flow: &Value| flow["observed"]["evidence"]["drop"]["node"] == "node-2";
    let dropped = flows.wait_for(&["--from-port", "45002"], PATIENCE, joined);
    let dropped = dropped.unwrap().unwrap_or_else(|| {
        let all = flows.list(["--from-port", "45002"]).unwrap();
        panic!("{all:#?}\n{}", logs())
    });
    assert_eq!(dropped["observed"]["verdict"], "dropped", "{dropped:#}");
    assert_eq!(dropped["computed"]["verdict"], "denied", "{dropped:#}");
    assert_eq!(dropped["agreement"], "agree", "{dropped:#}");
    assert_eq!(dropped["node"], "node-2", "{dropped:#}");
    assert!(vantages(&dropped).contains(&seen[0]), "{dropped:#}");
    assert_eq!(flows.list(["--from-port", "45002"]).unwrap().len(), 1);

    let status = flows.text(["status"]).unwrap();
    for node in ["node-1", "node-2"] {
        assert!(status.contains(node), "{status}");
    }
    let Scene { relay, agents, .. } = scene;
    drop(relay);
    for agent in agents {
        agent.stop().unwrap();
    }
}
