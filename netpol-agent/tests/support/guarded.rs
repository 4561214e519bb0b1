//! A scene with one firewalled port.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use netpol_testkit::PodSpec;
use netpol_testkit::firewall::nft;
use netpol_testkit::traffic::TcpAttempt;
use serde_json::{Value, json};

use crate::scene::Scene;

const DB: Ipv4Addr = Ipv4Addr::new(10, 244, 9, 20);

/// `ci/build` and `data/db`. Nobody enters `data` but by these ports, in the order in which the policy `guard` lists them; a rule
/// of the node sees to that for one other, 5432.
pub(crate) fn scene(ports: &[u16]) -> Scene {
    let scene = Scene::new([
        PodSpec::new("ci/build", [10, 244, 9, 10].into()),
        PodSpec::new("data/db", DB),
    ]);
    let ports: Vec<Value> = ports.iter().map(|port| json!({ "port": port })).collect();
    let policy = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": "guard", "namespace": "data" },
        "spec": { "podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{ "ports": ports }] },
    });
    let manifests = scene.directory.path().join("manifests");
    fs::write(manifests.join("policy.json"), policy.to_string()).unwrap();
    let ruleset = format!(
        "table inet guard {{ chain forward {{ type filter hook forward priority 0; \
         ip daddr {DB} tcp dport 5432 drop\n}}\n}}\n"
    );
    nft(scene.cluster.node(), &ruleset).unwrap();
    scene
}

/// To a port of `data/db`, given up after so long.
pub(crate) fn to(port: u16, gives_up: Duration) -> TcpAttempt {
    TcpAttempt::to(SocketAddr::from((DB, port))).timeout(gives_up)
}
