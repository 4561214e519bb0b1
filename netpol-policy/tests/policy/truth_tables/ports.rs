//! Numbers, names and ranges of ports.

use netpol_policy::model::Protocol::Tcp;

use super::xyz;
use crate::support::reachability::everyone;

#[test]
fn one_port_from_one_namespace() {
    let cluster = xyz().policy(
        "x/81-from-y",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{
          from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}], ports: [{protocol: TCP, port: 81}]}]}",
    );
    let closed = everyone().denied("*", "x/a");
    cluster.expect(Tcp, 81, &closed.clone().allowed("y/*", "x/a"));
    cluster.expect(Tcp, 80, &closed);
}

#[test]
fn one_named_port_of_a_namespace() {
    let cluster = xyz().policy(
        "x/81-by-name",
        "{podSelector: {}, ingress: [{ports: [{port: serve-81-tcp}]}]}",
    );
    cluster.expect(Tcp, 81, &everyone());
    cluster.expect(Tcp, 80, &everyone().denied("*", "x/*"));
}

#[test]
fn one_named_port_from_one_namespace() {
    let cluster = xyz().policy(
        "x/80-by-name-from-y",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{
          from: [{namespaceSelector: {matchLabels: {ns: 'y'}}}], ports: [{protocol: TCP, port: serve-80-tcp}]}]}",
    );
    let closed = everyone().denied("*", "x/a");
    cluster.expect(Tcp, 80, &closed.clone().allowed("y/*", "x/a"));
    cluster.expect(Tcp, 81, &closed);
}

#[test]
fn one_named_port_on_egress_is_of_pods_alone() {
    let cluster = xyz().policy(
        "x/to-80-by-name",
        "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: serve-80-tcp}]}]}",
    );
    cluster.expect(Tcp, 80, &everyone().denied("x/*", "outside"));
    cluster.expect(Tcp, 81, &everyone().denied("x/*", "*"));
}

#[test]
fn a_name_stands_for_another_number_at_each_destination() {
    let cluster = xyz()
        .namespace("w", "{ns: w}")
        .pod_with_ports(
            "w/d",
            "{pod: d}",
            "[{name: serve-80-tcp, containerPort: 8080}]",
        )
        .pod_with_ports("w/e", "{pod: e}", "[{name: other, containerPort: 80}]")
        .policy(
            "x/to-80-by-name",
            "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: serve-80-tcp}]}]}",
        );
    let outside = everyone().denied("x/*", "outside");
    cluster.expect(Tcp, 80, &outside.denied("x/*", "w/*"));
    cluster.expect(
        Tcp,
        8080,
        &everyone().denied("x/*", "*").allowed("x/*", "w/d"),
    );
}

#[test]
fn a_name_of_another_protocol_is_no_port() {
    let cluster = xyz().policy(
        "x/name-of-udp",
        "{podSelector: {}, ingress: [{ports: [{protocol: TCP, port: serve-80-udp}]}]}",
    );
    cluster.expect(Tcp, 80, &everyone().denied("*", "x/*"));
}

#[test]
fn a_range_has_both_its_ends() {
    let cluster = xyz().policy(
        "x/range",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: 79, endPort: 81}]}]}",
    );
    for port in [79, 80, 81] {
        cluster.expect(Tcp, port, &everyone());
    }
    for port in [1, 78, 82, 65535] {
        cluster.expect(Tcp, port, &everyone().denied("*", "x/a"));
    }
}

#[test]
fn a_range_on_egress_to_one_pod() {
    let cluster = xyz().policy(
        "x/range-to-b",
        "{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{
          to: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: 80, endPort: 81}]}]}",
    );
    let closed = everyone().denied("x/a", "*");
    cluster.expect(Tcp, 80, &closed.clone().allowed("x/a", "x/b"));
    cluster.expect(Tcp, 81, &closed.clone().allowed("x/a", "x/b"));
    cluster.expect(Tcp, 82, &closed);
}

#[test]
fn several_ports_of_one_rule_are_alternatives() {
    let cluster = xyz().policy(
        "x/80-and-81",
        "{podSelector: {}, ingress: [{ports: [{port: 80}, {port: serve-81-tcp}]}]}",
    );
    cluster.expect(Tcp, 80, &everyone());
    cluster.expect(Tcp, 81, &everyone());
    cluster.expect(Tcp, 82, &everyone().denied("*", "x/*"));
}

#[test]
fn a_port_and_a_peer_of_two_rules_do_not_add_up() {
    let cluster = xyz().policy(
        "x/two-rules",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [
          {from: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: 80}]},
          {from: [{podSelector: {matchLabels: {pod: c}}}], ports: [{port: 81}]}]}",
    );
    let closed = everyone().denied("*", "x/a");
    cluster.expect(Tcp, 80, &closed.clone().allowed("x/b", "x/a"));
    cluster.expect(Tcp, 81, &closed.allowed("x/c", "x/a"));
}
