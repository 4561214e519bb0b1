//! A Service without ready endpoints, rejected as kube-proxy does it: with the reason of any policy's reject.

use std::net::SocketAddr;

use netpol_testkit::ClusterBuilder;
use netpol_testkit::requirement::Requirement;
use netpol_testkit::traffic::{Outcome, TcpAttempt};
use serde_json::{Value, json};

use crate::stage::{ALLOWED, DENIED, SERVER, Stage, pod};

const ADDRESS: [u8; 4] = [10, 96, 78, 1];

fn objects() -> [Value; 2] {
    [
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": { "name": "empty", "namespace": "data" },
            "spec": {
                "clusterIP": "10.96.78.1",
                "clusterIPs": ["10.96.78.1"],
                "selector": { "app": "db" },
                "ports": [{ "name": "sql", "protocol": "TCP", "port": 5432, "targetPort": 5432 }],
            },
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "empty-1", "namespace": "data", "labels": { "kubernetes.io/service-name": "empty" },
            },
            "addressType": "IPv4",
            "ports": [{ "name": "sql", "protocol": "TCP", "port": 5432 }],
            "endpoints": [{ "addresses": ["10.78.1.20"], "conditions": { "ready": false } }],
        }),
    ]
}

#[test]
fn reject_of_a_service_without_endpoints() {
    let build = |cluster: ClusterBuilder| {
        [(DENIED, 10), (SERVER, 20), (ALLOWED, 30)]
            .into_iter()
            .fold(cluster.world(), |cluster, (name, last)| {
                cluster.pod(pod(name, last))
            })
    };
    let needed = [
        Requirement::Command("iptables-nft"),
        Requirement::Command("iptables-legacy"),
    ];
    let Some(stage) = Stage::with(&needed, build, objects()) else {
        return;
    };
    for program in ["iptables-nft", "iptables-legacy"] {
        let rule = "FORWARD -d 10.96.78.1/32 -p tcp --dport 5432 -j REJECT --reject-with icmp-port-unreachable";
        stage.run(&format!("{program} -A {rule}"));
        for from in [DENIED, ALLOWED] {
            let port = stage.fresh_port();
            let attempt = TcpAttempt::to(SocketAddr::from((ADDRESS, 5432))).from_port(port);
            assert_eq!(
                attempt.connect_from(stage.pod(from).netns()).unwrap(),
                Outcome::Refused
            );
            let flow = stage.expect(
                port,
                &[
                    ("/source/pod", json!(from.split('/').nth(1))),
                    ("/destination/kind", json!("service")),
                    ("/service/namespace", json!("data")),
                    ("/service/name", json!("empty")),
                    ("/service/address", json!("10.96.78.1")),
                    ("/service/port", json!(5432)),
                    ("/observed/verdict", json!("rejected")),
                    ("/observed/evidence/node_reply", json!("icmp-unreachable")),
                    ("/observed/evidence/drop/reason", json!("NETFILTER_DROP")),
                    ("/observed/evidence/drop/class", json!("no_endpoints")),
                    ("/agreement", json!("undetermined")),
                ],
            );
            let summary = flow["summary"].as_str().unwrap();
            assert!(
                summary.starts_with("no policy: data/empty has no ready endpoints"),
                "{summary}"
            );
        }
        stage.run(&format!("{program} -D {rule}"));
    }
}
