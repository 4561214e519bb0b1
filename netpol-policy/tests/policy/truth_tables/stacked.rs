//! Several policies for one pod are a union.

use netpol_policy::model::Protocol::{Sctp, Tcp, Udp};

use super::xyz;
use crate::support::reachability::everyone;

const DENY_INGRESS: &str = "{podSelector: {}, policyTypes: [Ingress]}";
const DENY_EGRESS: &str = "{podSelector: {}, policyTypes: [Egress]}";

#[test]
fn allowing_one_pod_over_a_default_deny() {
    xyz()
        .policy("x/deny", DENY_INGRESS)
        .policy(
            "x/allow-to-a",
            "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {}}]}]}",
        )
        .expect(
            Tcp,
            80,
            &everyone().denied("*", "x/*").allowed("*/*", "x/a"),
        );
}

#[test]
fn overlapping_policies_add_their_ports() {
    let to_a_from_y = |port: u16| {
        format!(
            "{{podSelector: {{matchLabels: {{pod: a}}}}, ingress: [{{
              from: [{{namespaceSelector: {{matchLabels: {{ns: 'y'}}}}}}], ports: [{{protocol: TCP, port: {port}}}]}}]}}"
        )
    };
    let closed = everyone().denied("*", "x/a");
    let open = closed.clone().allowed("y/*", "x/a");
    let one = xyz().policy("x/81-from-y", &to_a_from_y(81));
    one.expect(Tcp, 81, &open);
    one.expect(Tcp, 80, &closed);
    let both = one.policy("x/80-from-y", &to_a_from_y(80));
    both.expect(Tcp, 81, &open);
    both.expect(Tcp, 80, &open);
}

#[test]
fn allow_all_ingress_goes_before_a_narrower_policy() {
    let narrow = xyz().policy(
        "x/only-80",
        "{podSelector: {}, ingress: [{ports: [{port: 80}]}]}",
    );
    narrow.expect(Tcp, 81, &everyone().denied("*", "x/*"));
    narrow
        .policy("x/all", "{podSelector: {}, ingress: [{}]}")
        .expect(Tcp, 81, &everyone());
}

#[test]
fn allow_all_egress_goes_before_a_narrower_policy() {
    let narrow = xyz().policy(
        "x/only-80",
        "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]}",
    );
    narrow.expect(Tcp, 81, &everyone().denied("x/*", "*"));
    narrow
        .policy(
            "x/all",
            "{podSelector: {}, policyTypes: [Egress], egress: [{}]}",
        )
        .expect(Tcp, 81, &everyone());
}

#[test]
fn allow_all_goes_before_deny_all_whatever_their_names() {
    for (deny, allow) in [("x/0-deny", "x/1-allow"), ("x/1-deny", "x/0-allow")] {
        xyz()
            .policy(deny, DENY_INGRESS)
            .policy(allow, "{podSelector: {}, ingress: [{}]}")
            .expect(Tcp, 80, &everyone());
    }
}

#[test]
fn allowing_all_pods_or_all_addresses_over_a_deny_are_not_the_same() {
    let by_pods =
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}";
    let by_address = "{podSelector: {}, policyTypes: [Egress], egress: [{to:
        [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]}";
    let denied = xyz().policy("x/deny", DENY_EGRESS);
    denied
        .clone()
        .policy("x/pods", by_pods)
        .expect(Tcp, 80, &everyone().denied("x/*", "outside"));
    denied
        .policy("x/addresses", by_address)
        .expect(Tcp, 80, &everyone());
}

#[test]
fn policies_of_two_namespaces_have_to_agree() {
    xyz()
        .policy(
            "x/egress-to-y",
            "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {ns: 'y'}}}]}]}",
        )
        .policy(
            "y/ingress-from-x-to-a",
            "{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: x}}}]}]}",
        )
        .policy(
            "y/no-ingress-to-b",
            "{podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress]}",
        )
        .expect(
            Tcp,
            80,
            &everyone()
                .denied("x/*", "*")
                .allowed("x/*", "y/*")
                .denied("*", "y/a")
                .allowed("x/*", "y/a")
                .denied("*", "y/b"),
        );
}

#[test]
fn a_protocol_a_policy() {
    let cluster = xyz()
        .policy(
            "x/tcp",
            "{podSelector: {}, ingress: [{ports: [{protocol: TCP, port: 80}]}]}",
        )
        .policy(
            "x/udp",
            "{podSelector: {}, ingress: [{ports: [{protocol: UDP, port: 81}]}]}",
        );
    let closed = everyone().denied("*", "x/*");
    cluster.expect(Tcp, 80, &everyone());
    cluster.expect(Tcp, 81, &closed);
    cluster.expect(Udp, 81, &everyone());
    cluster.expect(Udp, 80, &closed);
    cluster.expect(Sctp, 80, &closed);
}
