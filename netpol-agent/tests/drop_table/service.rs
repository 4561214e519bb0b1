//! A Service by DNAT: what the source dialled and what was dropped are two tuples of one flow.

use std::net::SocketAddr;

use netpol_testkit::ClusterBuilder;
use netpol_testkit::requirement::Requirement;
use netpol_testkit::traffic::{Outcome, TcpAttempt};
use serde_json::{Value, json};

use crate::case::{Case, TWO_SYNS};
use crate::expected::{Device, Expected};
use crate::stage::{ALLOWED, DENIED, SERVER, Stage, pod};

const RULES: &str = "
    table inet service { chain c { type nat hook prerouting priority dstnat;
        ip daddr 10.96.78.2 meta l4proto { tcp, udp } th dport 80 dnat ip to 10.78.1.20:5001
        ip daddr 10.96.78.2 tcp dport 81 dnat ip to 10.78.1.20:5002
        ip daddr 10.96.78.2 tcp dport 82 dnat ip to 10.78.1.20:5003
        ip6 daddr fd00:96::2 tcp dport 80 dnat ip6 to [fd78::14]:5001
    }; }
    table inet filter {
        chain forward { type filter hook forward priority 0;
            th dport 5001 drop
            tcp dport 5002 reject with tcp reset
        }
        chain late { type filter hook postrouting priority mangle; th dport 5003 drop; }
    }";

fn service() -> Value {
    let port = |number: u16, target: u16, protocol: &str| json!({ "name": format!("{protocol}-{number}"), "protocol": protocol, "port": number, "targetPort": target });
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "name": "db", "namespace": "data" },
        "spec": {
            "clusterIP": "10.96.78.2",
            "clusterIPs": ["10.96.78.2", "fd00:96::2"],
            "selector": { "app": "db" },
            "ports": [port(80, 5001, "TCP"), port(80, 5001, "UDP"), port(81, 5002, "TCP"), port(82, 5003, "TCP")],
        },
    })
}

fn stage() -> Option<Stage> {
    let build = |cluster: ClusterBuilder| {
        [(DENIED, 10), (SERVER, 20), (ALLOWED, 30)]
            .into_iter()
            .fold(cluster, |cluster, (name, last)| {
                cluster.pod(pod(name, last))
            })
    };
    Stage::with(&[Requirement::Command("nft")], build, [service()])
}

#[test]
fn drop_behind_the_translation() {
    let Some(stage) = stage() else {
        return;
    };
    stage.nft(RULES);
    let at = |port: u16| SocketAddr::from(([10, 96, 78, 2], port));
    let at6 = SocketAddr::from(([0xfd00, 0x96, 0, 0, 0, 0, 0, 2], 80));
    let dropped = Expected::dropped("NETFILTER_DROP", &["nft_do_chain"]);
    let reset = dropped.clone().rejected("tcp-rst", Outcome::Refused);
    let late = dropped.clone().on(Device::Destination);
    stage.play(&[
        Case::new(5001, dropped.clone()).through(at(80)),
        Case::new(5001, dropped.clone())
            .through(at(80))
            .from(ALLOWED),
        Case::new(5001, dropped.clone()).through(at(80)).udp(),
        Case::new(5001, dropped.clone()).through(at6).v6(),
        Case::new(5001, dropped).through(at6).v6().from(ALLOWED),
        Case::new(5002, reset.clone()).through(at(81)),
        Case::new(5002, reset).through(at(81)).from(ALLOWED),
        Case::new(5003, late).through(at(82)),
    ]);
}

/// A drop before the translation: which backend it would have been is not known, so no policy is blamed.
#[test]
fn drop_before_the_translation() {
    let Some(stage) = stage() else {
        return;
    };
    stage.nft(
        "table inet t { chain c { type filter hook prerouting priority raw; ip daddr 10.96.78.2 drop; }; }",
    );
    for from in [DENIED, ALLOWED] {
        let port = stage.fresh_port();
        let attempt = TcpAttempt::to(SocketAddr::from(([10, 96, 78, 2], 80))).from_port(port);
        let source = stage.pod(from).netns();
        let (outcome, syns) = attempt
            .timeout(TWO_SYNS)
            .connect_counting_syns(source)
            .unwrap();
        assert_eq!(outcome, Outcome::TimedOut);
        let flow = stage.expect(
            port,
            &[
                ("/source/pod", json!(from.split('/').nth(1))),
                ("/destination/kind", json!("service")),
                ("/service/name", json!("db")),
                ("/service/port", json!(80)),
                ("/observed/verdict", json!("dropped")),
                ("/observed/evidence/drop/reason", json!("NETFILTER_DROP")),
                ("/observed/evidence/drop/class", json!("firewall")),
                ("/observed/evidence/drop/packets", json!(syns)),
                ("/computed/verdict", json!("unknown")),
                ("/agreement", json!("undetermined")),
            ],
        );
        let summary = flow["summary"].as_str().unwrap();
        let wanted = "dropped by a firewall; what policies say is not known";
        assert!(summary.starts_with(wanted), "{summary}");
    }
}
