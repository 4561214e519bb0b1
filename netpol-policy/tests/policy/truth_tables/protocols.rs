//! A rule for one protocol allows that one, and isolates the others.

use netpol_policy::model::Protocol::{self, Sctp, Tcp, Udp};

use super::xyz;
use crate::support::reachability::everyone;

const WITH_PORTS: [(Protocol, &str); 3] = [(Tcp, "TCP"), (Udp, "UDP"), (Sctp, "SCTP")];

#[test]
fn default_deny_ingress_denies_every_protocol() {
    let cluster = xyz().policy(
        "x/deny-ingress",
        "{podSelector: {}, policyTypes: [Ingress]}",
    );
    for (protocol, _) in WITH_PORTS {
        cluster.expect(protocol, 80, &everyone().denied("*", "x/*"));
    }
}

#[test]
fn one_port_of_one_protocol_from_one_namespace() {
    for (listed, name) in WITH_PORTS {
        let cluster = xyz().policy(
            "x/81-from-y",
            &format!(
                "{{podSelector: {{matchLabels: {{pod: a}}}}, ingress: [{{
                  from: [{{namespaceSelector: {{matchLabels: {{ns: 'y'}}}}}}], ports: [{{protocol: {name}, port: 81}}]}}]}}"
            ),
        );
        let closed = everyone().denied("*", "x/a");
        for (asked, _) in WITH_PORTS {
            let table = if asked == listed {
                closed.clone().allowed("y/*", "x/a")
            } else {
                closed.clone()
            };
            cluster.expect(asked, 81, &table);
            cluster.expect(asked, 80, &closed);
        }
    }
}

#[test]
fn one_pod_of_another_namespace_over_every_protocol() {
    let cluster = xyz().policy(
        "x/from-a-of-y",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{from:
          [{namespaceSelector: {matchLabels: {ns: 'y'}}, podSelector: {matchLabels: {pod: a}}}]}]}",
    );
    for (protocol, _) in WITH_PORTS {
        cluster.expect(
            protocol,
            80,
            &everyone().denied("*", "x/a").allowed("y/a", "x/a"),
        );
    }
}

#[test]
fn a_protocol_without_a_port_is_all_of_its_ports_and_no_other_protocol() {
    let cluster = xyz().policy(
        "x/tcp",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{protocol: TCP}]}]}",
    );
    for port in [80, 81] {
        cluster.expect(Tcp, port, &everyone());
        cluster.expect(Udp, port, &everyone().denied("*", "x/a"));
        cluster.expect(Sctp, port, &everyone().denied("*", "x/a"));
    }
}

#[test]
fn sctp_is_not_taken_for_tcp() {
    xyz()
        .policy("x/deny", "{podSelector: {}, policyTypes: [Ingress]}")
        .policy(
            "x/sctp-81",
            "{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{protocol: SCTP, port: 81}]}]}",
        )
        .expect(Tcp, 81, &everyone().denied("*", "x/*"));
}

#[test]
fn a_policy_for_sctp_isolates_tcp() {
    let cluster = xyz().policy(
        "x/sctp-80",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{protocol: SCTP, port: 80}]}]}",
    );
    cluster.expect(Tcp, 81, &everyone().denied("*", "x/a"));
    cluster.expect(Tcp, 80, &everyone().denied("*", "x/a"));
    cluster.expect(Sctp, 80, &everyone());
}

#[test]
fn a_policy_for_udp_does_not_allow_tcp() {
    let cluster = xyz().policy(
        "x/udp-81",
        "{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{protocol: UDP, port: 81}]}]}",
    );
    cluster.expect(Tcp, 81, &everyone().denied("*", "x/a"));
    cluster.expect(Udp, 81, &everyone());
}

#[test]
fn a_port_without_a_protocol_is_tcps() {
    let cluster = xyz().policy(
        "x/tcp-53",
        "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53}]}]}",
    );
    cluster.expect(Tcp, 53, &everyone());
    cluster.expect(Udp, 53, &everyone().denied("x/*", "*"));
}
