//! Which connections a question stands for, and what is said where it stands for none.

mod representatives;

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
fn a_workload_is_each_of_its_pods_that_policies_can_tell_apart() {
    let deployment = "prod/shop[Deployment] > prod/alone 10.1.0.3 :1";
    check(
        &inventory(""),
        &[
            // Of two that are alike one.
            (
                "prod/web[StatefulSet]",
                "prod/alone",
                "TCP 1",
                &["prod/web-0 10.1.0.1 > prod/alone 10.1.0.3 :1"],
            ),
            // A template that has no pods, and one that has some, through its ReplicaSet.
            (
                "prod/shop[Deployment]",
                "prod/alone",
                "TCP 1",
                &[deployment],
            ),
            (
                "prod/api[Deployment]",
                "prod/alone",
                "TCP 1",
                &["prod/api-5d4f-x 10.1.0.6 > prod/alone 10.1.0.3 :1"],
            ),
            (
                "prod/api-5d4f[replicaset]",
                "prod/alone",
                "TCP 1",
                &["prod/api-5d4f-x 10.1.0.6 > prod/alone 10.1.0.3 :1"],
            ),
            // What a workload of another kind controls.
            (
                "prod/report[CronJob]",
                "prod/alone",
                "TCP 1",
                &["prod/report-1[Job] > prod/alone 10.1.0.3 :1"],
            ),
            (
                "prod/web[StatefulSet]",
                "prod/api[Deployment]",
                "TCP 1",
                &["prod/web-0 10.1.0.1 > prod/api-5d4f-x 10.1.0.6 :1"],
            ),
        ],
    );
    check(
        &inventory(
            "{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, metadata: {name: p, namespace: prod}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.1.0.1/32}}]}]}}",
        ),
        &[(
            "prod/web[StatefulSet]",
            "prod/alone",
            "TCP 1",
            &[
                "prod/web-0 10.1.0.1 > prod/alone 10.1.0.3 :1",
                "prod/web-1 10.1.0.2 > prod/alone 10.1.0.3 :1",
            ],
        )],
    );
}

#[test]
fn beside_a_node_it_counts_whether_a_pod_is_on_that_node() {
    check(
        &inventory(""),
        &[
            (
                "node/n1",
                "prod/web[StatefulSet]",
                "TCP 1",
                &[
                    "node n1 192.168.0.1 > prod/web-0 10.1.0.1 :1",
                    "node n1 192.168.0.1 > prod/web-1 10.1.0.2 :1",
                ],
            ),
            (
                "prod/web[StatefulSet]",
                "prod/proxy",
                "TCP 1",
                &[
                    "prod/web-0 10.1.0.1 > prod/proxy 192.168.0.1 :1",
                    "prod/web-1 10.1.0.2 > prod/proxy 192.168.0.1 :1",
                ],
            ),
        ],
    );
}

#[test]
fn the_number_of_pods_does_not_multiply_questions() {
    let pods = ["many", "host"].into_iter().flat_map(|set| {
        (0..100).map(move |n| {
            let host = set == "host";
            format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{name: {set}-{n}, namespace: prod, labels: {{app: {set}}}, \
                 ownerReferences: [{{apiVersion: apps/v1, kind: DaemonSet, name: {set}, uid: u, controller: true}}]}}, \
                 spec: {{nodeName: w{n}, hostNetwork: {host}, containers: []}}, \
                 status: {{podIPs: [{{ip: 10.{}.0.{n}}}]}}}}\n---\n",
                if host { 8 } else { 9 }
            )
        })
    });
    let inventory = inventory(&pods.collect::<String>());
    check(
        &inventory,
        &[
            (
                "prod/many[DaemonSet]",
                "prod/many[DaemonSet]",
                "TCP 1",
                &["prod/many-0 10.9.0.0 > prod/many-1 10.9.0.1 :1"],
            ),
            (
                "prod/many[DaemonSet]",
                "prod/host[DaemonSet]",
                "TCP 1",
                &[
                    "prod/many-0 10.9.0.0 > prod/host-0 10.8.0.0 :1",
                    "prod/many-0 10.9.0.0 > prod/host-1 10.8.0.1 :1",
                ],
            ),
            (
                "prod/host[DaemonSet]",
                "prod/host[DaemonSet]",
                "TCP 1",
                &["prod/host-0 10.8.0.0 > prod/host-1 10.8.0.1 :1"],
            ),
        ],
    );
}

#[test]
fn the_pods_of_a_workload_talk_to_each_other_and_not_to_themselves() {
    check(
        &inventory(""),
        &[
            (
                "prod/web[StatefulSet]",
                "prod/web[StatefulSet]",
                "TCP 1",
                &["prod/web-0 10.1.0.1 > prod/web-1 10.1.0.2 :1"],
            ),
            (
                "prod/web-0",
                "prod/web[StatefulSet]",
                "TCP 1",
                &["prod/web-0 10.1.0.1 > prod/web-1 10.1.0.2 :1"],
            ),
            (
                "prod/web[StatefulSet]",
                "prod/web-0",
                "TCP 1",
                &["prod/web-1 10.1.0.2 > prod/web-0 10.1.0.1 :1"],
            ),
            // The only one.
            (
                "prod/api[Deployment]",
                "prod/api[Deployment]",
                "TCP 1",
                &["prod/api-5d4f-x 10.1.0.6 > prod/api-5d4f-x 10.1.0.6 :1"],
            ),
        ],
    );
    // What stands for the pods of a template is not one of them.
    let inventory = inventory(
        "{kind: NetworkPolicy, apiVersion: networking.k8s.io/v1, metadata: {name: p, namespace: prod}, spec: {podSelector: {}}}",
    );
    let asked = ask(
        &inventory,
        "prod/shop[Deployment]",
        "prod/shop[Deployment]",
        "TCP 1",
    )
    .unwrap();
    assert_eq!(evaluate(&inventory, &asked[0]).decision(), Decision::Denied);
}

#[test]
fn a_service_is_its_backends_at_their_own_ports() {
    check(
        &inventory(""),
        &[
            // By selector, to a port by name.
            (
                "prod/alone",
                "prod/web[Service]",
                "TCP 80",
                &["prod/alone 10.1.0.3 > prod/web-0 10.1.0.1 :8080 for 10.96.0.5:80"],
            ),
            (
                "prod/alone",
                "10.96.0.5",
                "TCP web",
                &["prod/alone 10.1.0.3 > prod/web-0 10.1.0.1 :8080 for 10.96.0.5:80"],
            ),
            (
                "prod/alone",
                "prod/web[Service]",
                "TCP",
                &["prod/alone 10.1.0.3 > prod/web-0 10.1.0.1 for 10.96.0.5:0"],
            ),
            // A template, and no address yet.
            (
                "prod/alone",
                "prod/shop[Service]",
                "TCP 80",
                &["prod/alone 10.1.0.3 > prod/shop[Deployment] :9000"],
            ),
            // By EndpointSlices, and only who is ready.
            (
                "prod/alone",
                "prod/listed[Service]",
                "TCP 443",
                &[
                    "prod/alone 10.1.0.3 > prod/late 10.1.0.9 :8443 for 10.96.0.6:443",
                    "prod/alone 10.1.0.3 > 198.51.100.4 :8443 for 10.96.0.6:443",
                ],
            ),
            // Nobody knows what is behind it.
            (
                "prod/alone",
                "prod/bare[Service]",
                "TCP 80",
                &["prod/alone 10.1.0.3 > service prod/bare 10.96.0.7 :80"],
            ),
            (
                "prod/alone",
                "10.96.0.5",
                "TCP 81",
                &["prod/alone 10.1.0.3 > service prod/web 10.96.0.5 :81"],
            ),
            (
                "prod/alone",
                "10.96.0.5",
                "ICMP",
                &["prod/alone 10.1.0.3 > service prod/web 10.96.0.5"],
            ),
        ],
    );
}

#[test]
fn a_backend_may_be_the_opener_itself() {
    check(
        &inventory(""),
        &[(
            "prod/web-0",
            "prod/web[Service]",
            "TCP 80",
            &[
                "prod/web-0 10.1.0.1 > prod/web-1 10.1.0.2 :8080 for 10.96.0.5:80",
                "prod/web-0 10.1.0.1 > prod/web-0 10.1.0.1 :8080 for 10.96.0.5:80",
            ],
        )],
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

#[test]
fn what_cannot_be_asked_says_what_there_is() {
    let inventory = inventory("");
    for (from, to, port, message) in [
        (
            "web",
            "prod/alone",
            "TCP 1",
            "expected NAMESPACE/POD, NAMESPACE/NAME[KIND], node/NAME or an IP address, found \"web\"",
        ),
        (
            "prod/shop",
            "prod/alone",
            "TCP 1",
            "no pod prod/shop; there is prod/shop[Deployment], prod/shop[Service]",
        ),
        (
            "prod/alone",
            "prod/wbe-0",
            "TCP 1",
            "no pod prod/wbe-0; there is prod/web-0",
        ),
        ("prod/alone", "prod/nothing", "TCP 1", "no pod prod/nothing"),
        (
            "prd/alone",
            "prod/alone",
            "TCP 1",
            "no pod prd/alone; there is namespace prod",
        ),
        (
            "prod/web[Deployment]",
            "prod/alone",
            "TCP 1",
            "no Deployment prod/web; there is prod/web[Service], prod/web[StatefulSet]",
        ),
        (
            "prod/alone",
            "prod/wep[Service]",
            "TCP 1",
            "no Service prod/wep; there is prod/web[Service], prod/web[StatefulSet]",
        ),
        (
            "node/n3",
            "prod/alone",
            "TCP 1",
            "no node n3; there is node/n1, node/n2",
        ),
        (
            "node/n2",
            "prod/alone",
            "TCP 1",
            "node n2 has no address in its status",
        ),
        (
            "prod/migrate[Job]",
            "prod/alone",
            "TCP 1",
            "no pod of Job prod/migrate runs; finished: prod/migrate-1",
        ),
        (
            "prod/web[Service]",
            "prod/alone",
            "TCP 1",
            "Service prod/web opens no connections; ask about the pods behind it",
        ),
        (
            "prod/alone",
            "prod/web[Service]",
            "TCP 81",
            "Service prod/web has no TCP port 81; there is web (TCP 80), TCP 8443",
        ),
        (
            "prod/alone",
            "prod/web[Service]",
            "UDP 80",
            "Service prod/web has no UDP port 80; there is web (TCP 80), TCP 8443",
        ),
        (
            "prod/alone",
            "10.96.0.5",
            "TCP http",
            "Service prod/web has no TCP port http; there is web (TCP 80), TCP 8443",
        ),
        (
            "prod/alone",
            "prod/outside[Service]",
            "TCP 80",
            "Service prod/outside has no backends: it is a name for somebody outside",
        ),
        (
            "prod/alone",
            "prod/none[Service]",
            "TCP 80",
            "Service prod/none has no backends: its selector matches no pod with that port",
        ),
        (
            "prod/alone",
            "prod/shop[Service]",
            "ICMP",
            "Service prod/shop has no backends: only TCP, UDP and SCTP reach them",
        ),
        (
            "prod/alone",
            "prod/web-0",
            "UDP http",
            "pod prod/web-0 has no UDP port http; there is http (TCP 8080)",
        ),
        (
            "prod/alone",
            "prod/late",
            "TCP http",
            "pod prod/late has no TCP port http",
        ),
        (
            "prod/alone",
            "203.0.113.7",
            "TCP http",
            "port \"http\": only pods and Services have names for ports, 203.0.113.7 needs a number",
        ),
        (
            "prod/alone",
            "prod/web-0",
            "ICMP 8",
            "ICMP has no ports that policies know",
        ),
        (
            "prod/alone",
            "prod/web-0",
            "47 8",
            "IP protocol 47 has no ports that policies know",
        ),
    ] {
        let error = ask(&inventory, from, to, port).unwrap_err();
        assert_eq!(error.to_string(), message, "{from} > {to} {port}");
    }
}
