//! What a process of the node itself sends.

use std::net::{IpAddr, SocketAddr};

use netpol_testkit::cluster::{NODE_IPV4, NODE_IPV6};
use netpol_testkit::pod::GATEWAY;
use netpol_testkit::requirement::Requirement;
use netpol_testkit::traffic::{Outcome, TcpAttempt};
use serde_json::json;

use crate::case::TWO_SYNS;
use crate::stage::{SERVER, Stage};

/// A pod accepts what comes from its own node, whatever policies say; so this drop is somebody else's.
#[test]
fn drop_in_output() {
    let Some(stage) = Stage::set_up(&[Requirement::Command("nft")]) else {
        return;
    };
    stage.nft(
        "table inet t { chain c { type filter hook output priority 0; tcp dport 5001 drop; }; }",
    );
    let server = stage.pod(SERVER);
    // An address that no Node object lists: that of the pod's gateway.
    dropped(&stage, server.at(5001), GATEWAY);
    let interface = server.host_interface();
    let (v4, v6) = (server.ipv4(), server.ipv6());
    stage.run(&format!(
        "ip route change {v4}/32 dev {interface} src {NODE_IPV4}"
    ));
    stage.run(&format!(
        "ip route change {v6}/128 dev {interface} src {NODE_IPV6}"
    ));
    dropped(&stage, server.at(5001), NODE_IPV4);
    dropped(&stage, server.at6(5001), NODE_IPV6);
}

/// A connection of the node's own that does not leave it.
fn dropped(stage: &Stage, to: SocketAddr, from: impl Into<IpAddr>) {
    let from = from.into().to_string();
    let port = stage.fresh_port();
    let attempt = TcpAttempt::to(to).from_port(port).timeout(TWO_SYNS);
    let (outcome, syns) = attempt.connect_counting_syns(stage.node()).unwrap();
    assert_eq!(outcome, Outcome::TimedOut);
    let flow = stage.expect(
        port,
        &[
            ("/source/kind", json!("node")),
            ("/source/node", json!("node-1")),
            ("/source/address", json!(from)),
            ("/source/port", json!(port)),
            ("/destination/pod", json!("db")),
            ("/destination/port", json!(5001)),
            ("/observed/verdict", json!("dropped")),
            ("/observed/evidence/drop/reason", json!("NETFILTER_DROP")),
            ("/observed/evidence/drop/location", json!("nft_do_chain")),
            ("/observed/evidence/drop/class", json!("firewall")),
            ("/observed/evidence/drop/packets", json!(syns)),
            ("/observed/evidence/drop/interface", json!("")),
            ("/observed/evidence/drop/in_node_netns", json!(true)),
            ("/computed/verdict", json!("allowed")),
            ("/computed/ingress/decided_by", json!("node")),
            ("/agreement", json!("allowed_but_dropped")),
        ],
    );
    let summary = flow["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("allowed by policy, dropped by something else"),
        "{summary}"
    );
}
