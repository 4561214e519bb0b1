//! Which connections a question stands for.

mod refused;
mod representatives;
mod services;
mod workloads;

use super::*;
use crate::connection::End;
use crate::evaluate::evaluate;
use crate::manifest;
use crate::verdict::{Caveat, Decision, Verdict};

const WORLD: &str = include_str!("tests/world.yaml");

fn inventory(more: &str) -> Inventory {
    let read = manifest::parse(&format!("{WORLD}\n---\n{more}"));
    assert_eq!(read.errors, []);
    Inventory::new(read.objects)
}

fn ask(
    inventory: &Inventory,
    from: &str,
    to: &str,
    port: &str,
) -> Result<Vec<Connection>, RequestError> {
    let (protocol, port) = port.split_once(' ').unwrap_or((port, ""));
    let request = Request {
        from: from.parse()?,
        to: to.parse()?,
        protocol: super::protocol(protocol)?,
        port: (!port.is_empty()).then(|| port.parse()).transpose()?,
    };
    request.connections(inventory)
}

/// Such as `prod/web-0 10.1.0.1 > prod/db-0 10.1.0.9 :5432 for 10.96.0.5:5432`.
fn written(connection: &Connection) -> String {
    let end = |end: &End| match (end, end.address()) {
        (End::Address(address), _) => address.to_string(),
        (end, Some(address)) => format!("{end} {address}"),
        (end, None) => end.to_string(),
    };
    let mut text = format!(
        "{} > {}",
        end(&connection.source),
        end(&connection.destination)
    );
    if let Some(port) = connection.destination_port {
        text += &format!(" :{port}");
    }
    if let Some(dialled) = connection.dialled {
        text += &format!(" for {dialled}");
    }
    text
}

/// Questions of `from`, `to` and protocol with port, and the connections that they stand for.
type Table<'a> = &'a [(&'a str, &'a str, &'a str, &'a [&'a str])];

fn check(inventory: &Inventory, table: Table<'_>) {
    for (from, to, port, expected) in table {
        let asked = ask(inventory, from, to, port);
        let asked = asked.unwrap_or_else(|error| panic!("{from} > {to} {port}: {error}"));
        let asked: Vec<_> = asked.iter().map(written).collect();
        assert_eq!(asked, *expected, "{from} > {to} {port}");
    }
}

#[test]
fn pods_nodes_and_addresses_are_who_they_are() {
    check(
        &inventory(""),
        &[
            (
                "prod/alone",
                "10.1.0.9",
                "TCP 80",
                &["prod/alone 10.1.0.3 > prod/late 10.1.0.9 :80"],
            ),
            (
                "prod/alone[Pod]",
                "203.0.113.7",
                "UDP 53",
                &["prod/alone 10.1.0.3 > 203.0.113.7 :53"],
            ),
            (
                "192.168.0.1",
                "prod/alone",
                "TCP",
                &["node n1 192.168.0.1 > prod/alone 10.1.0.3"],
            ),
            (
                "node/n1",
                "prod/alone",
                "icmp",
                &["node n1 192.168.0.1 > prod/alone 10.1.0.3"],
            ),
            // There is no Node of that name.
            (
                "node/shell",
                "prod/alone",
                "TCP 1",
                &["node/shell 10.1.0.8 > prod/alone 10.1.0.3 :1"],
            ),
            (
                "node/shell[Pod]",
                "prod/alone",
                "TCP 1",
                &["node/shell 10.1.0.8 > prod/alone 10.1.0.3 :1"],
            ),
            // Its node's address (rule 21).
            (
                "prod/proxy",
                "prod/alone",
                "TCP 1",
                &["prod/proxy 192.168.0.1 > prod/alone 10.1.0.3 :1"],
            ),
            // It has finished, and its address is another's (rule 24).
            (
                "prod/migrate-1",
                "prod/alone",
                "TCP 1",
                &["prod/migrate-1 > prod/alone 10.1.0.3 :1"],
            ),
            (
                "10.1.0.99",
                "prod/alone",
                "TCP 1",
                &["10.1.0.99 (unknown) 10.1.0.99 > prod/alone 10.1.0.3 :1"],
            ),
        ],
    );
}

#[test]
fn a_name_of_a_port_is_each_pods_own() {
    check(
        &inventory(""),
        &[
            (
                "prod/alone",
                "prod/web-0",
                "TCP http",
                &["prod/alone 10.1.0.3 > prod/web-0 10.1.0.1 :8080"],
            ),
            // Only one of both has it.
            (
                "prod/web-0",
                "prod/mixed[DaemonSet]",
                "UDP dns",
                &["prod/web-0 10.1.0.1 > prod/mixed-a 10.1.0.11 :53"],
            ),
            (
                "prod/web-0",
                "prod/mixed[DaemonSet]",
                "TCP admin",
                &[
                    "prod/web-0 10.1.0.1 > prod/mixed-a 10.1.0.11 :9001",
                    "prod/web-0 10.1.0.1 > prod/mixed-b 10.1.0.12 :9002",
                ],
            ),
        ],
    );
}

#[test]
fn both_families_are_asked_about_where_a_block_may_tell_them_apart() {
    let dual = "
{kind: Pod, apiVersion: v1, metadata: {name: one, namespace: dual}, status: {podIPs: [{ip: 'fd00::1'}, {ip: 10.2.0.1}]}}
---
{kind: Pod, apiVersion: v1, metadata: {name: two, namespace: dual}, status: {podIPs: [{ip: 10.2.0.2}, {ip: 'fd00::2'}]}}
---
{kind: Pod, apiVersion: v1, metadata: {name: six, namespace: dual}, status: {podIPs: [{ip: 'fd00::6'}]}}
";
    let four = "dual/one 10.2.0.1 > dual/two 10.2.0.2 :1";
    let six = "dual/one fd00::1 > dual/two fd00::2 :1";
    check(
        &inventory(dual),
        &[
            ("dual/one", "dual/two", "TCP 1", &[four]),
            (
                "dual/one",
                "dual/six",
                "TCP 1",
                &["dual/one fd00::1 > dual/six fd00::6 :1"],
            ),
            // They have none in common.
            (
                "prod/alone",
                "dual/six",
                "TCP 1",
                &["prod/alone 10.1.0.3 > dual/six fd00::6 :1"],
            ),
        ],
    );
    let policy = "{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, metadata: {name: p, namespace: dual}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 'fd00::/64'}}]}]}}";
    let inventory = inventory(&format!("{dual}---\n{policy}"));
    check(
        &inventory,
        &[("dual/one", "dual/two", "TCP 1", &[four, six])],
    );
    let asked = ask(&inventory, "dual/one", "dual/two", "TCP 1").unwrap();
    let verdict = combine(asked.iter().map(|one| evaluate(&inventory, one)));
    assert_eq!(verdict.decision(), Decision::Unknown);
    assert_eq!(verdict.ingress.decision, Decision::Unknown);
    assert_eq!(verdict.egress.decision, Decision::Allowed);
    assert!(verdict.caveats.contains(&Caveat::PodsDiffer));
}
