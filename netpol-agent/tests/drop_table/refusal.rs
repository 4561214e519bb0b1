//! Connections that get through, and are refused or left without an answer.

use std::net::SocketAddr;

use netpol_testkit::ClusterBuilder;
use netpol_testkit::cluster::WORLD_IPV4;
use netpol_testkit::traffic::{Bound, Outcome, TcpAttempt, UdpServer, udp_flood};
use serde_json::{Value, json};

use crate::case::TWO_SYNS;
use crate::stage::{ALLOWED, DENIED, SERVER, Stage, pod};

/// What every flow has to say that got through to the pod.
fn forwarded(denied: bool) -> Vec<(&'static str, Value)> {
    let (computed, agreement) = match denied {
        true => ("denied", "denied_but_forwarded"),
        false => ("allowed", "agree"),
    };
    vec![
        ("/destination/pod", json!("db")),
        ("/observed/verdict", json!("forwarded")),
        ("/observed/evidence/delivered", json!(true)),
        ("/observed/evidence/node_reply", json!("")),
        ("/computed/verdict", json!(computed)),
        ("/agreement", json!(agreement)),
    ]
}

/// Neither a RST nor an ICMP error of the pod's own is anybody's denial; that policy denies what got through, is told.
#[test]
fn nobody_listens() {
    let Some(stage) = Stage::set_up(&[]) else {
        return;
    };
    let server = stage.pod(SERVER);
    for (from, denied) in [(DENIED, true), (ALLOWED, false)] {
        let source = stage.pod(from).netns();
        for to in [server.at(5001), server.at6(5001)] {
            let (tcp, udp) = (stage.fresh_port(), stage.fresh_port());
            let attempt = TcpAttempt::to(to).from_port(tcp);
            assert_eq!(attempt.connect_from(source).unwrap(), Outcome::Refused);
            udp_flood(source, to, udp, b"datagram", Bound::count(1)).unwrap();
            for (port, protocol) in [(tcp, "TCP"), (udp, "UDP")] {
                let mut fields = forwarded(denied);
                fields.push(("/observed/evidence/refused_by_peer", json!(true)));
                let flow = stage.expect(port, &fields);
                let summary = flow["summary"].as_str().unwrap();
                let wanted = match denied {
                    true => "denied by data/restrict-db, yet forwarded".to_owned(),
                    false => format!("refused by the pod: nothing listens on {protocol} 5001"),
                };
                assert!(summary.starts_with(&wanted), "{summary}");
            }
        }
    }
}

#[test]
fn pod_that_listens_and_says_nothing() {
    let Some(stage) = Stage::set_up(&[]) else {
        return;
    };
    let server = stage.pod(SERVER);
    let _silent = UdpServer::silent(server.netns(), server.at(5002)).unwrap();
    for (from, denied) in [(DENIED, true), (ALLOWED, false)] {
        let port = stage.fresh_port();
        udp_flood(
            stage.pod(from).netns(),
            server.at(5002),
            port,
            b"datagram",
            Bound::count(3),
        )
        .unwrap();
        let mut fields = forwarded(denied);
        fields.push(("/observed/evidence/reply_seen", json!(false)));
        fields.push(("/observed/evidence/refused_by_peer", json!(false)));
        stage.expect(port, &fields);
    }
}

/// A drop beyond the node is not seen, so nothing is said of it, though a policy of the pod's denies the connection.
#[test]
fn world_that_never_answers() {
    let build = |cluster: ClusterBuilder| {
        [("ci/caged", 11), (SERVER, 20), (ALLOWED, 30)]
            .into_iter()
            .fold(cluster.world(), |cluster, (name, last)| {
                cluster.pod(pod(name, last))
            })
    };
    let cage = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": "cage", "namespace": "ci" },
        "spec": { "podSelector": { "matchLabels": { "app": "caged" } }, "policyTypes": ["Egress"], "egress": [] },
    });
    let Some(stage) = Stage::with(&[], build, [cage]) else {
        return;
    };
    // Beyond the machine outside, which forwards nothing.
    let nowhere: SocketAddr = ([198, 51, 100, 9], 443).into();
    assert_ne!(nowhere.ip(), WORLD_IPV4);
    for (from, computed) in [("ci/caged", "denied"), (ALLOWED, "allowed")] {
        let port = stage.fresh_port();
        let attempt = TcpAttempt::to(nowhere).from_port(port).timeout(TWO_SYNS);
        assert_eq!(
            attempt.connect_from(stage.pod(from).netns()).unwrap(),
            Outcome::TimedOut
        );
        let flow = stage.expect(
            port,
            &[
                ("/destination/kind", json!("world")),
                ("/destination/address", json!("198.51.100.9")),
                ("/observed/verdict", json!("unanswered")),
                ("/observed/evidence/drop", json!("")),
                ("/computed/verdict", json!(computed)),
                ("/agreement", json!("undetermined")),
            ],
        );
        assert_eq!(
            flow["summary"],
            "no answer in 1 s; no drop was seen on this node"
        );
    }
}
