//! Decisions per second, by the number of pods, with 100 policies in ten namespaces. `cargo bench -p netpol-policy`.

use std::net::{IpAddr, Ipv4Addr};

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use netpol_policy::connection::{Connection, End};
use netpol_policy::evaluate::evaluate;
use netpol_policy::inventory::Inventory;
use netpol_policy::manifest;
use netpol_policy::model::Protocol;
use serde_json::{Value, json};

const NAMESPACES: u32 = 10;
const POLICIES: u32 = 100;
/// Connections of one round, between pods all over the inventory.
const CONNECTIONS: u32 = 1_000;

fn main() {
    divan::main();
}

#[divan::bench(args = [100, 1_000])]
fn decisions(bencher: Bencher, pods: u32) {
    let inventory = inventory(pods);
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|n| connection(&inventory, n, pods))
        .collect();
    bencher
        .counter(ItemsCount::new(connections.len()))
        .bench_local(|| {
            for connection in &connections {
                black_box(evaluate(&inventory, black_box(connection)));
            }
        });
}

/// What a change of the inventory costs.
#[divan::bench(args = [100, 1_000])]
fn manifests(bencher: Bencher, pods: u32) {
    let text = text(pods);
    bencher
        .counter(ItemsCount::new(pods + POLICIES))
        .bench_local(|| Inventory::new(manifest::parse(black_box(&text)).objects));
}

fn namespace(n: u32) -> String {
    format!("team-{}", n % NAMESPACES)
}

fn address(n: u32) -> IpAddr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + n).into()
}

fn connection(inventory: &Inventory, n: u32, pods: u32) -> Connection {
    let end = |n: u32| {
        let address = address(n % pods);
        // Every address below the number of pods has been given to one of them.
        let pod = inventory
            .pod_at(address)
            .expect("a pod of the bench")
            .clone();
        End::Pod {
            pod,
            address: Some(address),
        }
    };
    Connection::new(
        end(n * 7),
        end(n * 13 + 1),
        Protocol::Tcp,
        Some(8_000 + (n % 8) as u16),
    )
}

fn inventory(pods: u32) -> Inventory {
    let read = manifest::parse(&text(pods));
    assert_eq!(read.errors, []);
    Inventory::new(read.objects)
}

fn text(pods: u32) -> String {
    let objects: Vec<Value> = (0..pods)
        .map(pod)
        .chain((0..POLICIES).map(policy))
        .collect();
    Value::from(objects).to_string()
}

fn pod(n: u32) -> Value {
    json!({
        "kind": "Pod",
        "metadata": {"name": format!("pod-{n}"), "namespace": namespace(n),
                     "labels": {"app": format!("app-{}", n % 20), "tier": format!("tier-{}", n % 3)}},
        "spec": {"containers": [{"name": "main", "ports": [{"name": "http", "containerPort": 8000}]}]},
        "status": {"podIPs": [{"ip": address(n)}]},
    })
}

fn policy(n: u32) -> Value {
    json!({
        "kind": "NetworkPolicy",
        "metadata": {"name": format!("policy-{n}"), "namespace": namespace(n)},
        "spec": {
            "podSelector": {"matchLabels": {"tier": format!("tier-{}", n % 3)}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{
                "from": [
                    {"podSelector": {"matchLabels": {"app": format!("app-{}", n % 20)}}},
                    {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace(n / 2)}}},
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/25"]}},
                ],
                "ports": [{"port": "http"}, {"port": 8001, "endPort": 8004}],
            }],
            "egress": [{"to": [{"namespaceSelector": {}}]}],
        },
    })
}
